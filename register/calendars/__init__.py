"""Calendars: their names in tasks, their verbs, their lists, and what a change would do."""
