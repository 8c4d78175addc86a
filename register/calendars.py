"""Calendars of tasks by name: a namespace's own comes before the one that all share."""

from typing import Any

from django.db.models import Q

from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import Fault
from scheduler.models import Calendar


def visible(*, namespace: str | None) -> Any:
    """Return the calendars that tasks of a namespace may use: its own and the shared ones; None sees them all."""
    calendars = Calendar.objects.order_by("name", "namespace")
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


def _unknown(name: str, namespace: str) -> Fault:
    known = visible(namespace=namespace).values_list("name", flat=True)
    return Fault("calendar", "unknown", f"There is no calendar {name[:100]!r}.{did_you_mean(name, known)}", True)
