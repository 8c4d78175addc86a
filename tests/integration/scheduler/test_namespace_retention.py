"""A namespace that keeps its history for less: what ended goes, in quiet hours, and nothing else does."""

from datetime import datetime, timedelta
from io import StringIO
from uuid import UUID

import psycopg
import pytest
from django.conf import LazySettings
from django.core.management import call_command

from scheduler import clock, housekeeping, namespace_retention, partitions
from scheduler.errors import HistoryRemoved
from scheduler.namespace_retention import is_quiet
from scheduler.rebuild import rebuild
from tests.hot_paths import DAY, add_task, change, executions, queue_one

HISTORY = "task_execution_history"


@pytest.fixture
def payments(connection: psycopg.Connection) -> UUID:
    """A task of a namespace that keeps its history for ten days."""
    connection.execute("INSERT INTO scheduler_namespaces (name, retention_days) VALUES ('payments', 10)")
    connection.execute("INSERT INTO scheduler_namespaces (name) VALUES ('reports')")
    return add_task(connection, namespace="payments")


def ended(connection: psycopg.Connection, task_id: UUID, *, at: datetime, status: str = "SUCCESS") -> UUID:
    execution_id = queue_one(connection, task_id, now=at)
    change(connection, HISTORY, execution_id, status=status)
    connection.execute("INSERT INTO execution_log (id, head, tail) VALUES (%s, 'x', '')", (execution_id,))
    return execution_id


def left(connection: psycopg.Connection) -> set[UUID]:
    rows = connection.execute("SELECT id FROM execution_log").fetchall()
    assert {row["id"] for row in executions(connection)} >= {row[0] for row in rows}
    return {row["id"] for row in executions(connection)}


def test_it_removes_what_ended_before_with_its_log(connection: psycopg.Connection, now: datetime, payments: UUID):
    ended(connection, payments, at=now - 11 * DAY)
    ended(connection, payments, at=now - 40 * DAY, status="FAILED")
    kept = ended(connection, payments, at=now.replace(hour=0) - 10 * DAY)

    assert namespace_retention.prune(connection, now=now) == {"payments": 2}
    assert left(connection) == {kept}


def test_of_other_namespaces_and_of_what_is_open_all_stays(
    connection: psycopg.Connection, now: datetime, payments: UUID
):
    others = {ended(connection, add_task(connection, namespace=name), at=now - 20 * DAY) for name in ("a", "reports")}
    opened = {queue_one(connection, payments, now=now - 20 * DAY)}

    assert namespace_retention.prune(connection, now=now) == {"payments": 0}
    assert left(connection) == others | opened


def test_it_goes_on_until_all_is_gone(
    connection: psycopg.Connection, now: datetime, payments: UUID, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(namespace_retention, "BATCH", 2)
    for hour in range(5):
        ended(connection, payments, at=now - 20 * DAY + timedelta(hours=hour))

    assert namespace_retention.removable(connection, now=now) == {"payments": 5}
    assert namespace_retention.prune(connection, now=now, seconds=0) == {"payments": 0}
    assert namespace_retention.prune(connection, now=now, seconds=None) == {"payments": 5}


def test_a_removal_reads_one_partition(connection: psycopg.Connection, now: datetime, payments: UUID):
    one = namespace_retention.kept(connection, now=now)[0]
    parameters = namespace_retention._parameters(one, partitions.existing(connection, HISTORY)[0]) | {"limit": 10}

    rows = connection.execute("EXPLAIN " + namespace_retention._FORGET, parameters).fetchall()

    plan = "\n".join(row[0] for row in rows)
    assert f"{HISTORY}_first" in plan
    assert f"{HISTORY}_p" not in plan


def test_what_has_holes_is_not_counted_anew(connection: psycopg.Connection, now: datetime, payments: UUID):
    ended(connection, payments, at=now - 11 * DAY)
    namespace_retention.prune(connection, now=now)

    with pytest.raises(HistoryRemoved):
        list(rebuild(connection, begin=now - 11 * DAY, end=now))


@pytest.mark.parametrize(
    ("hours", "hour", "expected"),
    [
        ((1, 5), 0, False), ((1, 5), 1, True), ((1, 5), 4, True), ((1, 5), 5, False),
        ((22, 3), 21, False), ((22, 3), 22, True), ((22, 3), 2, True), ((22, 3), 3, False),
    ],
)  # fmt: skip
def test_quiet_hours_may_go_over_midnight(now: datetime, hours: tuple[int, int], hour: int, expected: bool):
    assert is_quiet(hours, now=now.replace(hour=hour)) is expected


@pytest.mark.parametrize(("quiet", "count"), [((11, 13), 0), ((13, 11), 1)])
def test_the_chore_works_in_quiet_hours(
    connection: psycopg.Connection, now: datetime, payments: UUID, settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch, quiet: tuple[int, int], count: int,
):  # fmt: skip
    ended(connection, payments, at=now - 11 * DAY)
    settings.QUIET_HOURS = quiet
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(housekeeping, "current", lambda: connection)

    housekeeping.prune_namespaces()

    assert len(left(connection)) == count


@pytest.mark.parametrize(
    ("arguments", "line", "count"),
    [(["--dry-run"], "payments: 1 executions would go", 1), ([], "payments: 1 executions removed", 0)],
)
def test_the_command_does_so_at_once(
    connection: psycopg.Connection, now: datetime, payments: UUID, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], line: str, count: int,
):  # fmt: skip
    ended(connection, payments, at=now - 11 * DAY)
    monkeypatch.setattr("platform_scheduler.management.commands.prune.current", lambda: connection)
    output = StringIO()

    call_command("prune", "--keep-days", "36500", *arguments, stdout=output)

    assert output.getvalue().splitlines()[-1].startswith(line)
    assert len(left(connection)) == count
