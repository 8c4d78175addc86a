"""`POST /api/v1/tasks/bulk` many times at once, and with a database that fails in between."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection

from platform_scheduler.problems import problem_of
from register import bulk, services
from register.bulk import Entry
from register.errors import StoredInPart
from register.submission import submit
from scheduler import clock
from scheduler.models import Task
from tests.integration.register.filing import noop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("handlers")]

REQUESTS = 50
NAMES = 30

Outcomes = list[str]


@pytest.fixture
def at_once() -> Iterator[Callable[..., list[Any]]]:
    """Runs a request for each number at the same time, each on a connection of its own."""
    with ThreadPoolExecutor(max_workers=REQUESTS) as threads:

        def run(request: Callable[[int], Outcomes], *, count: int = REQUESTS) -> list[Outcomes]:
            barrier = Barrier(count)
            return list(threads.map(lambda number: _run(request, number, barrier), range(count)))

        yield run


def _run(request: Callable[[int], Outcomes], number: int, barrier: Barrier) -> Outcomes:
    try:
        connection.ensure_connection()
        barrier.wait(timeout=30)
        return request(number)
    finally:
        connection.close()


def _upsert(number: int, *, is_atomic: bool) -> Outcomes:
    """Send the names in an order of the request's own, with a priority of its own."""
    names = [f"Task {(place * 7 + number) % NAMES}" for place in range(NAMES)]
    records = [Entry(noop(name, intervalSeconds=60, priority=1 + number % 10)) for name in names]
    results = submit(records, mode="upsert", is_atomic=is_atomic, actor="edda", namespace=None, now=clock.now())
    return [result.outcome for result in results]


@pytest.mark.parametrize("is_atomic", [False, True])
def test_fifty_upserts_of_the_same_names_leave_each_once(at_once: Callable[..., Any], is_atomic: bool) -> None:
    outcomes = at_once(lambda number: _upsert(number, is_atomic=is_atomic))

    assert sum(each.count("created") for each in outcomes) == NAMES
    assert {outcome for each in outcomes for outcome in each} <= {"created", "updated", "unchanged"}
    assert Task.objects.count() == NAMES


def test_of_creations_of_the_same_names_one_succeeds(at_once: Callable[..., Any]) -> None:
    def create(number: int) -> Outcomes:
        records = [Entry(noop(f"Task {place}")) for place in range(NAMES)]
        results = submit(records, mode="create", is_atomic=False, actor="edda", namespace=None, now=clock.now())
        return [result.outcome for result in results]

    outcomes = at_once(create, count=8)

    assert sum(each.count("created") for each in outcomes) == NAMES
    assert sum(each.count("failed") for each in outcomes) == 7 * NAMES


@pytest.fixture
def failing_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the database fail at the nth batch, each of one record."""
    monkeypatch.setattr(bulk, "BATCH", 1)
    store = services.store_new
    calls: list[int] = []

    def at(number: int) -> None:
        def store_or_fail(drafts: Any, *, now: Any) -> Any:
            calls.append(number)
            if len(calls) == number:
                raise OperationalError("server closed the connection unexpectedly")
            return store(drafts, now=now)

        monkeypatch.setattr(services, "store_new", store_or_fail)

    return at


def _create(*names: str, is_atomic: bool = False) -> list[Any]:
    records = [Entry(noop(name)) for name in names]
    return submit(records, mode="create", is_atomic=is_atomic, actor="edda", namespace=None, now=clock.now())


def test_what_is_stored_by_then_is_told(failing_at: Callable[[int], None]) -> None:
    failing_at(2)

    with pytest.raises(StoredInPart) as raised:
        _create("a", "b", "c")

    problem = problem_of(raised.value)
    assert problem is not None
    assert (problem.status, problem.kind) == (503, "stored-in-part")
    assert "At least 1 of 3 records are stored; send the same again with the mode upsert." in problem.detail
    assert list(Task.objects.values_list("name", flat=True)) == ["a"]


@pytest.mark.parametrize(("number", "is_atomic"), [(1, False), (2, True)])
def test_a_database_that_fails_before_anything_is_stored_is_no_answer(
    failing_at: Callable[[int], None], number: int, is_atomic: bool
) -> None:
    failing_at(number)

    with pytest.raises(OperationalError):
        _create("a", "b", "c", is_atomic=is_atomic)

    assert not Task.objects.exists()
