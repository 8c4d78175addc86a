"""Calendars of tasks by name: a namespace's own comes before the one that all share."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from register.surroundings import Surroundings
from scheduler import claims, connections
from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import Fault
from scheduler.models import Calendar, Task


def visible(*, namespace: str | None) -> QuerySet[Calendar]:
    """Return the calendars that tasks of a namespace may use: its own and the shared ones; None sees them all."""
    calendars = Calendar.objects.filter(deleted_at=None).order_by("name", "namespace")
    return calendars if namespace is None else calendars.filter(Q(namespace=namespace) | Q(namespace=None))


def resolved(values: dict[str, Any], *, namespace: str, among: Surroundings) -> tuple[dict[str, Any], list[Fault]]:
    """Return a task's values with the calendar's id in the place of its name, and the fault of one that is unknown."""
    if "calendar_name" not in values:
        return values, []
    others = {column: value for column, value in values.items() if column != "calendar_name"}
    name = values["calendar_name"]
    if name is None:
        return others | {"calendar_id": None}, []
    found = among.calendar(name, namespace=namespace)
    if found is None:
        return others, [_unknown(name, among.calendar_names(namespace=namespace))]
    return others | {"calendar_id": found.id}, []


def keep(tasks: Iterable[Task], *, among: Surroundings) -> dict[UUID, Fault]:
    """Keep the tasks' calendars from being deleted until the transaction ends; return the faults of those gone already.

    By the id of the task; one without a calendar needs nothing.
    """
    under = [task for task in tasks if task.calendar_id is not None]
    kept = claims.keep_calendars(connections.current(), {task.calendar_id for task in under if task.calendar_id})
    return {
        task.id: _unknown(str(task.calendar_name), among.calendar_names(namespace=task.namespace))
        for task in under
        if task.calendar_id not in kept
    }


def _unknown(name: str, known: Iterable[str]) -> Fault:
    return Fault("calendar", "unknown", f"There is no calendar {name[:100]!r}.{did_you_mean(name, known)}", True)
