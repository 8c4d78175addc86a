"""The order of a backlog: priority first with a share by age, namespaces by weight inside a level.

Only where a batch came back full: ordering all that is due by priority and time for each batch would sort it all.
"""

from collections.abc import Iterator
from datetime import datetime

import psycopg

from scheduler import claims
from scheduler.engine.sharing import shares
from scheduler.records import DueTask

PRIORITIES = range(10, 0, -1)
# So many of a batch go by age alone: what has the least priority is late, and not for ever.
SHARE_BY_AGE = 0.1


def due_tasks(connection: psycopg.Connection, *, now: datetime, limit: int) -> list[DueTask]:
    """Lock up to `limit` due tasks that no other scheduler holds: a tenth by age, the others by priority."""
    tasks = claims.due_tasks(connection, now=now, limit=max(1, round(limit * SHARE_BY_AGE)))
    for priority in PRIORITIES:
        for some in _of_priority(connection, priority, tasks, now=now, limit=limit):
            tasks += some
        if len(tasks) >= limit:
            break
    return sorted(tasks, key=lambda task: -task.priority)


def _of_priority(
    connection: psycopg.Connection, priority: int, locked: list[DueTask], *, now: datetime, limit: int
) -> Iterator[list[DueTask]]:
    """Yield due tasks of one priority in rounds; what a namespace leaves of its share the others have in the next."""
    weights = claims.namespaces_due(connection, priority=priority, now=now)
    others = [task.id for task in locked]
    turn = now.microsecond
    while weights and (left := limit - len(others)) > 0:
        parts = shares(left, weights, turn=turn)
        found = claims.due_of_namespaces(connection, parts, priority=priority, others=others, now=now)
        yield found
        others += [task.id for task in found]
        taken = [task.namespace for task in found]
        weights = {name: weights[name] for name, part in parts.items() if taken.count(name) == part}
