"""Permits: limits on what is QUEUED or RUNNING at once and on what goes in a second, as rows locked in order of key."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler import claims
from scheduler.engine.admission import Hindrance
from scheduler.engine.gates import reason_of
from scheduler.engine.states import Reason, Status
from scheduler.lookups import task_of
from scheduler.records import Gate

# Tokens are fractions, and a hundred tenths are not quite ten.
_A_TOKEN = 1 - 1e-6


@dataclass(slots=True)
class Permits:
    """The limited ones of some keys, locked, with what is left of each.

    `taken` is for the caller to write, and so are the keys that hold something from now on, `waiting`, and the
    executions that try a service, `probes`, by key.
    """

    gates: dict[str, Gate]
    taken: Counter[str] = field(default_factory=Counter)
    waiting: set[str] = field(default_factory=set)
    probes: dict[str, UUID] = field(default_factory=dict)

    @property
    def has_rates(self) -> bool:
        """Tell whether it matters who comes first."""
        return any(gate.tokens is not None for gate in self.gates.values())

    def limited(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return which of these keys are limited."""
        return tuple(key for key in keys if key in self.gates)

    def paused(self, keys: Iterable[str]) -> str | None:
        """Return the first of these keys under which nothing goes."""
        return next((key for key in self.limited(keys) if self.gates[key].is_paused), None)

    def take(
        self, keys: Iterable[str], *, in_turn: UUID | None = None, skips_circuits: bool = False
    ) -> Hindrance | None:
        """Take a place and a token of every limited key, or nothing at all and return what is in the way.

        Of a rate for which something waits nothing new takes a token; what waits takes its own `in_turn`, as the
        execution that it is. What `skips_circuits` does not wait for one, but for being its probe.
        """
        limited = self.limited(keys)
        if (holding := self._holding(limited, in_turn=in_turn is not None)) is not None:
            return self._hold(holding, skips_circuits=skips_circuits)
        gates = [self.gates[key] for key in limited]
        if any(gate.places is not None and gate.places <= 0 for gate in gates):
            return _NO_PLACE
        for key, gate in zip(limited, gates, strict=True):
            gate.places = gate.places - 1 if gate.places is not None else None
            gate.tokens = gate.tokens - 1 if gate.tokens is not None else None
            self.taken[key] += 1
            if gate.is_probing and in_turn is not None:
                self.probes[key] = in_turn
        return None

    def _hold(self, key: str, *, skips_circuits: bool) -> Hindrance:
        reason, gate = reason_of(key), self.gates[key]
        if reason is Reason.SHED:
            return Hindrance(reason, key, skips=True)
        # Where nothing waits to try the service, the next one has to, whatever its policy.
        becomes_probe = gate.is_probing and not gate.has_waiting and (gate.tokens or 0) >= _A_TOKEN
        if reason is Reason.CIRCUIT and skips_circuits and not becomes_probe:
            return Hindrance(reason, key, skips=True)
        gate.has_waiting = True
        self.waiting.add(key)
        return Hindrance(reason, key)

    def _holding(self, limited: Sequence[str], *, in_turn: bool) -> str | None:
        if (paused := self.paused(limited)) is not None:
            return paused
        for key in limited:
            gate = self.gates[key]
            if gate.tokens is not None and (gate.tokens < _A_TOKEN or (gate.is_kept and not in_turn)):
                return key
        return None


_NO_PLACE = Hindrance(Reason.LIMIT)


def lock(connection: psycopg.Connection, keys: Collection[str], *, now: datetime) -> Permits:
    """Lock the limited ones of these keys until the caller commits."""
    return Permits(claims.gates(connection, keys, now=now))


_USE = f"""
UPDATE scheduler_permits p SET used = greatest(p.used + u.used, 0),
    tokens = CASE WHEN p.rate IS NULL THEN p.tokens ELSE {claims.TOKENS} - greatest(u.used, 0) END,
    refilled_at = CASE WHEN p.rate IS NULL THEN p.refilled_at ELSE greatest(p.refilled_at, %(now)s) END
FROM unnest(%(keys)s::text[], %(used)s::int[]) AS u (key, used)
WHERE p.key = u.key
"""  # noqa: S608 - the arithmetic is that of the claims

_HOLD = "UPDATE scheduler_permits SET has_waiting = true WHERE key = ANY(%s) AND NOT has_waiting"


def use(
    connection: psycopg.Connection, taken: Mapping[str, int], *, waiting: Collection[str] = (), now: datetime
) -> None:
    """Write what has been taken of locked keys, or freed where it is negative, and which of them hold something."""
    if changed := {key: count for key, count in taken.items() if count}:
        connection.execute(_USE, {"keys": list(changed), "used": list(changed.values()), "now": now})
    if waiting:
        connection.execute(_HOLD, (list(waiting),))


def free(connection: psycopg.Connection, freed: Mapping[str, int], *, now: datetime) -> bool:
    """Free units of those keys that are limited, and have as many held executions looked at; tell if any may go."""
    if not freed:
        return False
    limited = claims.permits(connection, freed.keys(), counted_only=True)
    if not limited:
        return False
    use(connection, {key: -freed[key] for key in limited}, now=now)
    # By key: those that have waited longest may all wait for the same one, and the others' places would stand empty.
    looked = [look_at_held(connection, [key], count=freed[key], now=now) for key in limited]
    return any(looked)


_LOOK = """
UPDATE task_execution_history h SET not_before = %(now)s
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' = 'SCHEDULED'
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

_RECOUNT = f"""
WITH open AS (
    SELECT h.queue, h.namespace, t.task_class, count(*) AS count
    FROM task_execution_history h {task_of("h", "task_class")}
    WHERE h.status = ANY(%(statuses)s) GROUP BY 1, 2, 3
)
UPDATE scheduler_permits p SET used = coalesce((
    SELECT sum(o.count) FROM open o
    WHERE p.key IN ('all', 'queue:' || o.queue, 'namespace:' || o.namespace, 'class:' || o.task_class)
), 0)
WHERE p.key = ANY(%(keys)s)
"""  # noqa: S608 - our own words


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
