"""Two requests at once, on two connections: dependencies."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from register import services, submission
from register.api.reading import read_changes, read_new_task
from register.bulk import Entry
from register.errors import TaskInUse
from scheduler import claims, clock
from scheduler.connections import connect
from scheduler.errors import InvalidInput
from scheduler.models import Dependency, Task
from tests.integration.register.filing import register
from tests.integration.register.test_races import at_once, noop

__all__ = ["at_once", "noop"]

pytestmark = pytest.mark.django_db(transaction=True)

AtOnce = Callable[..., list[Any]]


def _register(name: str, *upstreams: str) -> Task:
    waits = [{"name": upstream} for upstream in upstreams]
    given = read_new_task({"name": name, "taskClass": "platform.noop", "dependencies": waits})
    return services.create_task(given, actor="edda", namespace=None, now=clock.now())


def _wait(task: Task, *upstreams: str) -> Task:
    given = read_changes({"dependencies": [{"name": upstream} for upstream in upstreams]})
    return services.change_task(task.id, given, namespace=None, now=clock.now())


def _delete(task: Task) -> None:
    services.delete_task(task.id, namespace=None, now=clock.now())


@pytest.fixture
def three(noop: None) -> list[Task]:
    """Three tasks that wait for nothing."""
    return [_register(name) for name in ("a", "b", "c")]


@pytest.mark.parametrize("attempt", range(5))
def test_edits_that_make_a_cycle_together_leave_none(three: list[Task], at_once: AtOnce, attempt: int) -> None:
    a, b, c = three

    outcomes = at_once(lambda: _wait(a, "b"), lambda: _wait(b, "c"), lambda: _wait(c, "a"))

    assert outcomes.count(InvalidInput) == 1
    assert Dependency.objects.count() == 2


@pytest.mark.parametrize("attempt", range(5))
def test_edits_crosswise_end(three: list[Task], at_once: AtOnce, attempt: int) -> None:
    a, b, c = three

    outcomes = at_once(lambda: _wait(a, "b"), lambda: _wait(a, "c"), lambda: _wait(b, "c"), lambda: _delete(c))

    assert set(outcomes) - {InvalidInput, TaskInUse} <= {a, b, None}


@pytest.mark.parametrize("attempt", range(5))
def test_a_task_is_deleted_or_waited_for(three: list[Task], at_once: AtOnce, attempt: int) -> None:
    a, b, _ = three

    outcomes = at_once(lambda: _wait(a, "b"), lambda: _delete(b))

    b.refresh_from_db()
    assert (InvalidInput in outcomes) != (TaskInUse in outcomes)
    assert (b.status, b.has_dependents) == (("ACTIVE", True) if TaskInUse in outcomes else ("DELETED", False))


@pytest.mark.parametrize("attempt", range(5))
def test_the_mark_is_right_whoever_comes_last(three: list[Task], at_once: AtOnce, attempt: int) -> None:
    a, b, c = three
    _wait(a, "b")

    at_once(lambda: _wait(a), lambda: _wait(c, "b"))

    b.refresh_from_db()
    assert b.has_dependents


@pytest.fixture
def witness(db: None) -> Iterator[psycopg.Connection]:
    """Somebody else."""
    with connect(application_name="witness") as other:
        yield other


Register = Callable[[Any], None]


def _request(records: Any) -> None:
    entries = [Entry(record) for record in records]
    submission.submit(entries, mode="upsert", is_atomic=True, actor="edda", namespace=None, now=clock.now())


@pytest.fixture
def from_file(tmp_path: Path) -> Register:
    """Registers records from a file, all or nothing."""

    def run(records: Any) -> None:
        path = tmp_path / "tasks.json"
        path.write_text(json.dumps(records))
        assert register(path, "--mode", "upsert", "--atomic").failure is None

    return run


@pytest.fixture(params=["request", "file"])
def register_all(request: pytest.FixtureRequest, from_file: Register) -> Register:
    """Registers records in one transaction, on a connection of its own."""
    store = {"request": _request, "file": from_file}[request.param]

    def run(records: Any) -> None:
        try:
            store(records)
        finally:
            connection.close()

    return run


_WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'scheduler_dependencies'::regclass"
_FREE = "SELECT count(*) FROM (SELECT FROM scheduler_tasks FOR NO KEY UPDATE SKIP LOCKED) free"


def _until_somebody_waits_for_the_graph(witness: psycopg.Connection) -> None:
    looks = sum(1 for _ in takewhile(lambda _: witness.execute(_WAITS).fetchone() == (0,), range(20_000)))
    assert looks < 20_000, "Nobody waits for it."


@pytest.mark.parametrize("waits", [lambda b: [{"taskId": str(b.id)}], lambda b: [{"name": "b"}], lambda b: []])
def test_all_or_nothing_waits_for_the_graph_before_it_holds_a_task(
    three: list[Task], witness: psycopg.Connection, register_all: Register, waits: Callable[[Task], Any]
) -> None:
    a, b, _ = three
    _wait(a, "b")
    alone, joined = ({"name": name, "taskClass": "platform.noop", "priority": 9} for name in ("c", "a"))

    with ThreadPoolExecutor(1) as threads:
        with witness.transaction():
            claims.edit_graph(witness)
            registered = threads.submit(register_all, [alone, joined | {"dependencies": waits(b)}])
            _until_somebody_waits_for_the_graph(witness)
            assert witness.execute(_FREE).fetchone() == (3,)
        registered.result(30)

    a.refresh_from_db()
    assert a.priority == 9
