"""Permits: limits on what is QUEUED or RUNNING at once, as rows that are locked in the order of their keys."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import psycopg

from scheduler import claims
from scheduler.engine.states import Status


@lru_cache(maxsize=4096)
def keys_of(*, queue: str, task_class: str, namespace: str) -> tuple[str, ...]:
    """Return the keys under which an execution may be limited."""
    return ("all", f"queue:{queue}", f"class:{task_class}", f"namespace:{namespace}")


@dataclass(slots=True)
class Permits:
    """The limited ones of some keys, locked, with what is left of each; `taken` is for the caller to write."""

    left: dict[str, int]
    taken: Counter[str] = field(default_factory=Counter)

    def limited(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return which of these keys are limited."""
        return tuple(key for key in keys if key in self.left)

    def take(self, keys: Iterable[str]) -> bool:
        """Take one unit of every limited key, or none at all and return False."""
        limited = self.limited(keys)
        if any(self.left[key] <= 0 for key in limited):
            return False
        for key in limited:
            self.left[key] -= 1
            self.taken[key] += 1
        return True


def lock(connection: psycopg.Connection, keys: Collection[str]) -> Permits:
    """Lock the limited ones of these keys until the caller commits."""
    return Permits({key: capacity - used for key, capacity, used in claims.permits(connection, keys)})


_USE = """
UPDATE scheduler_permits p SET used = greatest(p.used + u.used, 0)
FROM unnest(%s::text[], %s::int[]) AS u (key, used)
WHERE p.key = u.key
"""


def use(connection: psycopg.Connection, taken: Mapping[str, int]) -> None:
    """Write what has been taken of locked keys, or freed where it is negative."""
    changed = {key: count for key, count in taken.items() if count}
    if changed:
        connection.execute(_USE, (list(changed), list(changed.values())))


def free(connection: psycopg.Connection, freed: Mapping[str, int], *, now: datetime) -> bool:
    """Free units of those keys that are limited, and have as many held executions looked at; tell if any may go."""
    if not freed:
        return False
    limited = [key for key, _, _ in claims.permits(connection, freed.keys())]
    if not limited:
        return False
    use(connection, {key: -freed[key] for key in limited})
    return look_at_held(connection, limited, count=max(freed[key] for key in limited), now=now)


_LOOK = """
UPDATE task_execution_history h SET not_before = %(now)s
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status = 'SCHEDULED'
"""


def look_at_held(connection: psycopg.Connection, keys: Collection[str], *, count: int, now: datetime) -> bool:
    """Have up to `count` executions that these limits hold looked at as soon as the caller commits."""
    held = claims.held_by_limits(connection, keys, count=count, now=now)
    if held:
        connection.execute(_LOOK, {"id": held, "low": min(held), "high": max(held), "now": now})
    return bool(held)


_SET = """
INSERT INTO scheduler_permits (key, capacity) VALUES (%(key)s, %(capacity)s)
ON CONFLICT (key) DO UPDATE SET capacity = EXCLUDED.capacity
"""


def limit(connection: psycopg.Connection, key: str, capacity: int | None, *, now: datetime) -> None:
    """Limit a key from now on, or no more (None); what runs already is counted, and nothing of it is stopped."""
    with connection.transaction():
        if capacity is None:
            connection.execute("DELETE FROM scheduler_permits WHERE key = %s", (key,))
        else:
            connection.execute(_SET, {"key": key, "capacity": capacity})
            recount(connection, [key])
        look_at_held(connection, [key], count=claims.HELD_BATCH, now=now)


_KEYS = "SELECT key FROM scheduler_permits ORDER BY key"

_RECOUNT = """
WITH open AS (
    SELECT h.queue, h.namespace, t.task_class, count(*) AS count
    FROM task_execution_history h JOIN scheduler_tasks t ON t.id = h.task_id
    WHERE h.status = ANY(%(statuses)s) GROUP BY 1, 2, 3
)
UPDATE scheduler_permits p SET used = coalesce((
    SELECT sum(o.count) FROM open o
    WHERE p.key IN ('all', 'queue:' || o.queue, 'namespace:' || o.namespace, 'class:' || o.task_class)
), 0)
WHERE p.key = ANY(%(keys)s)
"""


def recount(connection: psycopg.Connection, keys: Collection[str] | None = None) -> int:
    """Set right what is taken of each limited key; return how many there are.

    The keys are locked first, so that nobody takes or frees meanwhile.
    """
    with connection.transaction():
        chosen = [row[0] for row in connection.execute(_KEYS)] if keys is None else list(keys)
        if chosen:
            claims.permits(connection, chosen)
            statuses = [Status.QUEUED, Status.RUNNING]
            connection.execute(_RECOUNT, {"keys": chosen, "statuses": statuses})
    return len(chosen)
