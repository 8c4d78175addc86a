"""What held then: the slots that tasks had by their definitions and calendars of the time, and what held them up.

Built on the engine's schedules alone: nothing here asks the claim, nor anything that moves a task on.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, OuterRef, Q, Subquery

from scheduler import revisions, schedules
from scheduler.engine import flow as engine_flow
from scheduler.engine import gates
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.schedules import InvalidSchedule
from scheduler.engine.slotaudit import Due, Hold
from scheduler.engine.states import TaskStatus
from scheduler.models import AuditRecord, Calendar, CalendarRevision, FlowControl, Revision, Task
from scheduler.models.choices import AuditKind, AuditVerb

# Whoever changes a task reads the clock and then waits for its row; a claim may record by the old definition meanwhile.
# Slots so close to a change may be recorded or not, by either.
UNSETTLED: Final = timedelta(seconds=5)

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOR_EVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at: slots that were due after `begin` and not after `until`."""

    begin: datetime
    until: datetime

    def holds(self, due_at: datetime) -> bool:
        """Tell whether a slot that was due then is looked at."""
        return self.begin < due_at <= self.until


@dataclass(frozen=True, slots=True)
class _Segment:
    """A definition, and between which instants it answered for the slots."""

    task: Task
    begin: datetime
    end: datetime


class Then:
    """What is known of some tasks, read in a few statements however many they are."""

    def __init__(self, tasks: Sequence[Task], window: Window) -> None:
        self._window = window
        self._versions = _definitions([task for task in tasks if task.updated_at > window.begin], window)
        kept = [revision.definition.get("calendar_id") for each in self._versions.values() for revision in each]
        self._rules = _rules({str(id) for id in (*kept, *(task.calendar_id for task in tasks)) if id}, window)
        self._marks = _marks(tasks, window)
        self._flow = _flow(window)

    def due(self, task: Task) -> list[Due]:
        """Return the slots that a task must have had in the window, ascending; none where only runs tell (FIXED_DELAY).

        Where rules of a calendar that moves slots have changed, those that all of them have.
        """
        found: list[Due] = []
        for segment in self._segments(task):
            try:
                found += self._of_segment(segment)
            except (InvalidSchedule, InvalidCalendar):
                continue  # the claim has paused it, with the reason
        return found

    def holds(self, task: Task) -> list[Hold]:
        """Return when something that somebody asked for could keep the task's slots from being recorded in time."""
        return [*self._pauses(task), *self._stops(task)]

    def _segments(self, task: Task) -> Iterator[_Segment]:
        end = self._deleted_at(task)
        kept = self._versions.get(task.id, [])
        followed_at = [*(revision.created_at for revision in kept[1:]), task.updated_at]
        for revision, following in zip(kept, followed_at, strict=True) if kept else ():
            yield _Segment(self._as_task(revision, task), revision.created_at, min(following, end))
        yield _Segment(task, task.updated_at, end)

    def _deleted_at(self, task: Task) -> datetime:
        """Return when a task was deleted; long ago where the audit of the window does not tell."""
        if task.status != TaskStatus.DELETED:
            return _FOR_EVER
        ends = [at for at, verb in self._marks.get(task.id, ()) if verb == AuditVerb.DELETE]
        return ends[0] if ends else _LONG_AGO

    def _as_task(self, revision: Revision, task: Task) -> Task:
        rules = self._rules.get(revision.definition.get("calendar_id") or "", [{}])
        return revisions.as_task(revision.definition, rules=rules[-1], id=task.id)

    def _of_segment(self, segment: _Segment) -> list[Due]:
        task = segment.task
        if schedules.is_fixed_delay(task):
            return []
        variants = list(self._variants(task))
        found = [{one.slot: one for one in self._slots(variant, segment)} for variant in variants]
        common = set(found[0]).intersection(*found[1:])
        return [Due(slot, found[0][slot].at, any(each[slot].may_wait for each in found)) for slot in sorted(common)]

    def _variants(self, task: Task) -> Iterator[Task]:
        """Yield the task under each of the rules that its calendar has had."""
        rules = self._rules.get(str(task.calendar_id), []) if task.calendar_id is not None else []
        if task.calendar is None or len(rules) < 2:
            yield task
            return
        for one in rules:
            variant = copy(task)
            variant.calendar = Calendar(id=task.calendar_id, name=task.calendar.name, rules=one)
            yield variant

    def _slots(self, task: Task, segment: _Segment) -> Iterator[Due]:
        slots = schedules.slots_of(task)
        # Where in its flex a slot was placed depends on the load of then, of which nothing is kept: by its end at most.
        spread = timedelta(seconds=task.jitter_seconds + task.flex_seconds)
        last = min(self._window.until, segment.end - UNSETTLED)
        slot = slots.next_after(max(self._window.begin - spread, segment.begin + UNSETTLED))
        while slot is not None and slot <= last:
            if self._window.holds(due_at := slot + spread if task.flex_seconds else slots.due_at(slot)):
                yield Due(slot, due_at, may_wait=not slots.runs(slot))
            slot = slots.next_after(slot)

    def _pauses(self, task: Task) -> Iterator[Hold]:
        begin = _LONG_AGO
        for at, verb in self._marks.get(task.id, ()):
            if verb == AuditVerb.RESUME:
                yield Hold(begin, at + UNSETTLED)
            else:
                begin = at

    def _stops(self, task: Task) -> Iterator[Hold]:
        keys = gates.limits_of(queue=task.queue, task_class=task.task_class, namespace=task.namespace)
        return (hold for hold, limited in self._flow if not limited.isdisjoint(keys))


def _definitions(tasks: Collection[Task], window: Window) -> Mapping[UUID, list[Revision]]:
    """Return the versions before today's that answered for slots of the window, by task, the oldest first."""
    if not tasks:
        return {}
    earlier = Revision.objects.filter(task_id=OuterRef("task_id"), created_at__lte=window.begin)
    newest = earlier.order_by().values("task_id").annotate(newest=Max("version")).values("newest")
    rows = Revision.objects.filter(task_id__in=[task.id for task in tasks]).filter(
        Q(created_at__gt=window.begin) | Q(version=Subquery(newest))
    )
    todays = {task.id: task.version for task in tasks}
    found: dict[UUID, list[Revision]] = defaultdict(list)
    for row in rows.order_by("task_id", "version"):
        if row.version < todays[row.task_id]:
            found[row.task_id].append(row)
    return found


def _rules(calendars: Collection[str], window: Window) -> Mapping[str, list[dict[str, Any]]]:
    """Return the rules that calendars have had since the window began, by id, the newest last."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if not calendars:
        return found
    earlier = CalendarRevision.objects.filter(calendar_id=OuterRef("calendar_id"), created_at__lte=window.begin)
    newest = earlier.order_by().values("calendar_id").annotate(newest=Max("version")).values("newest")
    rows = CalendarRevision.objects.filter(calendar_id__in=calendars).filter(
        Q(created_at__gt=window.begin - UNSETTLED) | Q(version=Subquery(newest))
    )
    for row in rows.order_by("calendar_id", "version"):
        found[str(row.calendar_id)].append(row.rules)
    for calendar in Calendar.objects.filter(id__in=[one for one in calendars if one not in found]):
        found[str(calendar.id)].append(calendar.rules)
    return found


def _marks(tasks: Collection[Task], window: Window) -> Mapping[UUID, list[tuple[datetime, str]]]:
    """Return when tasks were paused, resumed or deleted since the window began, the earliest first."""
    rows = AuditRecord.objects.filter(
        object_id__in=[str(task.id) for task in tasks],
        kind=AuditKind.TASK,
        verb__in=[AuditVerb.PAUSE, AuditVerb.RESUME, AuditVerb.DELETE],
        recorded_at__gt=window.begin - UNSETTLED,
    ).order_by("recorded_at", "id")
    found: dict[UUID, list[tuple[datetime, str]]] = defaultdict(list)
    for object_id, at, verb in rows.values_list("object_id", "recorded_at", "verb"):
        found[UUID(object_id)].append((at, verb))
    return found


def _flow(window: Window) -> list[tuple[Hold, frozenset[str]]]:
    """Return when flow control has limited something since the window began, and which keys."""
    rows = FlowControl.objects.filter(Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=window.begin - UNSETTLED))
    return [
        (Hold(row.starts_at, (row.withdrawn_at or row.expires_at or _FOR_EVER) + UNSETTLED), frozenset(limited))
        for row in rows
        if (limited := engine_flow.limits(row.document))
    ]
