"""What PostgreSQL makes of the engine's statements where its statistics are of another time.

Plans are kept and general, and a table of some seconds ago was empty, or all of it was paused: then one row is expected
where thousands are, and whatever is read once for each of them is read thousands of times.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count
from random import Random
from types import ModuleType
from typing import Any

import psycopg
import pytest

import scheduler
import workers
from tests.hot_paths import add_task

ROWS = 2_000
STATES = 40

_IS_STATEMENT = re.compile(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b")
_PLACE = re.compile(r"%(?:\((\w+)\))?s")
_NAME = re.compile(r"\b([a-z_]\w*)\.")
_IS_LARGE = re.compile("task_execution_history|scheduler_tasks")

# What is written is joined with what is written into it, by its key and in batches; SQL has no word for their order.
_OF_BATCHES = {
    "scheduler.followups._CLOSE",
    "scheduler.followups._OPENED",
    "scheduler.moves._BY_CALENDAR",
    "scheduler.moves._BY_FLEX",
    "scheduler.moves._HOLD",
    "scheduler.pauses._LEAVE_BEHIND",
    "scheduler.reschedule._RESCHEDULE",
    "scheduler.transitions._CANCEL",
    "scheduler.transitions._START",
    "scheduler.verbs._ASSIGN",
}

# The last row of each task before an instant: backwards through its own index, or through that of all ids.
_LAST = {"scheduler.selfaudit.rows._BEFORE"}

Plan = Mapping[str, Any]


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations" not in found.name and not found.name.endswith((".apps", ".admin", ".beat")):
            yield importlib.import_module(found.name)


def _statements() -> dict[str, str]:
    """Return SQL with $1 for places, each once, with where it is written; pieces of statements are among it."""
    return {
        _numbered(text): f"{module.__name__}.{name}"
        for package in (scheduler, workers)
        for module in _modules(package)
        for name, text in vars(module).items()
        if isinstance(text, str) and _IS_STATEMENT.match(text)
    }


def _numbered(text: str) -> str:
    numbers: dict[str, int] = {}
    unnamed = count()
    places = _PLACE.sub(lambda found: f"${numbers.setdefault(found[1] or str(next(unnamed)), len(numbers) + 1)}", text)
    return places.replace("%%", "%")


def _read_again(plan: Plan) -> Iterator[str]:
    """Yield scans of a large table that are begun anew for each row of something else, which says nothing to them."""
    for inner in plan.get("Plans", ()):
        if plan["Node Type"] == "Nested Loop" and inner["Parent Relationship"] == "Inner":
            yield from _unbounded(inner)
        yield from _read_again(inner)


def _unbounded(plan: Plan) -> Iterator[str]:
    table = plan.get("Relation Name", "")
    condition = f"{plan.get('Index Cond', '')} {plan.get('Recheck Cond', '')}"
    if _IS_LARGE.match(table) and set(_NAME.findall(condition)) <= {plan["Alias"]}:
        yield f"{plan['Node Type']} of {table}"
    for part in plan.get("Plans", ()):
        if part["Parent Relationship"] not in {"InitPlan", "SubPlan"}:
            yield from _unbounded(part)


def _unsettle(connection: psycopg.Connection, partition: str, random: Random) -> None:
    """Give the tables statistics of some other time."""
    for table in ("scheduler_tasks", partition, "scheduler_dependencies"):
        connection.execute(
            "SELECT pg_restore_relation_stats("
            "'schemaname', 'public', 'relname', %s::text, 'relpages', %s::int, 'reltuples', %s::real)",
            (table, random.choice((0, 1, 20, 1000)), random.choice((-1, 0, 1, 20, 5000, 1e6))),
        )
    for table, column, values in (
        ("scheduler_tasks", "status", ("ACTIVE", "PAUSED", "DELETED")),
        (partition, "status", ("SCHEDULED", "QUEUED", "RUNNING", "SUCCESS")),
        (partition, "reason", ("flow", "overlap", "dependency", "catch_up", "limit")),
        (partition, "held_by", ("all", "queue:default")),
    ):
        missing = random.choice((0.0, 0.99)) if column in {"reason", "held_by"} else 0.0
        connection.execute(
            "SELECT pg_restore_attribute_stats('schemaname', 'public', 'relname', %s::text, 'attname', %s::text,"
            " 'inherited', false, 'null_frac', %s::real, 'avg_width', 8, 'n_distinct', 1::real,"
            " 'most_common_vals', %s::text, 'most_common_freqs', %s::real[])",
            (table, column, missing, f"{{{random.choice(values)}}}", [1.0 - missing]),
        )


# What other tests have left, in files and in statistics, shall not decide.
_AS_IF_NEW = """
DO $$ BEGIN
EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(format('%I', relname), ', ') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
);
PERFORM pg_clear_attribute_stats(schemaname, tablename, attname, inherited) FROM pg_stats WHERE schemaname = 'public';
END $$
"""

_MORE_TASKS = """
INSERT INTO scheduler_tasks (id, name, task_class, interval_seconds, anchor_at, next_slot_for, claim_at)
SELECT gen_random_uuid(), 'task ' || n, task_class, interval_seconds, anchor_at, next_slot_for, claim_at
FROM scheduler_tasks CROSS JOIN generate_series(1, %s) n
"""

_EXECUTIONS = """
INSERT INTO task_execution_history (
    id, task_id, cause, trigger, status, reason, queue, namespace, priority, timeout_seconds,
    due_at, scheduled_for, not_before
)
SELECT uuidv7(%(now)s::timestamptz - clock_timestamp()), id, 'slot:' || n, 'SCHEDULE', 'SCHEDULED', 'overlap',
    'default', 'default', 5, 60, %(now)s, %(now)s, %(now)s
FROM scheduler_tasks CROSS JOIN generate_series(1, 2) n
"""


@pytest.fixture
def plans(connection: psycopg.Connection, now: datetime) -> dict[str, set[str]]:
    """What each statement would read again and again, by where it is written."""
    if connection.info.server_version < 18_00_00:
        pytest.skip("statistics can be put back since PostgreSQL 18")
    random = Random(5)
    found: dict[str, set[str]] = {}
    statements = _statements()
    with connection.transaction(force_rollback=True):
        connection.execute(_AS_IF_NEW)
        add_task(connection, next_slot_for=now)
        connection.execute(_MORE_TASKS, (ROWS,))
        connection.execute(_EXECUTIONS, {"now": now})
        whole = {name: text for text, name in statements.items() if _plan(connection, text) is not None}
        for _ in range(STATES):
            _unsettle(connection, f"task_execution_history_p{now:%Y%m%d}", random)
            for name, statement in whole.items():
                found.setdefault(name, set()).update(_read_again(_plan(connection, statement) or {}))
    return found


def _plan(connection: psycopg.Connection, statement: str) -> Plan | None:
    """Return the general plan of a statement; None for what is a piece of one."""
    try:
        with connection.transaction():
            row = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}", prepare=False).fetchone()
    except psycopg.errors.ProgrammingError:
        return None
    assert row is not None
    plan: Plan = row[0][0]["Plan"]
    return plan


def test_nothing_is_read_again_for_each_row_of_something_else(plans: dict[str, set[str]]):
    assert len(plans) > 300
    assert {name: read for name, read in plans.items() if read and name not in _OF_BATCHES | _LAST} == {}
