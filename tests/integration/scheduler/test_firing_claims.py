"""The claim: due slots become executions, and tasks move on."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.test import override_settings
from psycopg.types.json import Json

from scheduler import clock, firing, transitions
from scheduler.engine.identity import execution_id, slot_cause
from tests.hot_paths import MINUTE, SECOND, add_task, change, executions, slots, task


def claim_all(connection: psycopg.Connection, *, now: datetime) -> list[firing.Claimed]:
    """Claim until nothing is due."""
    claimed = [firing.claim(connection, now=now)]
    while claimed[-1].is_full:
        claimed.append(firing.claim(connection, now=now))
    return claimed


def test_it_records_a_due_slot_as_queued(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, queue="reports", priority=8, timeout_seconds=90)
    firing.claim(connection, now=now + SECOND)
    (row,) = executions(connection, task_id)
    assert {
        "status": "QUEUED", "trigger": "SCHEDULE", "attempt": 1, "scheduled_for": now, "due_at": now, "priority": 8,
        "queue": "reports", "timeout_seconds": 90, "queued_at": now + SECOND, "published_at": now + SECOND,
        "end_time": None,
    }.items() <= row.items()  # fmt: skip


def test_it_hands_out_what_is_to_be_published(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now, queue="reports", priority=8, timeout_seconds=90)
    (ready,) = firing.claim(connection, now=now).ready
    assert (ready.queue, ready.priority, ready.timeout_seconds) == ("reports", 8, 90)


KNOWN = {"run_count": 20, "expected_ms": 7.5, "max_retry_count": 1}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (KNOWN, 7.5),
        (KNOWN | {"run_count": 19}, None),
        (KNOWN | {"max_retry_count": 0}, None),
        (KNOWN | {"retry_on": Json(["FAILED", "TIMED_OUT"])}, None),
    ],
    ids=["known", "runs", "retries", "lost"],
)
def test_it_tells_how_long_they_run_where_they_may_run_twice(
    connection: psycopg.Connection, now: datetime, columns: dict[str, Any], expected: float | None
):
    add_task(connection, next_slot_for=now, **columns)
    (ready,) = firing.claim(connection, now=now).ready
    assert ready.expected_ms == expected


def test_it_works_the_id_out_from_the_slot(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)
    expected = execution_id(task_id, cause=slot_cause(now), at=now, attempt=1)
    assert [row["id"] for row in executions(connection, task_id)] == [expected]


def test_it_moves_the_task_to_its_next_slot(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now + 5 * SECOND)
    moved = task(connection, task_id)
    names = ("next_slot_for", "next_execution_time", "claim_at", "last_slot_for", "status")
    assert [moved[name] for name in names] == [now + MINUTE, now + MINUTE, now + MINUTE, now, "ACTIVE"]


def test_it_leaves_the_definition_as_it_was(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    before = task(connection, task_id)
    firing.claim(connection, now=now)
    after = task(connection, task_id)
    assert (after["version"], after["updated_at"]) == (before["version"], before["updated_at"])


def test_it_leaves_alone_what_is_not_due(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now + timedelta(microseconds=1))
    assert firing.claim(connection, now=now) == firing.Claimed()


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED", "DELETED"])
def test_it_leaves_alone_what_is_not_active(connection: psycopg.Connection, now: datetime, status: str):
    add_task(connection, next_slot_for=now, claim_at=None, status=status)
    assert firing.claim(connection, now=now + MINUTE) == firing.Claimed()


def test_it_completes_a_task_without_further_slots(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, interval_seconds=None, run_at=now)
    firing.claim(connection, now=now)
    moved = task(connection, task_id)
    names = ("status", "next_slot_for", "next_execution_time", "claim_at", "last_slot_for")
    assert [moved[name] for name in names] == ["COMPLETED", None, None, None, now]


def test_it_completes_a_task_whose_window_ends(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, end_at=now + MINUTE)
    firing.claim(connection, now=now)
    assert task(connection, task_id)["status"] == "COMPLETED"


def test_it_claims_once_however_often_it_is_called(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)
    firing.claim(connection, now=now)
    assert slots(connection, task_id) == [now]


def test_it_records_missed_slots_as_one_range(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, misfire_policy="SKIP")
    firing.claim(connection, now=now + 10 * MINUTE + SECOND)
    row, *fired = executions(connection, task_id)
    assert (row["status"], row["reason"], row["scheduled_for"], row["scheduled_until"], row["slot_count"]) == (
        "SKIPPED", "misfire", now, now + 9 * MINUTE, None,
    )  # fmt: skip
    assert [one["scheduled_for"] for one in fired] == [now + 10 * MINUTE]


def test_it_counts_a_range_of_one_slot_at_once(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now, misfire_policy="SKIP")
    firing.claim(connection, now=now + MINUTE + 30 * SECOND)
    row, _ = executions(connection)
    assert (row["scheduled_until"], row["slot_count"], row["end_time"]) == (now, 1, now + MINUTE + 30 * SECOND)


def test_it_publishes_no_skipped_slot(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now, misfire_policy="SKIP", end_at=now + MINUTE)
    assert firing.claim(connection, now=now + 10 * MINUTE).ready == []


def test_it_goes_on_where_more_than_a_hundred_slots_are_due(connection: psycopg.Connection, now: datetime):
    due = now - 249 * MINUTE
    task_id = add_task(connection, next_slot_for=due, misfire_policy="FIRE_ALL", catch_up_limit=1_000)
    claimed = claim_all(connection, now=now)
    assert [len(one.ready) for one in claimed] == [100, 100, 50]
    assert slots(connection, task_id) == [due + number * MINUTE for number in range(250)]


@override_settings(CATCH_UP_AT_ONCE=10_000)
def test_it_bounds_the_rows_of_one_claim(connection: psycopg.Connection, now: datetime):
    for _ in range(12):
        add_task(connection, next_slot_for=now - 99 * MINUTE, misfire_policy="FIRE_ALL")
    claimed = claim_all(connection, now=now)
    assert [(one.task_count, len(one.ready)) for one in claimed] == [(10, 1_000), (2, 200)]


def test_it_claims_the_oldest_first_in_batches(connection: psycopg.Connection, now: datetime):
    tasks = [add_task(connection, next_slot_for=now - number * SECOND) for number in range(5)]
    firing.claim(connection, now=now, limit=2)
    assert [bool(executions(connection, one)) for one in tasks] == [False, False, False, True, True]


def test_it_bounds_the_time_for_which_it_plans(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """A session that idles in its transaction is ended after 5 s, and the claim would begin anew for ever."""
    for _ in range(4):
        add_task(connection, next_slot_for=now)
    seconds = iter(range(0, 1_000, 10))
    monkeypatch.setattr(clock, "monotonic", lambda: next(seconds) / 25)
    claimed = firing.claim(connection, now=now)
    assert (claimed.task_count, claimed.is_full) == (1, True)


def test_it_takes_the_id_that_stands_for_another_copys(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)
    change(connection, "scheduler_tasks", task_id, next_slot_for=now, claim_at=now)
    claimed = firing.claim(connection, now=now)
    assert (claimed.ready, claimed.conflict_count, claimed.task_count) == ([], 1, 1)
    assert task(connection, task_id)["next_slot_for"] == now + MINUTE


def test_it_does_not_count_another_copys_row_as_opened(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, overlap_policy="QUEUE")
    firing.claim(connection, now=now)
    change(connection, "scheduler_tasks", task_id, next_slot_for=now, claim_at=now)
    firing.claim(connection, now=now)
    assert task(connection, task_id)["open_count"] == 1


def test_it_skips_the_slot_of_a_busy_task(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, overlap_policy="SKIP")
    firing.claim(connection, now=now)
    firing.claim(connection, now=now + MINUTE)
    assert [(row["status"], row["reason"]) for row in executions(connection, task_id)] == [
        ("QUEUED", None),
        ("SKIPPED", "overlap"),
    ]


def test_it_keeps_no_count_where_everything_may_overlap(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, overlap_policy="ALLOW", open_count=7)
    firing.claim(connection, now=now)
    assert task(connection, task_id)["open_count"] == 0


@pytest.mark.parametrize("count", [1, 50])
def test_it_makes_five_statements_for_any_number_of_tasks(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch, count: int
):
    """Lock, limits, record, move on, batch: a statement for each task would make a tenth of the speed."""
    for _ in range(count):
        add_task(connection, next_slot_for=now)
    queries: list[str] = []
    execute: Any = connection.execute

    def counted(query: str, *arguments: object) -> Any:
        queries.append(query)
        return execute(query, *arguments)

    monkeypatch.setattr(connection, "execute", counted)
    firing.claim(connection, now=now)
    assert len(queries) == 5


# Conflicts


def test_it_leaves_a_row_that_stands_untouched(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)
    (before,) = executions(connection, task_id)
    change(connection, "scheduler_tasks", task_id, next_slot_for=now, claim_at=now, queue="another")
    firing.claim(connection, now=now + 30 * SECOND)
    assert executions(connection, task_id) == [before]


def test_it_records_nothing_for_nothing(connection: psycopg.Connection, now: datetime):
    assert transitions.record(connection, [], now=now) == set()
