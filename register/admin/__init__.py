"""The console's pages of what register writes."""

from register.admin import audit, calendars, flow, operations, tasks, tokens, users, webhooks

__all__ = ["audit", "calendars", "flow", "operations", "tasks", "tokens", "users", "webhooks"]
