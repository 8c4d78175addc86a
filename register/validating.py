"""Tells what would become of a task, new or changed, and changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from register import dependencies, services
from register.given import Given
from register.locking import lock, visible
from register.previewing import coming_from
from scheduler import clock, schedules
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.difference import Difference, difference
from scheduler.engine.schedules import InvalidSchedule
from scheduler.models import Task

COMPARED_FOR: Final = timedelta(days=30)
# A month of slots that moved together can take long to walk along; what was compared by then is answered.
COMPARING_SECONDS: Final = 1.0

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Edit:
    """A task as it is and as it would be."""

    before: Task
    after: Task


def creation(given: Given, *, actor: str, namespace: str | None, now: datetime) -> Task:
    """Return the task as it would be stored. Raises what create_task raises."""
    with transaction.atomic():
        task = services.create_task(given, actor=actor, namespace=namespace, now=now)
        transaction.set_rollback(True)
    return task


def edit(
    task_id: UUID, given: Given, *, namespace: str | None, now: datetime, versions: frozenset[int] | None = None
) -> Edit:
    """Return the task as it is and as the change would leave it. Raises what change_task raises.

    The row is locked for as long as the change itself takes: claims pass over it meanwhile.
    """
    with transaction.atomic():
        at = visible(task_id, namespace=namespace).namespace
        given = dependencies.lock(given, task_id=task_id, namespace=at, bound_to=namespace)
        before, _ = lock(task_id, namespace=namespace, versions=versions, now=now)
        after = services.change_task(task_id, given, namespace=namespace, versions=versions, now=now)
        transaction.set_rollback(True)
    return Edit(before, after)


def slots_of_edit(before: Task, after: Task, *, now: datetime) -> Difference:
    """Return which slots of the next 30 days that will run come and go.

    Of a fixed delay no more than the next one is known, so nothing beyond it is compared.
    """
    known = [schedules.known_until(task, now=now) for task in (before, after)]
    until = min([now + COMPARED_FOR, *(instant for instant in known if instant is not None)])
    deadline = clock.monotonic() + COMPARING_SECONDS
    found = difference(
        _between(before, now + _TICK, until),
        _between(after, coming_from(after, now=now), until),
        end=until,
        goes_on=lambda: clock.monotonic() < deadline,
    )
    return replace(found, is_bounded=found.until < now + COMPARED_FOR)


def _between(task: Task, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the slots of a range; none where a stored definition has become unreadable since."""
    try:
        return schedules.between(task, start, end)
    except (InvalidSchedule, InvalidCalendar):
        return iter(())
