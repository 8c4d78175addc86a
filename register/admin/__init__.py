"""The console's pages of what register writes."""

from register.admin import calendars, tasks, tokens

__all__ = ["calendars", "tasks", "tokens"]
