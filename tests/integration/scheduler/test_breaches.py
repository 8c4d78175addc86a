"""Promises of slots: kept on the rows, and found broken once, whatever has become of the slots."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from scheduler import breaches, claims, firing, requests, transitions
from scheduler.breaches import Broken
from scheduler.engine.sla import Promise
from scheduler.engine.states import Status
from scheduler.node import SchedulerNode
from scheduler.records import Outcome, Started
from tests.hot_paths import LEASE, MINUTE, SECOND, Open, add_task, executions, queue_one, task
from tests.integration.scheduler.hands import Hands

EVERYWHERE = claims.EVERYWHERE
HOUR = timedelta(hours=1)


def _sla(connection: psycopg.Connection, now: datetime, sla: str, **columns: Any) -> UUID:
    """Return a task that is due now and has an SLA, with its slot of now recorded."""
    columns = {"interval_seconds": 86_400, "retry_policy": '{"delaySeconds": 10, "jitter": false}'} | columns
    task_id = add_task(connection, next_slot_for=now, sla=sla, **columns)
    firing.claim(connection, now=now)
    return task_id


@pytest.fixture
def late(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that is to begin within a minute."""
    return _sla(connection, now, '{"maxLatenessSeconds": 60}')


@pytest.fixture
def slow(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that is to take no longer than a minute."""
    return _sla(connection, now, '{"maxDurationSeconds": 60}')


@pytest.fixture
def due_by_one(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that is to have succeeded by one o'clock; it is noon."""
    return _sla(connection, now, '{"deadlineAt": "13:00"}')


def _start(connection: psycopg.Connection, task_id: UUID, at: datetime) -> Started:
    execution_id = executions(connection, task_id)[-1]["id"]
    transitions_release(connection, execution_id, at)
    started = transitions.start(connection, execution_id, node_id="node-1", lease_expires_at=at + LEASE, now=at)
    assert started is not None
    return started


def transitions_release(connection: psycopg.Connection, execution_id: UUID, at: datetime) -> None:
    """Let a retry go, whose time has come."""
    with connection.transaction():
        transitions.release(connection, [execution_id], now=at)


def _finish(connection: psycopg.Connection, started: Started, status: Status, at: datetime) -> None:
    transitions.finish(connection, [Outcome(started.id, started.fence, status, ended_at=at)], now=at)


def _look(connection: psycopg.Connection, at: datetime) -> list[Promise]:
    return [one.promise for one in breaches.look(connection, now=at, low=EVERYWHERE).found]


def _written(connection: psycopg.Connection) -> list[tuple[str, datetime]]:
    rows = connection.execute("SELECT promise, broken_at FROM scheduler_sla_breaches ORDER BY id")
    return rows.fetchall()


def _counts(connection: psycopg.Connection) -> dict[str, int]:
    cursor = connection.cursor(row_factory=dict_row)
    row = cursor.execute(
        "SELECT sum(slots)::int AS slots, sum(broken)::int AS broken, sum(lateness)::int AS lateness,"
        " sum(duration)::int AS duration, sum(deadline)::int AS deadline FROM scheduler_sla_rollups"
    ).fetchone()
    assert row is not None
    return {name: count for name, count in row.items() if count}


def test_it_keeps_the_promise_on_the_row(connection: psycopg.Connection, due_by_one: UUID, now: datetime):
    row = executions(connection, due_by_one)[0]

    assert datetime.fromisoformat(row["sla"]["deadlineAt"]) == row["sla_look_at"] == now + HOUR


def test_an_edit_leaves_what_is_recorded(connection: psycopg.Connection, due_by_one: UUID, now: datetime):
    connection.execute("""UPDATE scheduler_tasks SET sla = '{"deadlineAt": "23:00"}'""")

    assert _look(connection, now + HOUR) == [Promise.DEADLINE]


def test_it_promises_nothing_without_an_sla(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)

    row = executions(connection, task_id)[0]
    assert (row["sla"], row["sla_look_at"]) == (None, None)


def test_it_promises_nothing_of_a_run_by_hand(connection: psycopg.Connection, late: UUID, now: datetime):
    by_hand = queue_one(connection, late, now=now + SECOND)

    assert next(row["sla"] for row in executions(connection, late) if row["id"] == by_hand) is None


def test_it_finds_what_never_began(connection: psycopg.Connection, late: UUID, now: datetime):
    assert _look(connection, now + 60 * SECOND) == [Promise.LATENESS]
    assert _written(connection) == [("LATENESS", now + MINUTE)]


def test_it_does_not_look_before_its_time(connection: psycopg.Connection, late: UUID, now: datetime):
    assert breaches.look(connection, now=now + 59 * SECOND, low=EVERYWHERE).row_count == 0


def test_it_finds_each_breach_once(connection: psycopg.Connection, late: UUID, now: datetime):
    _look(connection, now + MINUTE)

    assert breaches.look(connection, now=now + HOUR, low=EVERYWHERE).row_count == 0
    assert len(_written(connection)) == 1


def test_it_shows_the_breach_on_the_row(connection: psycopg.Connection, late: UUID, now: datetime):
    _look(connection, now + MINUTE)

    breach = executions(connection, late)[0]["sla"]["breaches"]
    assert {name: datetime.fromisoformat(at) for name, at in breach.items()} == {"LATENESS": now + MINUTE}


def test_what_began_in_time_has_kept_it(connection: psycopg.Connection, late: UUID, now: datetime):
    _start(connection, late, now + 59 * SECOND)

    assert _look(connection, now + HOUR) == []
    assert _counts(connection) == {"slots": 1}


def test_what_began_late_is_told_though_it_has_begun(connection: psycopg.Connection, late: UUID, now: datetime):
    _finish(connection, _start(connection, late, now + 61 * SECOND), Status.SUCCESS, now + 62 * SECOND)

    assert _look(connection, now + HOUR) == [Promise.LATENESS]


def test_it_finds_what_runs_too_long(connection: psycopg.Connection, slow: UUID, now: datetime):
    _start(connection, slow, now + 10 * SECOND)

    assert _look(connection, now + 69 * SECOND) == []
    assert _look(connection, now + 70 * SECOND) == [Promise.DURATION]


def test_it_waits_for_what_has_not_begun(connection: psycopg.Connection, slow: UUID, now: datetime):
    _look(connection, now + MINUTE)

    assert executions(connection, slow)[0]["sla_look_at"] == now + 2 * MINUTE


def test_a_retry_may_take_too_long_as_well(connection: psycopg.Connection, slow: UUID, now: datetime):
    _finish(connection, _start(connection, slow, now), Status.FAILED, now + SECOND)
    _look(connection, now + MINUTE)
    _start(connection, slow, now + 20 * SECOND)

    assert _look(connection, now + 80 * SECOND) == [Promise.DURATION]
    assert _counts(connection) == {"slots": 1, "broken": 1, "duration": 1}


def test_two_attempts_of_a_slot_break_a_promise_once(connection: psycopg.Connection, slow: UUID, now: datetime):
    _finish(connection, _start(connection, slow, now), Status.FAILED, now + 2 * MINUTE)
    _start(connection, slow, now + 3 * MINUTE)

    assert _look(connection, now + HOUR) == [Promise.DURATION]
    assert _counts(connection) == {"slots": 1, "broken": 1, "duration": 1}


def test_a_retry_that_succeeds_in_time_keeps_the_deadline(
    connection: psycopg.Connection, due_by_one: UUID, now: datetime
):
    _finish(connection, _start(connection, due_by_one, now), Status.FAILED, now + SECOND)
    _finish(connection, _start(connection, due_by_one, now + MINUTE), Status.SUCCESS, now + HOUR)

    assert _look(connection, now + HOUR) == []
    assert _counts(connection) == {"slots": 1}


def test_what_has_failed_by_the_deadline_has_missed_it(connection: psycopg.Connection, due_by_one: UUID, now: datetime):
    _finish(connection, _start(connection, due_by_one, now), Status.FAILED, now + SECOND)

    assert _look(connection, now + HOUR) == [Promise.DEADLINE]


def test_a_retry_by_hand_keeps_what_its_slot_has_promised(connection: psycopg.Connection, slow: UUID, now: datetime):
    connection.execute("UPDATE scheduler_tasks SET max_retry_count = 0")
    _finish(connection, _start(connection, slow, now), Status.FAILED, now + SECOND)
    _look(connection, now + MINUTE)
    with connection.transaction():
        requests.retry(connection, executions(connection, slow)[0]["id"], now=now + HOUR)
    _start(connection, slow, now + HOUR)

    assert _look(connection, now + HOUR + MINUTE) == [Promise.DURATION]
    assert _counts(connection) == {"slots": 1, "broken": 1, "duration": 1}


def test_what_is_cancelled_before_is_neither_kept_nor_broken(connection: psycopg.Connection, late: UUID, now: datetime):
    with connection.transaction():
        requests.cancel(connection, executions(connection, late)[0]["id"], reason="by ada", now=now + SECOND)

    assert _look(connection, now + HOUR) == []
    assert _counts(connection) == {}


def test_a_slot_that_an_overlap_leaves_out_is_broken(connection: psycopg.Connection, now: datetime):
    task_id = add_task(
        connection, next_slot_for=now, sla='{"maxLatenessSeconds": 60}', overlap_policy="SKIP", interval_seconds=60
    )
    firing.claim(connection, now=now)
    _start(connection, task_id, now)
    firing.claim(connection, now=now + MINUTE)

    assert [row["status"] for row in executions(connection, task_id)] == ["RUNNING", "SKIPPED"]
    assert _look(connection, now + 2 * MINUTE) == [Promise.LATENESS]


def test_slots_that_were_missed_are_broken_with_their_count(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now - HOUR, sla='{"maxLatenessSeconds": 120}', misfire_policy="SKIP")
    firing.claim(connection, now=now)
    connection.execute("UPDATE task_execution_history SET slot_count = 59 WHERE scheduled_until IS NOT NULL")
    rows = executions(connection)

    _look(connection, now)

    assert rows[0]["status"] == "SKIPPED"
    assert _counts(connection) == {"slots": 59, "broken": 59, "lateness": 59}


def test_a_skip_that_was_asked_for_promises_nothing(connection: psycopg.Connection, now: datetime):
    task_id = _sla(connection, now, '{"maxLatenessSeconds": 60}', skip_slots=[now])

    row = executions(connection, task_id)[0]
    assert (row["status"], row["sla"], row["sla_look_at"]) == ("SKIPPED", None, None)


def test_it_counts_a_slot_once_that_breaks_two_promises(connection: psycopg.Connection, now: datetime):
    _sla(connection, now, '{"maxLatenessSeconds": 60, "deadlineAt": "13:00"}')

    assert _look(connection, now + MINUTE) == [Promise.LATENESS]
    assert _counts(connection) == {"slots": 1, "broken": 1, "lateness": 1}
    assert _look(connection, now + HOUR) == [Promise.DEADLINE]
    assert _counts(connection) == {"slots": 1, "broken": 1, "lateness": 1, "deadline": 1}


def _are_to_be_looked_at(connection: psycopg.Connection, now: datetime) -> bool:
    query = "SELECT EXISTS (SELECT FROM task_execution_history WHERE sla_look_at <= %s)"
    return connection.execute(query, (now,)).fetchone() == (True,)


def test_two_nodes_at_once_tell_it_once(open_connection: Open, connection: psycopg.Connection, now: datetime):
    for _ in range(50):
        _sla(connection, now, '{"maxLatenessSeconds": 60}')
    nodes = [open_connection() for _ in range(4)]

    def look(node: psycopg.Connection) -> list[Broken]:
        found: list[Broken] = []
        while _are_to_be_looked_at(node, now + MINUTE):
            found += breaches.look(node, now=now + MINUTE, low=EVERYWHERE, limit=5).found
        return found

    with ThreadPoolExecutor(4) as pool:
        told = [one for found in pool.map(look, nodes) for one in found]

    assert len({one.task_id for one in told}) == len(told) == len(_written(connection)) == 50
    assert _counts(connection) == {"slots": 50, "broken": 50, "lateness": 50}


def test_a_node_that_dies_in_between_has_told_nothing(
    connection: psycopg.Connection, late: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(breaches, "announce", die)
        with pytest.raises(SystemExit):
            _look(connection, now + MINUTE)

    assert (_written(connection), _counts(connection)) == ([], {})
    assert _look(connection, now + MINUTE) == [Promise.LATENESS]


def test_a_row_on_the_move_is_looked_at_next_time(
    open_connection: Open, connection: psycopg.Connection, late: UUID, now: datetime
):
    other = open_connection()
    with other.transaction():
        claims.attempt(other, executions(connection, late)[0]["id"])
        assert breaches.look(connection, now=now + MINUTE, low=EVERYWHERE).row_count == 0

    assert _look(connection, now + MINUTE) == [Promise.LATENESS]


def test_every_node_looks(connection: psycopg.Connection, node: SchedulerNode, hands: Hands, late: UUID):
    hands.move(MINUTE)
    node.sweeping.turn(connection)

    assert len(_written(connection)) == 1
    assert b'scheduler_sla_breaches_total{promise="LATENESS"} 1.0' in node.metrics.render("")[0]


def test_no_node_believes_a_clock_that_has_just_jumped(
    connection: psycopg.Connection, node: SchedulerNode, hands: Hands, late: UUID
):
    node.sweeping.turn(connection)
    hands.now += HOUR
    for _ in range(5):
        hands.move(2 * SECOND)
        node.sweeping.turn(connection)
        assert _written(connection) == []

    hands.move(10 * SECOND)
    node.sweeping.turn(connection)
    assert len(_written(connection)) == 1


def test_it_forgets_what_is_older_than_it_is_kept(connection: psycopg.Connection, late: UUID, now: datetime):
    _look(connection, now + MINUTE)

    assert breaches.forget(connection, now=now + timedelta(days=399)) == 0
    assert breaches.forget(connection, now=now + timedelta(days=402)) == 1
    assert (_written(connection), _counts(connection)) == ([], {})


def test_a_zone_that_is_not_known_pauses_one_task_alone(connection: psycopg.Connection, now: datetime):
    wrong = add_task(connection, next_slot_for=now, sla='{"deadlineAt": "06:00"}', time_zone="No/Where")
    right = _sla(connection, now, '{"deadlineAt": "06:00"}')

    assert task(connection, wrong)["status"] == "PAUSED"
    assert len(executions(connection, right)) == 1
