"""What a definition is checked against: announced handlers, calendars, listed secrets, webhooks."""

from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID

from scheduler.engine.flex import DayLoad
from scheduler.models import Calendar, Handler


class Surroundings(Protocol):
    """Where definitions are checked; the database is one such place, a catalogue in a file another."""

    def handler(self, task_class: str) -> Handler | None:
        """Return the handler of a public name, if some worker has announced it."""

    def task_classes(self) -> Collection[str]:
        """Return the public names of all handlers."""

    def calendar(self, name: str, *, namespace: str) -> Calendar | None:
        """Return the calendar that tasks of a namespace mean by a name."""

    def calendar_names(self, *, namespace: str) -> Collection[str]:
        """Return the names of the calendars that tasks of a namespace may use."""

    def calendar_of(self, calendar_id: UUID) -> Calendar | None:
        """Return a calendar by its id."""

    def secret_names(self, namespace: str) -> Collection[str]:
        """Return which secrets the tasks of a namespace may name; none where only the worker knows."""

    def has_webhook(self, webhook_id: UUID, *, namespace: str) -> bool:
        """Tell whether there is a webhook that people of a namespace may be notified by: its own, or one of all."""

    def loads(self, queue: str) -> Mapping[str, DayLoad]:
        """Return what is forecast of a queue, by its name; nothing where nobody knows."""
