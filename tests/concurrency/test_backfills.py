"""Several schedulers at the same backfills: each slot once, and a process that dies in between loses none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from uuid import UUID

import psycopg
import pytest

from scheduler import backfills, claims, firing, releases, transitions
from scheduler.engine.states import Status
from scheduler.records import Outcome, Ready
from tests.concurrency.together import PATIENCE_SECONDS, flat, in_turn, together, until_it_waits
from tests.hot_paths import (
    DAY,
    LEASE,
    MINUTE,
    Open,
    add_backfill,
    add_task,
    executions,
    operation,
    queue_one,
    slots,
    statuses,
    task,
)

NOBODY = UUID(int=0)
ROUNDS = 5

rounds = pytest.mark.parametrize("_", range(ROUNDS))


@pytest.fixture
def minutely(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that may not overlap, with a backfill of its latest twenty slots before now."""
    return add_task(connection, next_slot_for=now, anchor_at=now - DAY, overlap_policy="SKIP")


@pytest.fixture
def twenty(connection: psycopg.Connection, minutely: UUID, now: datetime) -> UUID:
    return add_backfill(connection, minutely, begin=now - 20 * MINUTE, end=now, now=now, max_parallel=5)


def advance(connection: psycopg.Connection, *, now: datetime) -> list[Ready]:
    return backfills.advance(connection, after=NOBODY, now=now).ready


def finish(connection: psycopg.Connection, item: Ready, *, now: datetime) -> None:
    """Start and end what has become ready."""
    started = transitions.start(connection, item.id, node_id="node", lease_expires_at=now + LEASE, now=now)
    assert started is not None
    transitions.finish(connection, [Outcome(started.id, started.fence, Status.SUCCESS)], now=now)


@rounds
def test_it_records_each_slot_once_with_several_schedulers(
    connection: psycopg.Connection, open_connection: Open, minutely: UUID, twenty: UUID, now: datetime, _: int
):
    step: list[Callable[[], list[Ready]]] = [partial(advance, open_connection(), now=now) for _ in range(4)]
    ready = flat(flat(together(*(in_turn(one, one) for one in step))))
    assert (len(ready), sorted(statuses(connection, minutely))) == (1, ["QUEUED", *["SCHEDULED"] * 4])
    assert slots(connection, minutely) == [now - minutes * MINUTE for minutes in (20, 19, 18, 17, 16)]


@rounds
def test_it_lets_one_of_a_fresh_slot_a_request_and_a_backfill_run(
    connection: psycopg.Connection, open_connection: Open, minutely: UUID, twenty: UUID, now: datetime, _: int
):
    together(
        partial(firing.claim, open_connection(), now=now),
        partial(queue_one, open_connection(), minutely, now=now),
        partial(advance, open_connection(), now=now),
    )
    assert statuses(connection, minutely).count("QUEUED") == task(connection, minutely)["open_count"] == 1


@rounds
def test_an_abort_beside_a_step_leaves_nothing_waiting(
    connection: psycopg.Connection, open_connection: Open, minutely: UUID, twenty: UUID, now: datetime, _: int
):
    aborting = open_connection()

    def abort() -> bool:
        with aborting.transaction():
            return backfills.abort(aborting, twenty, now=now)

    together(abort, partial(advance, open_connection(), now=now))
    assert set(statuses(connection, minutely)) <= {"CANCELLED"}
    assert (operation(connection, twenty)["status"], task(connection, minutely)["open_count"]) == ("ABORTED", 0)


@rounds
def test_several_schedulers_let_one_turn_go_at_a_time(
    connection: psycopg.Connection, open_connection: Open, minutely: UUID, twenty: UUID, now: datetime, _: int
):
    (item,) = advance(connection, now=now)
    released = together(
        partial(finish, open_connection(), item, now=now + MINUTE),
        *(partial(releases.release, open_connection(), now=now + MINUTE, low=NOBODY) for _ in range(3)),
    )
    ready = flat(released[1:]) + releases.release(connection, now=now + MINUTE, low=NOBODY)
    assert [one.id for one in ready] == [executions(connection, minutely)[1]["id"]]
    assert task(connection, minutely)["open_count"] == 1


def test_a_release_that_waits_for_a_task_is_in_nobodys_way(
    connection: psycopg.Connection, open_connection: Open, minutely: UUID, twenty: UUID, now: datetime
):
    """Whoever ends an execution wakes the next one in that transaction; a row that is locked it would pass over."""
    advance(connection, now=now)
    ending, releasing = open_connection(), open_connection()
    with ThreadPoolExecutor(1) as pool, ending.transaction():
        claims.lock_tasks(ending, [minutely])
        release = pool.submit(releases.release, releasing, now=now + MINUTE, low=NOBODY)
        until_it_waits(connection, releasing)
        assert claims.next_held(ending, {minutely: 1}, now=now) == [executions(connection, minutely)[1]["id"]]
    assert release.result(PATIENCE_SECONDS) == []


def test_a_step_that_is_not_committed_has_not_happened(
    connection: psycopg.Connection, open_connection: Open, minutely: UUID, twenty: UUID, now: datetime
):
    dying = open_connection()
    with dying.transaction(force_rollback=True):
        assert len(advance(dying, now=now)) == 1
    assert (executions(connection, minutely), task(connection, minutely)["open_count"]) == ([], 0)
    assert len(advance(connection, now=now)) == 1


def test_a_scheduler_passes_over_what_another_one_holds(
    connection: psycopg.Connection, open_connection: Open, minutely: UUID, twenty: UUID, now: datetime
):
    other = open_connection()
    with other.transaction():
        advance(other, now=now)
        assert advance(connection, now=now) == []
