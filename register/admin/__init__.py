"""The console's pages of what register writes."""

from register.admin import calendars, operations, tasks, tokens

__all__ = ["calendars", "operations", "tasks", "tokens"]
