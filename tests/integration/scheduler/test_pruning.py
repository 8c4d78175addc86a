"""Every hot statement reads the partitions of its batch and no other, whichever plan PostgreSQL makes."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from scheduler import claims, publications, rollups, runs, throttles, transitions
from scheduler.engine.identity import execution_id
from scheduler.engine.states import Reason, Status, Trigger
from scheduler.records import Admitted, HeldFor, NewExecution, Outcome, Started
from tests.hot_paths import LEASE, add_task, lock_held, start_one

DAY = timedelta(days=1)

_NAMED = re.compile(r"%\((\w+)\)s")
# An index of history, and what is looked for in it.
_LOOKED_UP = re.compile(r"(?:Scan using|Bitmap Index Scan on) (task_execution_history_\w+) .*\n *Index Cond: (.*)")
_SCANNED = re.compile(r"(?<!Bitmap Index) Scan.* on (task_execution_history_\w+)")

Write = Callable[[psycopg.Connection, list[Started], datetime], object]


def ids(batch: list[Started]) -> list[UUID]:
    return [one.id for one in batch]


def start(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return transitions.start(connection, batch[0].id, node_id="node-1", lease_expires_at=now, now=now)


def hand_back(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return transitions.hand_back(connection, [(one.id, one.fence) for one in batch], now=now)


def renew(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return transitions.renew(connection, [(one.id, one.fence) for one in batch], lease_expires_at=now + LEASE)


def finish(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return transitions.finish(connection, [Outcome(one.id, one.fence, Status.SUCCESS) for one in batch], now=now)


def release(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return transitions.release(connection, ids(batch), now=now)


def cancel(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return transitions.cancel_waiting(connection, ids(batch), reason=Reason.DELETED, now=now)


def mark(connection: psycopg.Connection, batch: list[Started], now: datetime) -> None:
    publications.mark(connection, ids(batch), now=now)


def forget(connection: psycopg.Connection, batch: list[Started], now: datetime) -> None:
    publications.forget(connection, ids(batch))


def count(connection: psycopg.Connection, batch: list[Started], now: datetime) -> None:
    finish(connection, batch, now)
    rollups.take_in(connection, limit=rollups.BATCH)


def admit(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return transitions.admit(connection, [Admitted(one.id, Status.QUEUED, None, None, None) for one in batch], now=now)


def hold_for(connection: psycopg.Connection, batch: list[Started], now: datetime) -> None:
    transitions.hold_for(connection, [HeldFor(one.id, Reason.FLOW, "all", None) for one in batch])


def skip(connection: psycopg.Connection, batch: list[Started], now: datetime) -> None:
    transitions.skip(connection, ids(batch), reason=Reason.DEPENDENCY, now=now)


def see_roots(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return runs.roots(connection, ids(batch))


def see_runs(connection: psycopg.Connection, batch: list[Started], now: datetime) -> object:
    return runs.in_runs(connection, [(one.task_id, one.id) for one in batch])


@pytest.fixture
def batch(connection: psycopg.Connection, now: datetime) -> list[Started]:
    """Two executions of one day and one of the next."""
    task_id = add_task(connection, next_slot_for=now + DAY)
    return [start_one(connection, task_id, now=at) for at in (now, now + timedelta(hours=1), now + DAY)]


class Explainer:
    """Stands in for `Connection.execute`: lets each statement run, and says what it would read of history."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.execute = connection.execute
        self.scanned: set[str] = set()
        self.lookups: list[tuple[str, str]] = []

    def __call__(self, query: str, parameters: Any = None) -> Any:
        if isinstance(parameters, dict):
            self.explain(query, parameters)
        return self.execute(query, parameters)

    def explain(self, query: str, parameters: dict[str, Any]) -> None:
        """Prepare the statement as psycopg does after five runs: then PostgreSQL may choose a generic plan."""
        names = list(dict.fromkeys(_NAMED.findall(query)))
        numbered = _NAMED.sub(lambda match: f"${names.index(match[1]) + 1}", query)
        values = sql.SQL(", ").join(sql.Literal(parameters[name]) for name in names)
        self.execute(f"PREPARE probe AS {numbered}")
        plan = "\n".join(line for (line,) in self.execute(sql.SQL("EXPLAIN EXECUTE probe ({})").format(values)))
        self.scanned.update(_SCANNED.findall(plan))
        self.lookups += _LOOKED_UP.findall(plan)
        self.execute("DEALLOCATE probe")


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
def explainer(
    request: pytest.FixtureRequest,
    batch: list[Started],
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> Explainer:
    """Watches the connection from here on, with either kind of plan."""
    connection.execute(f"SET plan_cache_mode = {request.param}")
    explaining = Explainer(connection)
    monkeypatch.setattr(connection, "execute", explaining)
    return explaining


def partition(day: datetime) -> str:
    return f"task_execution_history_p{day:%Y%m%d}"


WRITES = [hand_back, renew, finish, release, cancel, mark, forget, count, admit, hold_for, skip, see_roots, see_runs]


@pytest.mark.parametrize("write", [start])
def test_it_reads_one_partition_for_one_execution(
    batch: list[Started], explainer: Explainer, connection: psycopg.Connection, now: datetime, write: Write
):
    write(connection, batch[:1], now)
    assert explainer.scanned == {partition(now)}


@pytest.mark.parametrize("write", WRITES)
def test_it_reads_one_partition_for_executions_of_one_day(
    batch: list[Started], explainer: Explainer, connection: psycopg.Connection, now: datetime, write: Write
):
    write(connection, batch[:2], now)
    assert explainer.scanned == {partition(now)}


@pytest.mark.parametrize("write", WRITES)
def test_it_reads_two_partitions_for_executions_of_two_days(
    batch: list[Started], explainer: Explainer, connection: psycopg.Connection, now: datetime, write: Write
):
    write(connection, batch, now)
    assert explainer.scanned == {partition(now), partition(now + DAY)}


@pytest.fixture
def grown(connection: psycopg.Connection, batch: list[Started], now: datetime) -> None:
    """Fill both partitions with what else is open, as many as a plan has to mind, and have PostgreSQL look at it.

    Of many namespaces, all day long: with one, looking for ids within it costs what their own index does, and which
    of the two is taken is a matter of chance.
    """
    task_id = batch[0].task_id
    for day in (now, now + DAY):
        rows = [
            NewExecution(
                id=execution_id(task_id, cause=str(number), at=at, attempt=1), task_id=task_id, cause=str(number),
                attempt=1, trigger=Trigger.MANUAL, status=Status.QUEUED, scheduled_for=at, due_at=at,
                namespace=f"team-{number % 50}", queue="default", priority=5, timeout_seconds=60, revision=1,
            )
            for number in range(2_000)
            for at in [day + timedelta(seconds=20 * number)]
        ]  # fmt: skip
        transitions.record(connection, rows, now=now)
    connection.execute("ANALYZE task_execution_history")


@pytest.mark.parametrize("write", [one for one in WRITES if one is not see_runs])
@pytest.mark.usefixtures("grown")
def test_it_finds_rows_by_their_ids_and_reads_no_range(
    batch: list[Started], explainer: Explainer, connection: psycopg.Connection, now: datetime, write: Write
):
    """Neither what lies between the first id and the last, nor all that is queued, held or running."""
    write(connection, batch, now)
    assert explainer.lookups
    assert [one for one in explainer.lookups if not one[0].endswith("_pkey") or "(id = " not in one[1]] == []


Look = Callable[[psycopg.Connection, datetime], object]


def held(connection: psycopg.Connection, now: datetime) -> object:
    return lock_held(connection, now=now, low=claims.recent(now))


def expired(connection: psycopg.Connection, now: datetime) -> object:
    return claims.expired_executions(connection, now=now, low=claims.recent(now), limit=500)


def unpublished(connection: psycopg.Connection, now: datetime) -> object:
    return claims.unpublished_executions(connection, before=now, low=claims.recent(now), limit=500)


def awaited(connection: psycopg.Connection, now: datetime) -> object:
    return claims.awaited(connection, now=now, low=claims.recent(now), limit=500)


def flowing(connection: psycopg.Connection, now: datetime) -> object:
    connection.execute("INSERT INTO scheduler_permits (key, has_waiting) VALUES ('all', true)")
    return throttles.release(connection, now=now, low=claims.recent(now))


@pytest.mark.parametrize("look", [held, expired, unpublished, awaited, flowing])
def test_it_looks_for_open_rows_in_no_partition_older_than_eight_days(
    explainer: Explainer, connection: psycopg.Connection, now: datetime, look: Look
):
    """Nine days on, today's partition is out of sight."""
    look(connection, now + 9 * DAY)
    assert {"task_execution_history_first", partition(now)} & explainer.scanned == set()
