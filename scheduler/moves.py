"""Moves: what becomes of due tasks. Which slots have passed, what each may do now, and where its task goes on."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import NamedTuple
from uuid import UUID

import psycopg

from scheduler import audit, births, dayloads, outages, overlaps, permits, schedules
from scheduler.connections import as_json
from scheduler.engine.admission import AWAITING, TURN_TAKERS, Admission, Standing, take_nothing
from scheduler.engine.firing import Fire, Misfire, Pass, Plan, plan
from scheduler.engine.flex import DayLoad
from scheduler.engine.identity import slot_cause
from scheduler.engine.slots import Place, Slots
from scheduler.engine.states import Reason, Status, TaskStatus
from scheduler.models.choices import AuditVerb
from scheduler.permits import Permits
from scheduler.records import DueTask, NewExecution

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Move:
    """What the claim writes on one task.

    `newcomer` is the execution for which its open ones are cancelled, `limited` the keys of the permits that each of
    its QUEUED rows takes.
    """

    task: DueTask
    rows: list[NewExecution]
    last_slot: datetime | None
    next_slot: datetime | None
    place: Place
    status: TaskStatus
    pause_reason: str | None = None
    newcomer: UUID | None = None
    limited: tuple[str, ...] = ()


@dataclass(slots=True)
class Planned:
    """One task's slots and what becomes of those that are due; no slots but an error where that cannot be told.

    `catch_up_key` is the key by which a catch-up holds what it has missed (`scheduler.outages`).
    """

    task: DueTask
    slots: Slots | None
    plan: Plan
    error: Exception | None = None
    catch_up_key: str | None = None

    @property
    def fires(self) -> bool:
        """Tell whether any of its slots may run."""
        return any(isinstance(entry, Fire) for entry in self.plan.records)

    @property
    def catches_up(self) -> bool:
        """Tell whether some of its slots will take turns."""
        return any(isinstance(entry, Fire) and entry.trigger in TURN_TAKERS for entry in self.plan.records)


class Decided(NamedTuple):
    """Which tasks move on, and which stay where they are, each under a paused key."""

    moves: list[Move]
    held: dict[UUID, str]


_NOTHING = Plan((), None, None)
_UNWORKABLE = "Task %s has no next slot that can be worked out; it is paused."


def plan_due(task: DueTask, now: datetime, *, waits_for_jitter: bool = True) -> Planned:
    """Work out what is due of one task; whatever its definition does wrong is told with it."""
    try:
        slots, due = schedules.slots_of(task), task.next_slot_for
        if due is None:
            return Planned(task, slots, _NOTHING)
        at = now if waits_for_jitter else max(now, slots.due_at(slots.latest_at(now) or due))
        skipped = task.skip_slots or ()
        misfire = _misfire(task.misfire_policy, task.misfire_grace_seconds, task.catch_up_limit)
        return Planned(task, slots, plan(slots, due=due, now=at, misfire=misfire, skipped=skipped))
    except Exception as error:  # one definition may not stop the claim of all others
        logger.exception(_UNWORKABLE, task.id)
        return Planned(task, None, _NOTHING, error)


def decide(
    connection: psycopg.Connection, planned: Sequence[Planned], *, now: datetime, holds: bool = False
) -> Decided:
    """Decide on every slot by what its task has open, and on where the task goes on.

    With `holds` a task under a paused key stays where it is, with its slots; without, each slot is recorded, and held.
    """
    catching_up = {one.task.id for one in planned if one.catches_up}
    standings = overlaps.standings(connection, (one.task for one in planned), catching_up=catching_up)
    if holds and catching_up:
        _hold_back(connection, planned, now=now)
    keys = {overlaps.keys_of(one.task, is_fresh=True) for one in planned if one.fires}
    limits = permits.lock(connection, set(chain.from_iterable(keys)), now=now)
    held = _held(planned, limits) if holds and limits.gates else {}
    if limits.has_rates:
        planned = sorted(planned, key=lambda one: -one.task.priority)
    loads = dayloads.of(connection, (one.task for one in planned))
    moving = [
        _move_or_pause(one, standings.get(one.task.id) or Standing(), limits, loads.get(one.task.queue), now=now)
        for one in planned
        if one.task.id not in held
    ]
    return Decided(moving, held)


def _hold_back(connection: psycopg.Connection, planned: Sequence[Planned], *, now: datetime) -> None:
    """Have what an outage has left behind held, under the tasks' locks and before those of limits."""
    behind = [one for one in planned if one.catches_up]
    missed = sum(
        isinstance(entry, Fire) and entry.trigger in TURN_TAKERS for one in behind for entry in one.plan.records
    )
    keys = outages.holding(connection, [one.task for one in behind], missed=missed, now=now)
    for one in behind:
        one.catch_up_key = keys.get(one.task.id)


def _held(planned: Sequence[Planned], limits: Permits) -> dict[UUID, str]:
    """Return which tasks stay where they are, and under which paused key."""
    paused = ((one.task.id, limits.paused(overlaps.limits_of(one.task))) for one in planned if one.fires)
    return {task_id: key for task_id, key in paused if key is not None}


def _move_or_pause(
    planned: Planned, standing: Standing, limits: Permits, load: DayLoad | None, *, now: datetime
) -> Move:
    if planned.slots is None:
        return paused(planned.task, planned.error)
    try:
        return _move(planned, planned.slots, standing, limits, load, now=now)
    except Exception as error:  # nor may it here
        logger.exception(_UNWORKABLE, planned.task.id)
        return paused(planned.task, error)


def _move(
    planned: Planned, slots: Slots, standing: Standing, limits: Permits, load: DayLoad | None, *, now: datetime
) -> Move:
    task = planned.task
    rows, newcomer = _rows(planned, slots, standing, limits, now=now)
    next_slot = planned.plan.next_slot
    is_waiting = schedules.is_fixed_delay(task) and bool(rows)
    if is_waiting and rows[-1].status is Status.SKIPPED:
        next_slot, is_waiting = schedules.after_end(task, now), False
    return Move(
        task,
        rows,
        planned.plan.last_slot,
        next_slot,
        slots.place(next_slot, skipped=task.skip_slots or (), load=load),
        status=TaskStatus.ACTIVE if next_slot is not None or is_waiting else TaskStatus.COMPLETED,
        newcomer=newcomer,
        limited=limits.limited(overlaps.keys_of(task)) if limits.gates else (),
    )


def _rows(
    planned: Planned, slots: Slots, standing: Standing, limits: Permits, *, now: datetime
) -> tuple[list[NewExecution], UUID | None]:
    """Return the rows of the slots that are due, and the last of them for which open executions are cancelled."""
    task, newcomer = planned.task, None
    take = overlaps.taking(limits, task, is_fresh=True) if limits.gates else take_nothing
    rows: list[NewExecution] = []
    for entry in planned.plan.records:
        due_at = slots.due_at(entry.slot)
        if isinstance(entry, Pass):
            rows.append(births.passed(task, entry, due_at=due_at, now=now))
            continue
        admission = _held_back(planned, entry) or standing.admit(
            task.overlap_policy, entry.trigger, limit=task.max_concurrency, take=take
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


def _held_back(planned: Planned, entry: Fire) -> Admission | None:
    """Return what a slot waits for before anything else decides on it; None where it is nothing."""
    if planned.task.has_dependencies:
        return AWAITING
    if planned.catch_up_key is not None and entry.trigger in TURN_TAKERS:
        return Admission(Status.SCHEDULED, Reason.CATCH_UP, held_by=planned.catch_up_key)
    return None


def paused(task: DueTask, error: Exception | None) -> Move:
    """Return what pauses one task whose definition, or whose rows, cannot be used."""
    reason = f"Its next slot cannot be worked out: {error}"
    return Move(task, [], None, task.next_slot_for, Place(), TaskStatus.PAUSED, reason)


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

# Where in its window the next slot is due: once decided, whoever asks again is told the same.
_BY_FLEX = """
UPDATE scheduler_tasks t SET flex_for = u.flex_for, flex_ms = u.flex_ms
FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[]) AS u (id, flex_for, flex_ms)
WHERE t.id = u.id
"""

# By which rules the next slot was worked out: a claim that read them just before an edit is worked out anew.
_BY_CALENDAR = """
UPDATE scheduler_tasks t SET calendar_version = u.calendar_version
FROM unnest(%s::uuid[], %s::int[]) AS u (id, calendar_version)
WHERE t.id = u.id AND t.calendar_version IS DISTINCT FROM u.calendar_version
"""


def write(connection: psycopg.Connection, moves: Sequence[Move], inserted: set[UUID], *, now: datetime) -> None:
    """Move the tasks on; `inserted` are those of their rows that were new."""
    if not moves:
        return
    connection.execute(_MOVE_ON, (as_json([_moved_on(move, inserted) for move in moves]),))
    under = [move.task for move in moves if move.task.calendar_version is not None]
    if under:
        connection.execute(_BY_CALENDAR, ([task.id for task in under], [task.calendar_version for task in under]))
    if flexible := [(move.task.id, *move.place[2:]) for move in moves if move.task.flex_seconds]:
        connection.execute(_BY_FLEX, [list(column) for column in zip(*flexible, strict=True)])
    if paused := [move.task.id for move in moves if move.pause_reason is not None]:
        audit.record_standing(connection, paused, verb=AuditVerb.PAUSE, before=TaskStatus.ACTIVE, now=now)


def _moved_on(move: Move, inserted: set[UUID]) -> dict[str, object]:
    return {
        "id": move.task.id,
        "next_slot": move.next_slot,
        "claim_at": move.place.claim_at,
        "shown_at": move.place.shown_at,
        "last_slot": move.last_slot,
        "status": move.status,
        "pause_reason": move.pause_reason,
        # A row that stood already is open or not by another copy's count.
        "opened": sum(births.makes_busy(row) for row in move.rows if row.id in inserted),
    }


_HOLD = """
UPDATE scheduler_tasks t SET claim_at = NULL, held_by = u.key FROM unnest(%s::uuid[], %s::text[]) AS u (id, key)
WHERE t.id = u.id
"""


def hold(connection: psycopg.Connection, held: Mapping[UUID, str]) -> None:
    """Keep tasks from the claim until nothing pauses their keys any more (`scheduler.flow.lift`): their slots stay."""
    if held:
        connection.execute(_HOLD, (list(held), list(held.values())))


def taken(moves: Sequence[Move], inserted: Collection[UUID]) -> Counter[str]:
    """Return how many units of each limited key the new rows take."""
    rows = ((move, row) for move in moves if move.limited for row in move.rows)
    queued = (move for move, row in rows if row.status is Status.QUEUED and row.id in inserted)
    return Counter(key for move in queued for key in move.limited)


@lru_cache(maxsize=1024)
def _misfire(policy: str, grace_seconds: int, limit: int) -> Misfire:
    return Misfire(policy, timedelta(seconds=grace_seconds), limit)
