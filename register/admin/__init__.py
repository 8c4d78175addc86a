"""The console's pages of what register writes."""

from register.admin import (
    audit,
    calendars,
    channels,
    deliveries,
    events,
    flow,
    namespaces,
    operations,
    tasks,
    templates,
    tokens,
    users,
    webhooks,
)

__all__ = [
    "audit",
    "calendars",
    "channels",
    "deliveries",
    "events",
    "flow",
    "namespaces",
    "operations",
    "tasks",
    "templates",
    "tokens",
    "users",
    "webhooks",
]
