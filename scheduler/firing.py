"""Turns due slots, and requests, into executions: lock, decide, record, move the task on, in one transaction."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from itertools import chain
from typing import Protocol
from uuid import UUID

import psycopg

from scheduler import audit, backlog, batches, births, claims, clock, overlaps, permits, schedules, transitions
from scheduler.connections import as_json
from scheduler.engine.admission import AWAITING, TURN_TAKERS, Admission, Standing, take_nothing
from scheduler.engine.firing import Fire, Misfire, Pass, Plan, plan
from scheduler.engine.identity import slot_cause
from scheduler.engine.schedules import Schedule
from scheduler.engine.slots import Slots
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.errors import TaskDeleted, TaskNotFound
from scheduler.models.choices import AuditVerb
from scheduler.permits import Permits
from scheduler.records import DueTask, NewExecution, Ready

logger = logging.getLogger(__name__)

TASKS_PER_CLAIM = 500
ROWS_PER_CLAIM = 1_000
# Task rows stay locked meanwhile, and a session that idles in its transaction for 5 s is ended.
PLANNING_SECONDS = 0.5

# What the database says of the data itself; any other error says nothing about a task.
_REFUSALS = (psycopg.DataError, psycopg.IntegrityError)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One committed claim: what is to be published, how many tasks moved on, whether more is due, what is new.

    `batch` is to be ended once `ready` is published (`scheduler.batches`).
    """

    ready: list[Ready] = field(default_factory=list)
    batch: UUID | None = None
    task_count: int = 0
    conflict_count: int = 0
    is_full: bool = False
    recorded: list[NewExecution] = field(default_factory=list)


class _DueTasks(Protocol):
    def __call__(self, connection: psycopg.Connection, *, now: datetime, limit: int) -> list[DueTask]: ...


class _Write(Protocol):
    def __call__(self, connection: psycopg.Connection, moves: "Sequence[_Move]", *, now: datetime) -> Claimed: ...


@dataclass(slots=True)
class _Move:
    """What the claim writes on one task.

    `newcomer` is the execution for which its open ones are cancelled, `limited` the keys of the permits that each of
    its QUEUED rows takes.
    """

    task: DueTask
    rows: list[NewExecution]
    last_slot: datetime | None
    next_slot: datetime | None
    claim_at: datetime | None
    shown_at: datetime | None
    status: TaskStatus
    pause_reason: str | None = None
    newcomer: UUID | None = None
    limited: tuple[str, ...] = ()


@dataclass(slots=True)
class _Planned:
    """One task's slots and what becomes of those that are due; no slots but an error where that cannot be told."""

    task: DueTask
    slots: Slots | None
    plan: Plan
    error: Exception | None = None

    @property
    def fires(self) -> bool:
        return any(isinstance(entry, Fire) for entry in self.plan.records)

    @property
    def catches_up(self) -> bool:
        return any(isinstance(entry, Fire) and entry.trigger in TURN_TAKERS for entry in self.plan.records)


def claim(
    connection: psycopg.Connection, *, now: datetime, limit: int = TASKS_PER_CLAIM, is_backlogged: bool = False
) -> Claimed:
    """Record the due slots of up to `limit` tasks and move those tasks on; commit, then return what to publish.

    The oldest come first; where the claim before came back full (`is_backlogged`), by priority and namespace.
    A second scheduler's claim skips the rows that this one holds. If the process dies before the commit nothing has
    happened; after it, the sweep publishes the rows. A batch that the data itself makes fail is claimed again in
    halves, until the task is found, which is then paused alone. Raises PartitionMissing.
    """
    due_tasks = backlog.due_tasks if is_backlogged else claims.due_tasks
    try:
        with connection.transaction():
            return _claim(connection, _write, due_tasks, now=now, limit=limit)
    except _REFUSALS as error:
        logger.warning("The database refuses a batch of the claim; it is claimed again in halves: %s", error)
    with connection.transaction():
        return _claim(connection, _write_in_halves, due_tasks, now=now, limit=limit)


def record_due(connection: psycopg.Connection, task_id: UUID, *, now: datetime) -> list[Ready]:
    """Record one task's slots up to `now` as the claim would have, inside the caller's transaction.

    The task stays locked until the caller commits.
    """
    return record_all_due(connection, [task_id], now=now)


def record_all_due(connection: psycopg.Connection, task_ids: Collection[UUID], *, now: datetime) -> list[Ready]:
    """Record these tasks' slots up to `now`, as `record_due` does for one; they are locked in order of id.

    Every change of a definition begins here, so that the old definition answers for its own slots; one that still
    waits for its jitter is recorded, and goes when it is due. Some 1,000 rows are written at a time.
    """
    ready: list[Ready] = []
    waiting = list(task_ids)
    while waiting:
        due = [task for task in claims.tasks(connection, waiting) if _is_due(task, now)]
        planned = _plan_some(due, now)
        if planned:
            ready += _write(connection, _moves(connection, planned, now=now), now=now, in_batch=False).ready
        waiting = [task.id for task in due]
    return ready


def _is_due(task: DueTask, now: datetime) -> bool:
    return task.status == TaskStatus.ACTIVE and task.next_slot_for is not None and task.next_slot_for <= now


def _plan_some(due: Sequence[DueTask], now: datetime) -> list[_Planned]:
    planned: list[_Planned] = []
    row_count = 0
    for task in due:
        if row_count >= ROWS_PER_CLAIM:
            break
        planned.append(_plan(task, now, waits_for_jitter=False))
        row_count += len(planned[-1].plan.records)
    return planned


def trigger(
    connection: psycopg.Connection, task_id: UUID, *, request: UUID, task_data: str | None, now: datetime
) -> tuple[UUID, list[Ready]]:
    """Record an execution that somebody asked for, whatever the schedule, calendar and pause say.

    `request` and `now` identify it: the same pair finds the same execution. Overlap is obeyed. Raises TaskNotFound,
    TaskDeleted.
    """
    with connection.transaction():
        task = claims.task(connection, task_id)
        if task is None:
            raise TaskNotFound
        if task.status == TaskStatus.DELETED:
            raise TaskDeleted
        rows, ready = trigger_all(connection, [task], request=request, task_data=task_data, now=now)
    return rows[0].id, ready


def trigger_all(
    connection: psycopg.Connection, tasks: Sequence[DueTask], *, request: UUID, task_data: str | None, now: datetime
) -> tuple[list[NewExecution], list[Ready]]:
    """Record an execution of each of these locked tasks, in the caller's transaction; return them, and what to publish.

    Those that overlap may not let run are SKIPPED, each with its reason.
    """
    standings = overlaps.standings(connection, tasks)
    limits = permits.lock(connection, set(chain.from_iterable(map(overlaps.keys_of, tasks))))
    admitted = [(task, _admit(task, standings.get(task.id, Standing()), limits)) for task in tasks]
    rows = [replace(_by_hand(task, admission, request, now=now), task_data=task_data) for task, admission in admitted]
    inserted = transitions.record(connection, rows, now=now)
    new = [(task, row, admission) for (task, admission), row in zip(admitted, rows, strict=True) if row.id in inserted]
    overlaps.count_all(connection, new, now=now)
    return rows, _ready([row for _, row, _ in new], {})


def _admit(task: DueTask, standing: Standing, limits: Permits) -> Admission:
    take = partial(limits.take, overlaps.keys_of(task))
    return standing.admit(task.overlap_policy, Trigger.MANUAL, limit=task.max_concurrency, take=take)


def _by_hand(task: DueTask, admission: Admission, request: UUID, *, now: datetime) -> NewExecution:
    cause = f"manual:{request}"
    return births.fired(task, admission, slot=now, due_at=now, cause=cause, trigger=Trigger.MANUAL, now=now)


def first_slot(schedule: Schedule, *, after: datetime, last_slot: datetime | None) -> datetime | None:
    """Return the first slot of a new or changed definition: after `after` and after the last one recorded."""
    return schedule.next_after(max(after, last_slot) if last_slot else after)


_MOVE_ON = """
UPDATE scheduler_tasks t
SET next_slot_for = u.next_slot, next_execution_time = u.shown_at, claim_at = u.claim_at,
    last_slot_for = coalesce(u.last_slot, t.last_slot_for), status = u.status,
    pause_reason = coalesce(u.pause_reason, t.pause_reason),
    open_count = CASE WHEN t.overlap_policy = 'ALLOW' THEN 0 ELSE t.open_count + u.opened END
FROM json_to_recordset(%s::json) AS u (
    id uuid, next_slot timestamptz, claim_at timestamptz, shown_at timestamptz, last_slot timestamptz, status text,
    pause_reason text, opened int
)
WHERE t.id = u.id
"""

# By which rules the next slot was worked out: a claim that read them just before an edit is worked out anew.
_BY_CALENDAR = """
UPDATE scheduler_tasks t SET calendar_version = u.calendar_version
FROM unnest(%s::uuid[], %s::int[]) AS u (id, calendar_version)
WHERE t.id = u.id AND t.calendar_version IS DISTINCT FROM u.calendar_version
"""


def _claim(
    connection: psycopg.Connection, write: _Write, due_tasks: _DueTasks, *, now: datetime, limit: int
) -> Claimed:
    due = due_tasks(connection, now=now, limit=limit)
    deadline = clock.monotonic() + PLANNING_SECONDS
    planned: list[_Planned] = []
    row_count = 0
    for task in due:
        if row_count >= ROWS_PER_CLAIM or clock.monotonic() > deadline:
            break
        planned.append(_plan(task, now))
        row_count += len(planned[-1].plan.records)
    moves = _moves(connection, planned, now=now)
    claimed = write(connection, moves, now=now)
    batch = batches.begin(connection, claimed.ready, now=now)
    unfinished = any(move.claim_at is not None and move.claim_at <= now for move in moves)
    return replace(claimed, batch=batch, is_full=len(due) == limit or len(moves) < len(due) or unfinished)


def _write(connection: psycopg.Connection, moves: Sequence[_Move], *, now: datetime, in_batch: bool = True) -> Claimed:
    rows = [row for move in moves for row in move.rows]
    inserted = transitions.record(connection, rows, now=now, in_batch=in_batch)
    _move_on(connection, moves, inserted, now=now)
    permits.use(connection, _taken(moves, inserted))
    newcomers = {move.task.id: move.newcomer for move in moves if move.newcomer is not None}
    cancelled = overlaps.make_room(connection, newcomers, now=now)
    recorded = [row for row in rows if row.id in inserted]
    expected = {move.task.id: move.task.expected_ms for move in moves if move.task.expected_ms is not None}
    ready = _ready([row for row in recorded if row.id not in cancelled], expected)
    return Claimed(ready, None, len(moves), len(rows) - len(recorded), recorded=recorded)


def _write_in_halves(connection: psycopg.Connection, moves: Sequence[_Move], *, now: datetime) -> Claimed:
    """Write what the database takes; pause the tasks that it refuses, whose rows stay locked throughout."""
    try:
        with connection.transaction():
            return _write(connection, moves, now=now)
    except _REFUSALS as error:
        if len(moves) == 1:
            logger.exception("Task %s cannot be recorded and is paused.", moves[0].task.id)
            _move_on(connection, [_paused(moves[0].task, error)], set(), now=now)
            return Claimed(task_count=1)
    middle = len(moves) // 2
    first = _write_in_halves(connection, moves[:middle], now=now)
    second = _write_in_halves(connection, moves[middle:], now=now)
    return Claimed(
        first.ready + second.ready,
        None,
        first.task_count + second.task_count,
        first.conflict_count + second.conflict_count,
        recorded=first.recorded + second.recorded,
    )


_NOTHING = Plan((), None, None)
_UNWORKABLE = "Task %s has no next slot that can be worked out; it is paused."


def _plan(task: DueTask, now: datetime, *, waits_for_jitter: bool = True) -> _Planned:
    """Work out what is due of one task; whatever its definition does wrong is told with it."""
    try:
        slots, due = schedules.slots_of(task), task.next_slot_for
        if due is None:
            return _Planned(task, slots, _NOTHING)
        at = now if waits_for_jitter else max(now, slots.due_at(slots.latest_at(now) or due))
        skipped = task.skip_slots or ()
        misfire = _misfire(task.misfire_policy, task.misfire_grace_seconds, task.catch_up_limit)
        return _Planned(task, slots, plan(slots, due=due, now=at, misfire=misfire, skipped=skipped))
    except Exception as error:  # one definition may not stop the claim of all others
        logger.exception(_UNWORKABLE, task.id)
        return _Planned(task, None, _NOTHING, error)


def _moves(connection: psycopg.Connection, planned: Sequence[_Planned], *, now: datetime) -> list[_Move]:
    """Decide on every slot by what its task has open, and on where the task goes on."""
    catching_up = {one.task.id for one in planned if one.catches_up}
    standings = overlaps.standings(connection, (one.task for one in planned), catching_up=catching_up)
    keys = {overlaps.keys_of(one.task) for one in planned if one.fires}
    limits = permits.lock(connection, set(chain.from_iterable(keys)))
    return [_move_or_pause(one, standings.get(one.task.id) or Standing(), limits, now=now) for one in planned]


def _move_or_pause(planned: _Planned, standing: Standing, limits: Permits, *, now: datetime) -> _Move:
    if planned.slots is None:
        return _paused(planned.task, planned.error)
    try:
        return _move(planned, planned.slots, standing, limits, now=now)
    except Exception as error:  # nor may it here
        logger.exception(_UNWORKABLE, planned.task.id)
        return _paused(planned.task, error)


def _move(planned: _Planned, slots: Slots, standing: Standing, limits: Permits, *, now: datetime) -> _Move:
    task = planned.task
    rows, newcomer = _rows(planned, slots, standing, limits, now=now)
    next_slot = planned.plan.next_slot
    is_waiting = schedules.is_fixed_delay(task) and bool(rows)
    if is_waiting and rows[-1].status is Status.SKIPPED:
        next_slot, is_waiting = schedules.after_end(task, now), False
    shown = slots.first_shown(next_slot, skipped=task.skip_slots or ())
    return _Move(
        task,
        rows,
        planned.plan.last_slot,
        next_slot,
        claim_at=slots.looked_at(next_slot) if next_slot is not None else None,
        shown_at=slots.due_at(shown) if shown is not None else None,
        status=TaskStatus.ACTIVE if next_slot is not None or is_waiting else TaskStatus.COMPLETED,
        newcomer=newcomer,
        limited=limits.limited(overlaps.keys_of(task)) if limits.left else (),
    )


def _rows(
    planned: _Planned, slots: Slots, standing: Standing, limits: Permits, *, now: datetime
) -> tuple[list[NewExecution], UUID | None]:
    """Return the rows of the slots that are due, and the last of them for which open executions are cancelled."""
    task, newcomer = planned.task, None
    take = partial(limits.take, overlaps.keys_of(task)) if limits.left else take_nothing
    rows: list[NewExecution] = []
    for entry in planned.plan.records:
        due_at = slots.due_at(entry.slot)
        if isinstance(entry, Pass):
            rows.append(births.passed(task, entry, due_at=due_at, now=now))
            continue
        admission = (
            AWAITING
            if task.has_dependencies
            else standing.admit(task.overlap_policy, entry.trigger, limit=task.max_concurrency, take=take)
        )
        rows.append(
            births.fired(
                task,
                admission,
                slot=entry.slot,
                due_at=due_at,
                cause=slot_cause(entry.slot),
                trigger=entry.trigger,
                now=now,
            )
        )
        newcomer = rows[-1].id if admission.cancels else newcomer
    return rows, newcomer


def _paused(task: DueTask, error: Exception | None) -> _Move:
    reason = f"Its next slot cannot be worked out: {error}"
    return _Move(task, [], None, task.next_slot_for, None, None, TaskStatus.PAUSED, reason)


def _move_on(connection: psycopg.Connection, moves: Sequence[_Move], inserted: set[UUID], *, now: datetime) -> None:
    if not moves:
        return
    connection.execute(_MOVE_ON, (as_json([_moved_on(move, inserted) for move in moves]),))
    under = [move.task for move in moves if move.task.calendar_version is not None]
    if under:
        connection.execute(_BY_CALENDAR, ([task.id for task in under], [task.calendar_version for task in under]))
    if paused := [move.task.id for move in moves if move.pause_reason is not None]:
        audit.record_standing(connection, paused, verb=AuditVerb.PAUSE, before=TaskStatus.ACTIVE, now=now)


def _moved_on(move: _Move, inserted: set[UUID]) -> dict[str, object]:
    return {
        "id": move.task.id,
        "next_slot": move.next_slot,
        "claim_at": move.claim_at,
        "shown_at": move.shown_at,
        "last_slot": move.last_slot,
        "status": move.status,
        "pause_reason": move.pause_reason,
        # A row that stood already is open or not by another copy's count.
        "opened": sum(births.makes_busy(row) for row in move.rows if row.id in inserted),
    }


def _taken(moves: Sequence[_Move], inserted: Collection[UUID]) -> Counter[str]:
    rows = ((move, row) for move in moves if move.limited for row in move.rows)
    queued = (move for move, row in rows if row.status is Status.QUEUED and row.id in inserted)
    return Counter(key for move in queued for key in move.limited)


def _ready(recorded: Sequence[NewExecution], expected: Mapping[UUID, float]) -> list[Ready]:
    return [
        Ready(row.id, row.queue, row.priority, row.timeout_seconds, expected.get(row.task_id))
        for row in recorded
        if row.status is Status.QUEUED
    ]


@lru_cache(maxsize=1024)
def _misfire(policy: str, grace_seconds: int, limit: int) -> Misfire:
    return Misfire(policy, timedelta(seconds=grace_seconds), limit)
