"""The self-audit: holds history against the slots that were due, worked out anew from the revisions of the time.

It shares the schedules with the claim, and nothing else: neither its place (`next_slot_for`) nor its plans say which
slots there were. A call looks at what was due since the last one, in windows of an hour at most, a page of tasks a
transaction; which tasks, was noted before they were due (`waiting`). What a crash leaves, the next call goes on with.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from django.db import transaction
from django.db.models import F

from scheduler import advisory, notices
from scheduler.connections import as_json, current
from scheduler.engine.slotaudit import Due, Found, Record, SlotFault, Standing, judge
from scheduler.engine.states import TaskStatus
from scheduler.models import SlotAudit, Task
from scheduler.models import SlotFault as FaultRow
from scheduler.notices import FaultyTask
from scheduler.selfaudit import rows, waiting
from scheduler.selfaudit.then import Then, Window

logger = logging.getLogger(__name__)

PAGE: Final = 500
LONGEST_WINDOW: Final = timedelta(hours=1)
# What is due now may still be on its way; what is late by a minute is told.
SETTLED_AFTER: Final = timedelta(minutes=2)
# After a longer outage of the workers the audit begins anew: what was due before is not looked at any more.
LOOKED_BACK: Final = timedelta(days=1)
# So many are written down and told of each run; all are counted.
MOST_FAULTS: Final = 1_000
RUNS_KEPT: Final = timedelta(days=30)
FAULTS_KEPT: Final = timedelta(days=400)

# Any number that no other advisory lock of the project has.
ADVISORY_KEY: Final = 0x5C4ED020


class _Fault(NamedTuple):
    """A fault of one task's slot."""

    task: Task
    found: Found


def audit(*, now: datetime) -> list[SlotAudit]:
    """Look at what was due since the last call, and note what will be; return the runs that were finished.

    Idempotent: a slot is judged once a run, and told of once. Nothing where another process is at it.
    """
    connection = current()
    finished: list[SlotAudit] = []
    with advisory.alone(connection, ADVISORY_KEY) as is_alone:
        if not is_alone:
            return []
        while (run := _under_way(now)) is not None:
            finished.append(_finish(connection, run, now=now))
        waiting.note_ahead(connection, now=now)
        _forget(now)
    return finished


def _under_way(now: datetime) -> SlotAudit | None:
    """Return the run to go on with, a new one where the last is finished and something was due since; else None."""
    last = SlotAudit.objects.order_by("-id").first()
    if last is not None and last.finished_at is None:
        return last
    settled = now - SETTLED_AFTER
    begin = settled - LONGEST_WINDOW if last is None else max(last.until, settled - LOOKED_BACK)
    if begin >= settled:
        return None
    return SlotAudit.objects.create(begin=begin, until=min(begin + LONGEST_WINDOW, settled), started_at=now)


def _finish(connection: psycopg.Connection, run: SlotAudit, *, now: datetime) -> SlotAudit:
    window = Window(run.begin, run.until)
    if run.gathered_at is None:
        waiting.gather(connection, window)
        run.gathered_at = now
        run.save(update_fields=["gathered_at"])
    while _step(connection, run.pk, window, now=now):
        pass
    run.finished_at = now
    run.save(update_fields=["finished_at"])
    run.refresh_from_db()
    return run


@transaction.atomic
def _step(connection: psycopg.Connection, run: int, window: Window, *, now: datetime) -> int:
    """Look at a page of tasks; return how many."""
    ids = waiting.page(connection, window, limit=PAGE)
    if not ids:
        return 0
    # The tasks are read before their rows: what a claim passes meanwhile has its rows by then.
    tasks = {task.id: task for task in Task.objects.filter(id__in=ids).select_related("calendar")}
    due, faults = _judged(connection, tasks, window, now=now)
    waiting.forget(connection, ids, window)
    counts = Counter(fault.found.fault for fault in faults)
    SlotAudit.objects.filter(pk=run).update(
        tasks=F("tasks") + len(ids),
        expected=F("expected") + due,
        **{kind.lower(): F(kind.lower()) + counts[kind] for kind in SlotFault},
    )
    if faults:
        _tell(connection, run, faults, now=now)
    return len(ids)


def _judged(
    connection: psycopg.Connection, tasks: Mapping[UUID, Task], window: Window, *, now: datetime
) -> tuple[int, list[_Fault]]:
    """Return how many slots were due, and what is wrong with them."""
    then = Then(list(tasks.values()), window)
    due = {task_id: then.due(task) for task_id, task in tasks.items()}
    first = min((slots[0].slot for slots in due.values() if slots), default=window.begin)
    first = min(first, window.begin)
    recorded = rows.of_slots(connection, tasks, first=first, last=window.until)

    def faults_of(ids: Collection[UUID], earlier: Mapping[UUID, Sequence[Record]]) -> Iterator[_Fault]:
        for task_id in ids:
            records = [*earlier.get(task_id, ()), *recorded.get(task_id, ())]
            for found in _judge(tasks[task_id], due[task_id], records, then, now=now):
                yield _Fault(tasks[task_id], found)

    faults = list(faults_of(tasks, {}))
    # A range that began before the window may stand for what seems to be missed.
    doubtful = {one.task.id for one in faults if one.found.fault is SlotFault.MISSED}
    if doubtful:
        earlier = rows.before(connection, tasks, doubtful, first=first)
        faults = [one for one in faults if one.task.id not in doubtful] + list(faults_of(doubtful, earlier))
    return sum(map(len, due.values())), faults


def _judge(task: Task, due: Sequence[Due], records: Sequence[Record], then: Then, *, now: datetime) -> list[Found]:
    standing = Standing(task.next_slot_for, task.status == TaskStatus.PAUSED or task.held_by is not None)
    return judge(due, records, standing, holds=then.holds(task), now=now)


_WRITE_DOWN = """
INSERT INTO scheduler_slot_faults (task_id, namespace, kind, scheduled_for, late_seconds, found_at)
SELECT u.*, %(now)s FROM json_to_recordset(%(rows)s::json) AS u (
    task_id uuid, namespace text, kind text, scheduled_for timestamptz, late_seconds float8
)
ON CONFLICT (task_id, scheduled_for, kind) DO NOTHING
RETURNING task_id, kind, scheduled_for, late_seconds
"""


def _tell(connection: psycopg.Connection, run: int, faults: Sequence[_Fault], *, now: datetime) -> None:
    """Write faults down and raise the alarm, of each once: a log record a kind, and a notice a task and kind."""
    counted = SlotAudit.objects.values_list("missed", "doubled", "late").get(pk=run)
    room = max(MOST_FAULTS - (sum(counted) - len(faults)), 0)
    written = [
        {
            "task_id": one.task.id,
            "namespace": one.task.namespace,
            "kind": one.found.fault,
            "scheduled_for": one.found.slot,
            "late_seconds": one.found.by.total_seconds() if one.found.by is not None else None,
        }
        for one in faults[:room]
    ]
    new = connection.execute(_WRITE_DOWN, {"rows": as_json(written), "now": now}).fetchall()
    grouped: dict[tuple[UUID, str], list[datetime]] = {}
    for task_id, kind, slot, _ in new:
        grouped.setdefault((task_id, kind), []).append(slot)
    for (task_id, kind), slots in grouped.items():
        logger.error("Self-audit: %d slots of task %s are %s, first %s.", len(slots), task_id, kind, min(slots))
    told = [FaultyTask(task_id, kind, min(slots), len(slots)) for (task_id, kind), slots in grouped.items()]
    notices.tell_of_faults(connection, told, now=now)


def _forget(now: datetime) -> None:
    """Delete runs and faults that are older than they are kept."""
    SlotAudit.objects.filter(finished_at__lt=now - RUNS_KEPT).delete()
    FaultRow.objects.filter(found_at__lt=now - FAULTS_KEPT).delete()
