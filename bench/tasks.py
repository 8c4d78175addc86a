"""Registered tasks by the hundred thousand: made in the database itself, the same in every run."""

from contextlib import suppress
from datetime import datetime, timedelta

import psycopg
from psycopg.errors import InsufficientPrivilege

from bench.arena import Arena

# Far enough ahead that no measurement meets them.
QUIET = timedelta(days=2)
DAY_SECONDS = 86_400

# Of four tasks three have a cron, in three spellings, one an interval; ids lie in no order, as real ones do.
_ID = "md5('bench ' || n)::uuid"
_CRON = """
CASE n %% 4 WHEN 0 THEN NULL ELSE to_char(slot, 'FMSS FMMI FMHH24 ')
    || CASE n %% 4 WHEN 1 THEN '* * ?' WHEN 2 THEN '? * *' ELSE '* * ? *' END END
"""
_INTERVAL = "CASE n % 4 WHEN 0 THEN 86400 END"

_REGISTER = f"""
INSERT INTO scheduler_tasks (id, name, task_class, priority, timeout_seconds, cron_expression, interval_seconds,
    anchor_at, next_slot_for, next_execution_time, claim_at)
SELECT {_ID}, 'task ' || n, 'platform.noop', 1 + n %% 10, 600, {_CRON}, {_INTERVAL.replace("%", "%%")},
    slot - interval '1 day', slot, slot, slot
FROM generate_series(%(first)s::int, %(last)s::int) n,
    LATERAL (SELECT %(quiet)s::timestamptz + n %% 86400 * interval '1 second') AS s (slot)
"""  # noqa: S608 - the parts are those above

_MAKE_DUE = f"""
UPDATE scheduler_tasks t SET cron_expression = {_CRON}, anchor_at = slot - interval '1 day',
    next_slot_for = slot, next_execution_time = slot, claim_at = slot, misfire_grace_seconds = 86400
FROM generate_series(%(first)s::int, %(last)s::int, %(step)s::int) n,
    LATERAL (SELECT %(at)s::timestamptz - n %% (%(spread)s::int + 1) * interval '1 second') AS s (slot)
WHERE t.id = {_ID}
"""  # noqa: S608 - the parts are those above

_REGISTER_STEADY = """
INSERT INTO scheduler_tasks (id, name, task_class, priority, timeout_seconds, interval_seconds, anchor_at,
    next_slot_for, next_execution_time, claim_at)
SELECT md5('steady ' || n)::uuid, 'steady ' || n, 'platform.noop', 1 + n %% 10, 600, %(period)s,
    slot - %(period)s * interval '1 second', slot, slot, slot
FROM generate_series(0, %(count)s::bigint - 1) n,
    LATERAL (SELECT %(at)s::timestamptz + n * %(period)s * 1000 / %(count)s / %(grain)s * %(grain)s
        * interval '1 millisecond') AS s (slot)
"""


def register(arena: Arena, *, count: int, first: int = 1) -> None:
    """Register tasks number `first` to `first + count - 1`, none due for two days."""
    quiet = arena.timeline.now().replace(microsecond=0) + QUIET
    _execute(arena, _REGISTER, first=first, last=first + count - 1, quiet=quiet)
    # A trigger has filled it; autovacuum would do this a minute later, in the middle of what is measured.
    _vacuum(arena, "scheduler_task_search")


def register_steady(arena: Arena, *, count: int, period_seconds: int, at: datetime, grain_ms: int = 1) -> None:
    """Register tasks that each come every `period_seconds`, evenly from `at` on in steps of `grain_ms`."""
    _execute(arena, _REGISTER_STEADY, count=count, period=period_seconds, at=at, grain=grain_ms)


def make_due(arena: Arena, *, first: int, count: int, at: datetime, step: int = 1, spread_seconds: int = 0) -> None:
    """Have `count` tasks, every `step`th from number `first` on, due at `at`, or evenly in the seconds before it."""
    last = first + (count - 1) * step
    _execute(arena, _MAKE_DUE, first=first, last=last, step=step, at=at, spread=spread_seconds)


def settle(arena: Arena) -> None:
    """Leave nothing behind that the next measurement would have to clean up."""
    for table in ("scheduler_tasks", "task_execution_history"):
        _vacuum(arena, table)
    with suppress(InsufficientPrivilege):
        arena.connection.execute("CHECKPOINT")


def next_second(arena: Arena, *, ahead: float) -> datetime:
    """Return a whole second at least so many seconds away."""
    return (arena.timeline.now() + timedelta(seconds=ahead + 1)).replace(microsecond=0)


def _vacuum(arena: Arena, table: str) -> None:
    arena.connection.execute(f"VACUUM (ANALYZE) {table}".encode())


def _execute(arena: Arena, statement: str, **parameters: object) -> None:
    cursor: psycopg.Cursor = arena.connection.cursor()
    cursor.execute(statement.encode(), parameters)
