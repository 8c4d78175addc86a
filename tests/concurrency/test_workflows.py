"""Ends, nodes and editors at the same time: what depends on them starts once and never not at all."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
import pytest

from scheduler import claims, dependents, releases, requests, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.records import Outcome, Started
from tests.concurrency.together import flat, in_turn, together
from tests.hot_paths import LEASE, Open
from tests.workflow import Workflow

ROUNDS = 10

rounds = pytest.mark.parametrize("_", range(ROUNDS))


@pytest.fixture
def diamond(connection: psycopg.Connection, now: datetime) -> Workflow:
    """A run in which clean and count, which report waits for, are queued."""
    flow = Workflow(connection, now)
    flow.add("extract")
    flow.add("clean", "extract")
    flow.add("count", "extract")
    flow.add("report", "clean", "count")
    flow.trigger("extract")
    flow.end("extract")
    return flow


def _start(flow: Workflow, name: str) -> Started:
    started = transitions.start(
        flow.connection, flow.rows(name)[-1]["id"], node_id="node-1", lease_expires_at=flow.now + LEASE, now=flow.now
    )
    assert started is not None
    return started


def _finish(connection: psycopg.Connection, started: Started, status: Status, now: datetime) -> Any:
    return transitions.finish(connection, [Outcome(started.id, started.fence, status)], now=now)


def _carry_on(connection: psycopg.Connection, now: datetime) -> list[Any]:
    dependents.follow(connection, now=now)
    return dependents.decide(connection, now=now, low=EVERYWHERE)


def _end_and_carry_on(open_connection: Open, flow: Workflow, name: str, status: Status) -> Callable[[], Any]:
    """Return what a worker and the node that hears of it do about one end."""
    started, worker, node = _start(flow, name), open_connection(), open_connection()
    return in_turn(partial(_finish, worker, started, status, flow.now), partial(_carry_on, node, flow.now))


@rounds
def test_two_ends_at_once_start_all_once(open_connection: Open, diamond: Workflow, _: int):
    ways = [_end_and_carry_on(open_connection, diamond, name, Status.SUCCESS) for name in ("clean", "count")]
    published = [ready for _, ready in together(*ways)]

    assert diamond.statuses("report") == ["QUEUED"]
    assert len(flat(published)) == 1


@rounds
def test_two_ends_at_once_of_which_one_failed_leave_it_out(open_connection: Open, diamond: Workflow, _: int):
    together(
        _end_and_carry_on(open_connection, diamond, "clean", Status.SUCCESS),
        _end_and_carry_on(open_connection, diamond, "count", Status.FAILED),
    )
    assert diamond.statuses("report") == ["SKIPPED/dependency"]


@rounds
def test_two_ends_at_once_start_any_once(
    open_connection: Open, connection: psycopg.Connection, diamond: Workflow, _: int
):
    diamond.add("first", "clean", "count", mode="ANY")
    ways = [_end_and_carry_on(open_connection, diamond, name, Status.SUCCESS) for name in ("clean", "count")]
    together(*ways)
    assert diamond.statuses("first") == ["QUEUED"]


@rounds
def test_several_nodes_carry_an_end_on_once(open_connection: Open, diamond: Workflow, _: int):
    diamond.end("clean", carries_on=False)
    diamond.end("count", carries_on=False)
    published = together(*(partial(_carry_on, open_connection(), diamond.now) for _ in range(4)))
    # Whoever found the ends taken may have looked before they were followed: the next tick of any node goes on.
    published.append(_carry_on(diamond.connection, diamond.now))

    assert diamond.statuses("report") == ["QUEUED"]
    assert len(flat(published)) == 1


def test_a_node_that_dies_before_its_commit_leaves_the_ends_to_another(open_connection: Open, diamond: Workflow):
    diamond.end("clean", carries_on=False)
    dying = open_connection()
    with dying.transaction(force_rollback=True):
        dependents.follow(dying, now=diamond.now)
    _carry_on(diamond.connection, diamond.now)
    assert diamond.statuses("report") == ["SCHEDULED/dependency"]


def test_a_node_that_dies_after_it_leaves_what_it_recorded_to_another(open_connection: Open, diamond: Workflow):
    diamond.end("clean")
    diamond.end("count", carries_on=False)
    dependents.follow(open_connection(), now=diamond.now)
    dependents.decide(diamond.connection, now=diamond.now, low=EVERYWHERE)
    assert diamond.statuses("report") == ["QUEUED"]


def test_an_end_that_commits_while_a_node_judges_is_seen_by_the_next_look(
    open_connection: Open, connection: psycopg.Connection, diamond: Workflow
):
    diamond.end("clean")
    judging, worker = open_connection(), open_connection()
    started = _start(diamond, "count")
    with judging.transaction():
        diamond.connection.execute(
            "UPDATE task_execution_history SET not_before = %s WHERE reason = 'dependency'", (diamond.now,)
        )
        dependents.decide(judging, now=diamond.now, low=EVERYWHERE)
        _finish(worker, started, Status.SUCCESS, diamond.now)
    diamond.carry_on()
    assert diamond.statuses("report") == ["QUEUED"]


@rounds
def test_a_cancel_and_a_node_agree(open_connection: Open, diamond: Workflow, now: datetime, _: int):
    diamond.end("clean")
    diamond.end("count", carries_on=False)
    waiting = diamond.rows("report")[0]["id"]
    canceller, node = open_connection(), open_connection()

    def cancel() -> bool:
        with canceller.transaction():
            return requests.cancel(canceller, waiting, reason="asked", now=diamond.now)

    was_cancelled, _ready = together(cancel, partial(_carry_on, node, diamond.now))
    assert was_cancelled
    assert diamond.statuses("report") == ["CANCELLED"]


@rounds
def test_a_release_beside_it_takes_nothing_of_it(open_connection: Open, diamond: Workflow, _: int):
    diamond.end("clean")
    release = partial(releases.release, open_connection(), now=diamond.now + LEASE, low=EVERYWHERE)
    together(release, partial(_carry_on, open_connection(), diamond.now))
    assert diamond.statuses("report") == ["SCHEDULED/dependency"]


@rounds
def test_a_task_that_may_not_overlap_counts_what_goes_once(
    open_connection: Open, connection: psycopg.Connection, diamond: Workflow, _: int
):
    connection.execute("UPDATE scheduler_tasks SET overlap_policy = 'SKIP' WHERE id = %s", (diamond.tasks["report"],))
    ways = [_end_and_carry_on(open_connection, diamond, name, Status.SUCCESS) for name in ("clean", "count")]
    together(*ways)
    row = connection.execute("SELECT open_count FROM scheduler_tasks WHERE id = %s", (diamond.tasks["report"],))
    assert row.fetchone() == (1,)


def test_an_edit_of_the_graph_waits_for_the_one_before(open_connection: Open, connection: psycopg.Connection):
    first, second = open_connection(), open_connection()
    with first.transaction():
        claims.edit_graph(first)
        with pytest.raises(psycopg.errors.LockNotAvailable), second.transaction():
            second.execute("SET LOCAL lock_timeout = '50ms'")
            claims.edit_graph(second)
