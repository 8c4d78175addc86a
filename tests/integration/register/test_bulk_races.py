"""`POST /api/v1/tasks/bulk` many times at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

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
    records = [noop(name, intervalSeconds=60, priority=1 + number % 10) for name in names]
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
        records = [noop(f"Task {place}") for place in range(NAMES)]
        results = submit(records, mode="create", is_atomic=False, actor="edda", namespace=None, now=clock.now())
        return [result.outcome for result in results]

    outcomes = at_once(create, count=8)

    assert sum(each.count("created") for each in outcomes) == NAMES
    assert sum(each.count("failed") for each in outcomes) == 7 * NAMES
