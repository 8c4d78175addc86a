"""The verbs of calendars: create, change, delete. Each is one transaction and never sees a request.

A caller who is bound to a `namespace` sees its calendars and the shared ones, and writes its own only.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import transaction

from register import journal, sharing
from register.calendars import naming, selectors
from register.errors import CalendarInUse, CalendarNameTaken, CalendarNotFound
from register.given import Given
from register.uniqueness import one_name
from register.versions import refuse_stale
from scheduler import claims, connections, revisions
from scheduler.errors import Fault, InvalidInput
from scheduler.models import Calendar
from scheduler.models.choices import AuditVerb

CREATED_BY_LENGTH = 100
USERS_NAMED = 5

_NAME_ONCE = "scheduler_calendars_name_once"


def create_calendar(given: Given, *, actor: str, namespace: str | None, now: datetime) -> Calendar:
    """Store a new calendar and return it; without a namespace of its own it is the caller's, or shared by all.

    Raises InvalidInput, CalendarNameTaken, NamespaceForbidden.
    """
    values = {"namespace": namespace} | given.values
    sharing.refuse_foreign(values["namespace"], namespace=namespace)
    if given.faults:
        raise InvalidInput(given.faults)
    calendar = Calendar(**values, created_at=now, updated_at=now, created_by=actor[:CREATED_BY_LENGTH])
    with one_name(_NAME_ONCE, taken=CalendarNameTaken):
        calendar.save(force_insert=True)
        revisions.keep_calendar(connections.current(), calendar.id)
        journal.note(AuditVerb.CREATE, calendar, after=_contents(calendar), now=now)
    return calendar


def change_calendar(
    calendar_id: UUID,
    given: Given,
    *,
    namespace: str | None,
    now: datetime,
    versions: frozenset[int] | None = None,
) -> Calendar:
    """Change the fields given and return the calendar; its version grows where that changes its rules.

    The scheduler moves the tasks that use it, batch by batch, by the versions. `versions` are those that If-Match
    accepts, None accepts any. Raises CalendarNotFound, NamespaceForbidden, VersionStale, InvalidInput.
    """
    with transaction.atomic():
        calendar = _locked(calendar_id, claims.calendar_to_edit, namespace=namespace, versions=versions)
        refuse_faults(calendar, given)
        changed = [column for column in ("description", "rules") if differs(calendar, given, column)]
        if changed:
            before = _contents(calendar)
            _store(calendar, {column: given.values[column] for column in changed}, now=now)
            journal.change(calendar, before, _contents(calendar), now=now)
    return calendar


def delete_calendar(
    calendar_id: UUID, *, namespace: str | None, now: datetime, versions: frozenset[int] | None = None
) -> None:
    """Mark a calendar deleted that no task uses; deleted tasks go on to show what they were.

    Raises CalendarNotFound, NamespaceForbidden, VersionStale, CalendarInUse.
    """
    with transaction.atomic():
        calendar = _locked(calendar_id, claims.calendar_to_delete, namespace=namespace, versions=versions)
        refuse_use(calendar)
        calendar.deleted_at = now
        calendar.save(update_fields=["deleted_at"])
        journal.note(AuditVerb.DELETE, calendar, before=_contents(calendar), now=now)


def writable(calendar_id: UUID, *, namespace: str | None, versions: frozenset[int] | None) -> Calendar:
    """Return a calendar that the caller may change. Raises CalendarNotFound, NamespaceForbidden, VersionStale."""
    calendar = naming.visible(namespace=namespace).filter(id=calendar_id).first()
    if calendar is None:
        raise CalendarNotFound
    sharing.refuse_foreign(calendar.namespace, namespace=namespace)
    refuse_stale(calendar.version, accepted=versions)
    return calendar


def differs(calendar: Calendar, given: Given, column: str) -> bool:
    """Tell whether a column is given with another value than the calendar has."""
    return column in given.values and bool(given.values[column] != getattr(calendar, column))


def refuse_faults(calendar: Calendar, given: Given) -> None:
    """Refuse what cannot be read, and what cannot be changed. Raises InvalidInput."""
    if faults := [*given.faults, *_fixed(calendar, given)]:
        raise InvalidInput(faults)


def refuse_use(calendar: Calendar) -> None:
    """Refuse to go on while tasks use a calendar. Raises CalendarInUse."""
    users = selectors.using(calendar)
    names = list(users.order_by("name", "id").values_list("name", flat=True)[:USERS_NAMED])
    if names:
        raise CalendarInUse(users.count(), names)


def _store(calendar: Calendar, changed: dict[str, Any], *, now: datetime) -> None:
    connection = connections.current()
    revisions.keep_missing_calendar(connection, calendar.id)
    for column, value in changed.items():
        setattr(calendar, column, value)
    if "rules" in changed:
        calendar.version += 1
    calendar.updated_at = now
    calendar.save(update_fields=[*changed, "version", "updated_at"])
    if "rules" in changed:
        revisions.keep_calendar(connection, calendar.id)


def _contents(calendar: Calendar) -> dict[str, Any]:
    return {"description": calendar.description, "rules": calendar.rules}


def _fixed(calendar: Calendar, given: Given) -> Iterable[Fault]:
    if differs(calendar, given, "name"):
        message = (
            f"A calendar keeps its name ({calendar.name}): tasks and files use it. Create another one, give it to the "
            "tasks, and delete this one."
        )
        yield Fault("name", "impossible", message, is_impossible=True)
    yield from sharing.moved(calendar, given, kind="calendar")


def _locked(
    calendar_id: UUID,
    lock: Callable[[psycopg.Connection, UUID], bool],
    *,
    namespace: str | None,
    versions: frozenset[int] | None,
) -> Calendar:
    writable(calendar_id, namespace=namespace, versions=None)
    if not lock(connections.current(), calendar_id):
        raise CalendarNotFound
    return writable(calendar_id, namespace=namespace, versions=versions)
