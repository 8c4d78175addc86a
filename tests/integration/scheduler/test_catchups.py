"""Catching up after an outage: held by group, let go at a budget under fresh work, approved, throttled, dropped."""

import threading
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.test import override_settings

from scheduler import catchups, claims, firing, releases, sweep
from scheduler.claims import EVERYWHERE
from tests.hot_paths import MINUTE, SECOND, Open, add_overdue, add_task, execution, executions, operation

SOON = 2 * SECOND


@pytest.fixture(autouse=True)
def small() -> Any:
    """Three at once are no outage; ten a second go."""
    with override_settings(CATCH_UP_AT_ONCE=3, CATCH_UP_PER_SECOND=10):
        yield


def claim(connection: psycopg.Connection, now: datetime) -> firing.Claimed:
    return firing.claim(connection, now=now)


def advance(connection: psycopg.Connection, now: datetime) -> int:
    return len(catchups.advance(connection, after=EVERYWHERE, now=now).ready)


def catch_ups(connection: psycopg.Connection) -> list[dict[str, Any]]:
    ids = connection.execute("SELECT id FROM scheduler_operations WHERE kind = 'CATCH_UP' ORDER BY created_at, id")
    return [operation(connection, row[0]) for row in ids.fetchall()]


def statuses(connection: psycopg.Connection) -> Counter[tuple[str, str | None]]:
    return Counter((row["status"], row["reason"]) for row in executions(connection))


@pytest.fixture
def overdue(connection: psycopg.Connection, now: datetime) -> list[UUID]:
    """Thirty tasks, each with a slot that was missed."""
    return add_overdue(connection, 30, now=now)


def test_few_go_at_once(connection: psycopg.Connection, now: datetime) -> None:
    add_overdue(connection, 3, now=now)
    claim(connection, now)

    assert (statuses(connection), catch_ups(connection)) == ({("QUEUED", None): 3}, [])


def test_many_are_held_and_recorded_once(connection: psycopg.Connection, overdue: list[UUID], now: datetime) -> None:
    assert claim(connection, now).ready == []
    claim(connection, now)

    assert statuses(connection) == {("SCHEDULED", "catch_up"): 30}
    (one,) = catch_ups(connection)
    assert (one["status"], one["namespace"], one["arguments"]["group"]) == ("PENDING", "default", "default")


def test_they_go_at_the_budget_under_fresh_work(
    connection: psycopg.Connection, overdue: list[UUID], now: datetime
) -> None:
    claim(connection, now)
    assert advance(connection, now + SECOND) == 0  # it settles
    assert [advance(connection, now + SOON + number * SECOND) for number in range(4)] == [10, 10, 10, 0]

    queued = executions(connection)
    assert {(row["status"], row["priority"], row["trigger"]) for row in queued} == {("QUEUED", 1, "CATCH_UP")}
    (one,) = catch_ups(connection)
    assert (one["status"], one["done_count"], one["total_count"]) == ("RUNNING", 30, 30)
    advance(connection, now + 2 * MINUTE)
    assert catch_ups(connection)[0]["status"] == "COMPLETED"


def test_the_most_urgent_go_first(connection: psycopg.Connection, now: datetime) -> None:
    add_overdue(connection, 15, now=now)
    urgent = add_overdue(connection, 5, now=now, priority=9)
    claim(connection, now)
    advance(connection, now + SECOND)
    advance(connection, now + SOON)

    gone = {row["task_id"] for row in executions(connection) if row["status"] == "QUEUED"}
    assert set(urgent) < gone


def test_fresh_slots_of_the_same_tasks_go_on(connection: psycopg.Connection, now: datetime) -> None:
    tasks = add_overdue(connection, 5, now=now, overlap_policy="SKIP")
    claim(connection, now)
    claim(connection, now + 50 * MINUTE)

    # What waits for its catch-up does not keep the task busy.
    fresh = [row for row in executions(connection) if row["trigger"] == "SCHEDULE"]
    assert {(row["task_id"], row["status"]) for row in fresh} == {(task_id, "QUEUED") for task_id in tasks}
    advance(connection, now + 51 * MINUTE)
    advance(connection, now + 52 * MINUTE)
    # Once let go it waits for its turn, as what is caught up does.
    assert statuses(connection) == {("QUEUED", None): 5, ("SCHEDULED", "overlap"): 5}


def test_neither_release_nor_sweep_lets_them_go(
    connection: psycopg.Connection, overdue: list[UUID], now: datetime
) -> None:
    claim(connection, now)
    assert releases.release(connection, now=now + 60 * MINUTE, low=EVERYWHERE) == []
    sweep.recount_open(connection, after=EVERYWHERE)

    assert statuses(connection) == {("SCHEDULED", "catch_up"): 30}


def test_each_namespace_is_a_group(connection: psycopg.Connection, now: datetime) -> None:
    add_overdue(connection, 3, now=now)
    add_overdue(connection, 3, now=now, namespace="payments")
    claim(connection, now)

    assert [one["namespace"] for one in sorted(catch_ups(connection), key=lambda one: one["namespace"])] == [
        "default",
        "payments",
    ]


@pytest.mark.parametrize("by", ["taskClass", "label:team"])
def test_groups_may_be_classes_or_labels(connection: psycopg.Connection, now: datetime, by: str) -> None:
    add_overdue(connection, 2, now=now, task_class="a", labels='{"team": "a"}')
    add_overdue(connection, 2, now=now, task_class="b", labels='{"team": "b"}')
    with override_settings(CATCH_UP_GROUP_BY=by):
        claim(connection, now)

    name = by.removeprefix("label:")
    groups = {one["arguments"]["group"] for one in catch_ups(connection)}
    assert groups == {f"default {name}=a", f"default {name}=b"}


def test_above_a_number_somebody_has_to_approve(
    connection: psycopg.Connection, overdue: list[UUID], now: datetime
) -> None:
    with override_settings(CATCH_UP_APPROVAL_ABOVE=20):
        claim(connection, now)
        assert [advance(connection, now + number * SECOND) for number in range(5)] == [0] * 5
        (one,) = catch_ups(connection)
        assert (one["status"], one["total_count"]) == ("HELD", 30)
        catchups.approve(connection, one["id"], by="olaf", now=now + 10 * SECOND)
        assert [advance(connection, now + (11 + number) * SECOND) for number in range(3)] == [20, 10, 0]


def test_it_can_be_throttled_and_stopped(connection: psycopg.Connection, overdue: list[UUID], now: datetime) -> None:
    claim(connection, now)
    advance(connection, now + SECOND)
    (one,) = catch_ups(connection)
    catchups.throttle(connection, one["id"], per_second=2)
    assert advance(connection, now + SOON) == 2
    catchups.throttle(connection, one["id"], per_second=0)
    assert [advance(connection, now + (4 + number) * SECOND) for number in range(3)] == [0, 0, 0]


def test_the_rest_is_dropped_into_one_row_a_task(connection: psycopg.Connection, now: datetime) -> None:
    add_overdue(connection, 5, now=now)
    many = add_task(
        connection, next_slot_for=now - 10 * MINUTE, interval_seconds=60, anchor_at=now - 20 * MINUTE,
        misfire_policy="FIRE_ALL",
    )  # fmt: skip
    claim(connection, now)
    (one,) = catch_ups(connection)
    held = [row for row in executions(connection, many) if row["reason"] == "catch_up"]
    assert len(held) == 9
    catchups.drop(connection, one["id"], now=now + SECOND)
    advance(connection, now + SOON)

    skipped = [row for row in executions(connection) if row["status"] == "SKIPPED"]
    assert {row["reason"] for row in skipped} == {"misfire"}
    assert Counter(row["task_id"] for row in skipped).most_common(1)[0][1] == 1
    (row,) = [row for row in skipped if row["task_id"] == many]
    assert (row["scheduled_for"], row["scheduled_until"], row["slot_count"]) == (
        now - 10 * MINUTE,
        now - 2 * MINUTE,
        9,
    )
    (one,) = catch_ups(connection)
    assert (one["status"], one["skipped_count"]) == ("ABORTED", 14)


def test_a_deleted_tasks_slots_are_cancelled_as_ever(
    connection: psycopg.Connection, overdue: list[UUID], now: datetime
) -> None:
    claim(connection, now)
    with connection.transaction():
        waiting = claims.waiting_executions(connection, overdue[:1])
    assert execution(connection, waiting[0])["reason"] == "catch_up"


def test_a_crash_before_the_commit_has_let_nothing_go(
    connection: psycopg.Connection, open_connection: Open, overdue: list[UUID], now: datetime
) -> None:
    claim(connection, now)
    advance(connection, now + SECOND)
    dying = open_connection()
    with pytest.raises(psycopg.OperationalError), dying.transaction():
        assert advance(dying, now + SOON) == 10
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (dying.info.backend_pid,))
        dying.execute("SELECT 1")

    assert advance(connection, now + SOON) == 10
    assert (statuses(connection)["QUEUED", None], catch_ups(connection)[0]["done_count"]) == (10, 10)


def test_two_schedulers_let_each_go_once(
    connection: psycopg.Connection, open_connection: Open, overdue: list[UUID], now: datetime
) -> None:
    claim(connection, now)
    advance(connection, now + SECOND)
    barrier, gone = threading.Barrier(2), list[int]()

    def node(own: psycopg.Connection) -> None:
        barrier.wait()
        gone.extend(advance(own, now + SOON + number * 0.5 * SECOND) for number in range(12))

    threads = [threading.Thread(target=node, args=(open_connection(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    while advance(connection, now + 20 * SECOND):
        pass
    assert statuses(connection) == {("QUEUED", None): 30}
    assert catch_ups(connection)[0]["done_count"] == 30


def test_two_claims_that_find_the_same_outage_join_one_catch_up(
    connection: psycopg.Connection, open_connection: Open, overdue: list[UUID], now: datetime
) -> None:
    barrier = threading.Barrier(2)

    def node(own: psycopg.Connection) -> None:
        barrier.wait()
        for _ in range(3):
            firing.claim(own, now=now, limit=8)

    threads = [threading.Thread(target=node, args=(open_connection(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while claim(connection, now).task_count:
        pass

    assert (len(catch_ups(connection)), statuses(connection)) == (1, {("SCHEDULED", "catch_up"): 30})


def test_a_claim_that_adds_to_it_keeps_it_open(
    connection: psycopg.Connection, open_connection: Open, overdue: list[UUID], now: datetime
) -> None:
    claim(connection, now)
    (one,) = catch_ups(connection)
    catchups.drop(connection, one["id"], now=now)
    adding = open_connection()
    adding.execute("BEGIN")
    adding.execute("SELECT FROM scheduler_operations WHERE id = %s FOR KEY SHARE", (one["id"],))
    advance(connection, now + SOON)
    assert catch_ups(connection)[0]["status"] == "RUNNING"
    adding.execute("COMMIT")
    advance(connection, now + 2 * SOON)

    assert catch_ups(connection)[0]["status"] == "ABORTED"
