"""The console's pages of what register writes."""

from register.admin import audit, calendars, operations, tasks, tokens, users, webhooks

__all__ = ["audit", "calendars", "operations", "tasks", "tokens", "users", "webhooks"]
