"""Calendars of tasks by name: a namespace's own comes before the one that all share."""

from typing import Any

from django.db.models import Q, QuerySet

from scheduler import claims, connections
from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import Fault
from scheduler.models import Calendar, Task


def visible(*, namespace: str | None) -> QuerySet[Calendar]:
    """Return the calendars that tasks of a namespace may use: its own and the shared ones; None sees them all."""
    calendars = Calendar.objects.filter(deleted_at=None).order_by("name", "namespace")
    return calendars if namespace is None else calendars.filter(Q(namespace=namespace) | Q(namespace=None))


def resolved(values: dict[str, Any], *, namespace: str) -> tuple[dict[str, Any], list[Fault]]:
    """Return a task's values with the calendar's row in the place of its name, and the fault of one that is unknown."""
    if "calendar_name" not in values:
        return values, []
    others = {column: value for column, value in values.items() if column != "calendar_name"}
    name = values["calendar_name"]
    if name is None:
        return others | {"calendar_id": None}, []
    found = visible(namespace=namespace).filter(name=name).order_by("namespace").first()  # NULL, the shared one, last
    if found is None:
        return others, [_unknown(name, namespace)]
    return others | {"calendar_id": found.id}, []


def kept(task: Task) -> list[Fault]:
    """Keep the task's calendar from being deleted until the transaction ends; return the fault of one that is gone."""
    if task.calendar_id is None or claims.keep_calendar(connections.current(), task.calendar_id):
        return []
    return [_unknown(str(task.calendar_name), task.namespace)]


def _unknown(name: str, namespace: str) -> Fault:
    known = visible(namespace=namespace).values_list("name", flat=True)
    return Fault("calendar", "unknown", f"There is no calendar {name[:100]!r}.{did_you_mean(name, known)}", True)
