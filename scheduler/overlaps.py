"""Overlaps: what a task has open when one more execution comes, whether it may go, and what gives way to it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

import psycopg

from scheduler import claims, followups, permits, transitions
from scheduler.engine import gates
from scheduler.engine.admission import Admission, Standing, Take
from scheduler.engine.circuits import CircuitPolicy
from scheduler.engine.states import Reason, Status, Trigger
from scheduler.permits import Permits
from scheduler.records import DueTask, NewExecution

_ALLOW = "ALLOW"


def standings(
    connection: psycopg.Connection, tasks: Iterable[DueTask], *, catching_up: Collection[UUID] = ()
) -> dict[UUID, Standing]:
    """Return what each of these locked tasks has open, as far as it matters.

    Only busy tasks that may not overlap are looked up, those with a limit of their own, and those in `catching_up`:
    what waits for its turn keeps no task busy, but comes before later slots of the catch-up.
    """
    asked = [
        task.id
        for task in tasks
        if task.max_concurrency is not None
        or (task.overlap_policy != _ALLOW and (task.open_count > 0 or task.id in catching_up))
    ]
    return claims.standings(connection, asked)


def limits_of(task: DueTask) -> tuple[str, ...]:
    """Return the keys under which people may limit executions of a task."""
    return gates.limits_of(queue=task.queue, task_class=task.task_class, namespace=task.namespace)


def keys_of(task: DueTask, *, priority: int | None = None, is_fresh: bool = False) -> tuple[str, ...]:
    """Return all keys under which executions of a task may be held; of a backfill's at its own priority.

    Slots that the claim has just come to are fresh: they may be left out as well.
    """
    return gates.gates_of(
        queue=task.queue, task_class=task.task_class, namespace=task.namespace, uses=task.uses or (),
        priority=priority or task.priority, is_fresh=is_fresh,
    )  # fmt: skip


def taking(limits: Permits, task: DueTask, *, is_fresh: bool = False) -> Take:
    """Return what takes the permits of a new execution of a task, which its circuitPolicy may leave out."""
    return partial(
        limits.take, keys_of(task, is_fresh=is_fresh), skips_circuits=task.circuit_policy == CircuitPolicy.SKIP
    )


def admit(connection: psycopg.Connection, task: DueTask, trigger: Trigger, *, now: datetime) -> Admission:
    """Decide on one execution of a locked task that somebody asked for; `count` writes what follows from it."""
    standing = standings(connection, [task]).get(task.id, Standing())
    take = partial(permits.lock(connection, keys_of(task), now=now).take, keys_of(task))
    return standing.admit(task.overlap_policy, trigger, limit=task.max_concurrency, take=take)


def count(
    connection: psycopg.Connection, task: DueTask, row: NewExecution, admission: Admission, *, now: datetime
) -> None:
    """Count an admitted row that was recorded: among its task's open ones, and on the limits; make room for it."""
    count_all(connection, [(task, row, admission)], now=now)


def count_all(
    connection: psycopg.Connection, admitted: Iterable[tuple[DueTask, NewExecution, Admission]], *, now: datetime
) -> None:
    """Count admitted rows of different tasks, as `count` does one."""
    open_ones = [one for one in admitted if one[1].status is not Status.SKIPPED]
    followups.count_opened(connection, [task.id for task, _, _ in open_ones])
    queued = (task for task, row, _ in open_ones if row.status is Status.QUEUED)
    waiting = {row.held_by for _, row, _ in open_ones if row.held_by is not None}
    permits.use(connection, Counter(key for task in queued for key in keys_of(task)), waiting=waiting, now=now)
    make_room(connection, {task.id: row.id for task, row, admission in open_ones if admission.cancels}, now=now)


def make_room(
    connection: psycopg.Connection, newcomers: Mapping[UUID, UUID], *, now: datetime, are_new: bool = True
) -> set[UUID]:
    """Cancel what tasks have open beside their newcomers (execution by task); return what was cancelled at once.

    What runs is asked to end, and the newcomer goes when it has. What another transaction holds at this moment is
    asked when the newcomer is looked at again; by then it is not new, and what waits after it stays.
    """
    cancelled: set[UUID] = set()
    for task_id, newcomer in sorted(newcomers.items()):
        in_the_way = claims.executions_in_the_way(connection, task_id, newcomer=newcomer, is_new=are_new)
        waiting = [execution for execution, status in in_the_way if status is not Status.RUNNING]
        cancelled |= transitions.cancel_waiting(connection, waiting, reason=Reason.OVERLAP, now=now)
        for execution, status in in_the_way:
            if status is Status.RUNNING:
                transitions.request_cancel(connection, execution, reason=Reason.OVERLAP, now=now)
    return cancelled
