"""What tasks are searched by follows their definitions, and costs a firing nothing."""

from collections import Counter
from datetime import datetime
from importlib import import_module
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db.models import Value
from django.db.models.functions import Upper

from scheduler import firing
from scheduler.models import TaskSearch
from tests.hot_paths import MINUTE, add_task, change

migration = import_module("scheduler.migrations.0014_rollups")


def searched(connection: psycopg.Connection, task_id: UUID) -> tuple[Any, ...] | None:
    return connection.execute(
        "SELECT name, task_class, labels, status FROM scheduler_task_search WHERE task_id = %s", (task_id,)
    ).fetchone()


def version(connection: psycopg.Connection, task_id: UUID) -> tuple[Any, ...] | None:
    """Return what tells one writing of the row from another."""
    return connection.execute(
        "SELECT ctid::text, xmin::text FROM scheduler_task_search WHERE task_id = %s", (task_id,)
    ).fetchone()


def test_it_knows_a_task_that_is_registered(connection: psycopg.Connection):
    task_id = add_task(connection, name="Straße 1", labels='{"team": "red"}')
    assert searched(connection, task_id) == ("STRAßE 1", "platform.noop", {"team": "red"}, "ACTIVE")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"name": "other"}, ("OTHER", "platform.noop", {}, "ACTIVE")),
        ({"task_class": "platform.sleep"}, ("TASK", "platform.sleep", {}, "ACTIVE")),
        ({"labels": '{"a": "b"}'}, ("TASK", "platform.noop", {"a": "b"}, "ACTIVE")),
        ({"status": "PAUSED"}, ("TASK", "platform.noop", {}, "PAUSED")),
    ],
)
def test_it_follows_a_change(connection: psycopg.Connection, columns: dict[str, str], expected: tuple[Any, ...]):
    task_id = add_task(connection, name="task")
    change(connection, "scheduler_tasks", task_id, **columns)
    assert searched(connection, task_id) == expected


def test_it_forgets_what_is_removed(connection: psycopg.Connection):
    task_id = add_task(connection)
    connection.execute("DELETE FROM scheduler_tasks WHERE id = %s", (task_id,))
    assert searched(connection, task_id) is None


def test_a_firing_does_not_touch_it(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now - MINUTE)
    before = version(connection, task_id)
    assert firing.claim(connection, now=now).task_count == 1
    assert version(connection, task_id) == before


def test_the_migration_fills_in_what_is_missing_or_stale(connection: psycopg.Connection):
    missing, stale = add_task(connection, name="a"), add_task(connection, name="b")
    right = add_task(connection, name="c")
    connection.execute("DELETE FROM scheduler_task_search WHERE task_id = %s", (missing,))
    connection.execute("UPDATE scheduler_task_search SET name = 'old' WHERE task_id = %s", (stale,))
    before = version(connection, right)
    connection.execute(migration.FILL)
    assert [(searched(connection, one) or ("",))[0] for one in (missing, stale)] == ["A", "B"]
    assert version(connection, right) == before


def test_the_migration_goes_on_where_the_extension_is_not_to_be_had(connection: psycopg.Connection):
    with connection.transaction(force_rollback=True):
        connection.execute("DROP EXTENSION pg_trgm CASCADE")
        connection.execute("CREATE ROLE search_nobody")
        connection.execute("SET LOCAL ROLE search_nobody")
        connection.execute(migration.TRIGRAMS)
        found = connection.execute("SELECT to_regclass('scheduler_search_name')").fetchone()
    assert found == (None,)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("ledger audit", {"Ledger Audit 0001"}),
        ("R A", {"Ledger Audit 0001"}),
        ("ledgeraudit", set()),
        ("ledger  audit", set()),
        ("led ger", {"led ger"}),
        ("LEDGER", {"Ledger Audit 0001", "ledger-of-audits", "sledgers"}),
        ("ledger_of", set()),
        ("0001", {"Ledger Audit 0001"}),
        ("00_001", {"100_001%"}),
        ("001%", {"100_001%"}),
        ("%", {"100_001%"}),
        ("\\", {"back\\slash"}),
        ("straße", {"Straße 1"}),
        ("größenordnungen", {"GRÖßENORDNUNGEN"}),
    ],
)
def test_it_finds_names_that_have_the_part(connection: psycopg.Connection, db: None, part: str, expected: set[str]):
    names = (
        "Ledger Audit 0001", "ledger-of-audits", "led ger", "sledgers", "100_001%", "back\\slash", "Straße 1",
        "GRÖßENORDNUNGEN",
    )  # fmt: skip
    for name in names:
        TaskSearch.objects.create(task_id=uuid4(), name=Upper(Value(name)), task_class="x", labels={}, own_name=name)
    found = TaskSearch.objects.filter(name__holds=part, task_class="x")
    assert {one.own_name for one in found} == expected


def test_it_finds_whatever_has_the_part_wherever_it_stands(connection: psycopg.Connection, db: None):
    draw = Random(7)
    letters = ["a", "B", "ß", "é", "0", "1", " ", "-", "_", "%", "\\", ".", "字"]
    names = ["".join(draw.choices(letters, k=draw.randint(1, 20))) for _ in range(200)]
    TaskSearch.objects.bulk_create(
        TaskSearch(task_id=uuid4(), name=Upper(Value(name)), task_class="x", labels={}, own_name=name) for name in names
    )
    for name in names:
        begin = draw.randint(0, len(name) - 1)
        part = name[begin : draw.randint(begin + 1, len(name))]
        found = TaskSearch.objects.filter(name__holds=part, task_class="x").values_list("own_name", flat=True)
        having = connection.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE strpos(upper(name), upper(%s)) <> 0", (names, part)
        ).fetchall()
        assert Counter(found) == Counter(one for (one,) in having), part
