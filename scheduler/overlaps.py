"""Overlaps: what a task has open when one more execution comes, and room for it where overlapPolicy makes some."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler import claims, transitions
from scheduler.engine.admission import Standing
from scheduler.engine.states import Reason, Status
from scheduler.records import DueTask

_ALLOW = "ALLOW"


def standings(
    connection: psycopg.Connection, tasks: Iterable[DueTask], *, catching_up: Collection[UUID] = ()
) -> dict[UUID, Standing]:
    """Return what each of these locked tasks has open, as far as it matters.

    Only busy tasks that may not overlap are looked up, and those in `catching_up`: what waits for its turn keeps no
    task busy, but comes before later slots of the catch-up.
    """
    asked = [
        task.id for task in tasks if task.overlap_policy != _ALLOW and (task.open_count > 0 or task.id in catching_up)
    ]
    return claims.standings(connection, asked)


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
