"""The claim: due slots become executions, tasks move on, and what fails fails alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import claims, clock, firing, schedules, transitions
from scheduler.engine.identity import execution_id, slot_cause
from scheduler.engine.schedules import IntervalSchedule
from scheduler.errors import PartitionMissing, TaskDeleted, TaskNotFound
from scheduler.records import DueTask
from tests.hot_paths import MINUTE, SECOND, Open, add_task, change, executions, queue_one, statuses, task


def claim_all(connection: psycopg.Connection, *, now: datetime) -> list[firing.Claimed]:
    """Claim until nothing is due."""
    claimed = [firing.claim(connection, now=now)]
    while claimed[-1].is_full:
        claimed.append(firing.claim(connection, now=now))
    return claimed


def slots(connection: psycopg.Connection, task_id: UUID) -> list[datetime]:
    return [row["scheduled_for"] for row in executions(connection, task_id)]


def test_it_records_a_due_slot_as_queued(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, queue="reports", priority=8, timeout_seconds=90)
    firing.claim(connection, now=now + SECOND)
    (row,) = executions(connection, task_id)
    assert {
        "status": "QUEUED", "trigger": "SCHEDULE", "attempt": 1, "scheduled_for": now, "due_at": now, "priority": 8,
        "queue": "reports", "timeout_seconds": 90, "queued_at": now + SECOND, "published_at": None, "end_time": None,
    }.items() <= row.items()  # fmt: skip


def test_it_hands_out_what_is_to_be_published(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now, queue="reports", priority=8, timeout_seconds=90)
    (ready,) = firing.claim(connection, now=now).ready
    assert (ready.queue, ready.priority, ready.timeout_seconds) == ("reports", 8, 90)


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
def test_it_makes_three_statements_for_any_number_of_tasks(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch, count: int
):
    """Lock, record, move on: a statement for each task would make a tenth of the speed."""
    for _ in range(count):
        add_task(connection, next_slot_for=now)
    queries: list[str] = []
    execute: Any = connection.execute

    def counted(query: str, *arguments: object) -> Any:
        queries.append(query)
        return execute(query, *arguments)

    monkeypatch.setattr(connection, "execute", counted)
    firing.claim(connection, now=now)
    assert len(queries) == 3


# What fails


@pytest.mark.parametrize(
    "columns",
    [
        {"cron_expression": "not a cron"},
        {"cron_expression": "0 0 0 * * ?", "time_zone": "Mars/Olympus"},
        {"cron_expression": "0 0 0 * * ?", "start_at": "2030-01-02T00:00Z", "end_at": "2030-01-01T00:00Z"},
        {"interval_seconds": -5},
    ],
    ids=["unreadable", "zone", "window", "interval"],
)
def test_it_pauses_a_broken_definition_alone(connection: psycopg.Connection, now: datetime, columns: dict[str, object]):
    bad = add_task(connection, **{"next_slot_for": now - SECOND, "interval_seconds": None} | columns)
    good = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)
    assert (task(connection, bad)["status"], statuses(connection, good)) == ("PAUSED", ["QUEUED"])


def test_it_says_why_it_has_paused(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, interval_seconds=None, cron_expression="not a cron")
    firing.claim(connection, now=now)
    paused = task(connection, task_id)
    assert paused["pause_reason"].startswith("Its next slot cannot be worked out: There are 3 fields")
    assert (paused["claim_at"], paused["next_slot_for"], paused["last_slot_for"]) == (None, now, None)


def test_it_pauses_a_task_whose_schedule_fails_in_an_unforeseen_way(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    bad = add_task(connection, next_slot_for=now, anchor_at=now - 30 * SECOND)
    good = add_task(connection, next_slot_for=now)
    monkeypatch.setattr(schedules, "_next_after", FailsFor(now - 30 * SECOND))
    firing.claim(connection, now=now)
    assert [task(connection, one)["status"] for one in (bad, good)] == ["PAUSED", "ACTIVE"]


class FailsFor:
    """The next slot of any schedule but those anchored at `anchor`, where it trips over a bug."""

    def __init__(self, anchor: datetime) -> None:
        self.anchor = anchor

    def __call__(self, schedule: IntervalSchedule, instant: datetime) -> datetime | None:
        if schedule.anchor == self.anchor:
            raise IndexError("a bug")
        return schedule.next_after(instant)


POISON = "poison"


@pytest.fixture
def poison(connection: psycopg.Connection) -> Iterator[str]:
    """A queue whose rows the database refuses, as it would refuse any data that we did not foresee."""
    connection.execute(f"ALTER TABLE task_execution_history ADD CONSTRAINT bitter CHECK (queue <> '{POISON}')")
    yield POISON
    connection.execute("ALTER TABLE task_execution_history DROP CONSTRAINT bitter")


@pytest.mark.parametrize("place", [0, 3, 6])
def test_it_pauses_one_poisonous_task_among_good_ones(
    connection: psycopg.Connection, now: datetime, poison: str, place: int
):
    tasks = [add_task(connection, next_slot_for=now - number * SECOND) for number in range(7)]
    change(connection, "scheduler_tasks", tasks[place], queue=poison)
    firing.claim(connection, now=now)
    expected = ["ACTIVE"] * 7
    expected[place] = "PAUSED"
    assert [task(connection, one)["status"] for one in tasks] == expected


def test_it_fires_what_is_good_beside_the_poison(connection: psycopg.Connection, now: datetime, poison: str):
    add_task(connection, next_slot_for=now, queue=poison)
    tasks = [add_task(connection, next_slot_for=now) for _ in range(6)]
    claimed = firing.claim(connection, now=now)
    assert (len(claimed.ready), [statuses(connection, one) for one in tasks]) == (6, [["QUEUED"]] * 6)


def test_it_records_no_slot_of_the_poisonous_task(connection: psycopg.Connection, now: datetime, poison: str):
    task_id = add_task(connection, next_slot_for=now, queue=poison)
    firing.claim(connection, now=now)
    paused = task(connection, task_id)
    assert (statuses(connection, task_id), paused["next_slot_for"], paused["last_slot_for"]) == ([], now, None)
    assert "bitter" in paused["pause_reason"]


def test_it_pauses_every_one_of_several_poisonous_tasks(connection: psycopg.Connection, now: datetime, poison: str):
    tasks = [add_task(connection, next_slot_for=now, queue=poison) for _ in range(5)]
    firing.claim(connection, now=now)
    assert {task(connection, one)["status"] for one in tasks} == {"PAUSED"}


class TakenAway:
    """Looks for due tasks; from the second time on another scheduler holds `task_id`."""

    def __init__(self, task_id: UUID, by: psycopg.Connection) -> None:
        self.look = claims.due_tasks
        self.turns = [lambda: None, lambda: claims.task(by, task_id)]

    def __call__(self, connection: psycopg.Connection, *, now: datetime, limit: int) -> list[DueTask]:
        self.turns.pop(0)()
        return self.look(connection, now=now, limit=limit)


def test_it_pauses_no_innocent_task_where_another_scheduler_has_the_poisonous_one(
    connection: psycopg.Connection,
    open_connection: Open,
    now: datetime,
    poison: str,
    monkeypatch: pytest.MonkeyPatch,
):
    bad = add_task(connection, next_slot_for=now - SECOND, queue=poison)
    good = add_task(connection, next_slot_for=now)
    other = open_connection()
    with other.transaction():
        monkeypatch.setattr(claims, "due_tasks", TakenAway(bad, other))
        firing.claim(connection, now=now, limit=1)
    assert statuses(connection, good) == ["QUEUED"]


# Partitions


@pytest.fixture
def gap(connection: psycopg.Connection, now: datetime) -> Iterator[datetime]:
    """An instant whose partition of history is away, as one that retention has removed."""
    instant = now + timedelta(days=3)
    with connection.transaction(force_rollback=True):
        connection.execute(
            f"ALTER TABLE task_execution_history DETACH PARTITION task_execution_history_p{instant:%Y%m%d}"
        )
        yield instant


def test_it_raises_where_a_slot_has_no_partition(connection: psycopg.Connection, gap: datetime):
    add_task(connection, next_slot_for=gap)
    with pytest.raises(PartitionMissing):
        firing.claim(connection, now=gap)


def test_it_rolls_all_back_where_a_slot_has_no_partition(connection: psycopg.Connection, gap: datetime):
    tasks = [add_task(connection, next_slot_for=gap - timedelta(days=1)), add_task(connection, next_slot_for=gap)]
    with pytest.raises(PartitionMissing):
        firing.claim(connection, now=gap)
    assert [(task(connection, one)["status"], statuses(connection, one)) for one in tasks] == [("ACTIVE", [])] * 2


def test_it_tells_a_missing_partition_in_any_language(connection: psycopg.Connection, gap: datetime):
    add_task(connection, next_slot_for=gap)
    with pytest.raises(PartitionMissing) as caught:
        firing.claim(connection, now=gap)
    assert isinstance(caught.value.__cause__, psycopg.errors.CheckViolation)


def test_it_records_slots_on_both_sides_of_midnight(connection: psycopg.Connection, now: datetime):
    midnight = now.replace(hour=0) + timedelta(days=1)
    task_id = add_task(connection, next_slot_for=midnight - SECOND, interval_seconds=1)
    firing.claim(connection, now=midnight + SECOND)
    assert slots(connection, task_id) == [midnight - SECOND, midnight, midnight + SECOND]


# Record a task's slots ahead of a change


def test_it_records_the_slots_up_to_a_change(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    ready = firing.record_due(connection, task_id, now=now + 2 * MINUTE)
    assert (len(ready), slots(connection, task_id)) == (2 + 1, [now, now + MINUTE, now + 2 * MINUTE])


def test_it_records_more_than_one_claims_worth_before_a_change(connection: psycopg.Connection, now: datetime):
    due = now - 249 * MINUTE
    task_id = add_task(connection, next_slot_for=due, misfire_policy="FIRE_ALL", catch_up_limit=1_000)
    assert len(firing.record_due(connection, task_id, now=now)) == 250


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED", "DELETED"])
def test_it_records_nothing_of_a_task_that_does_not_fire(connection: psycopg.Connection, now: datetime, status: str):
    task_id = add_task(connection, next_slot_for=now, claim_at=None, status=status)
    assert firing.record_due(connection, task_id, now=now + MINUTE) == []


def test_it_records_nothing_of_a_task_that_is_not_there(connection: psycopg.Connection, now: datetime):
    assert firing.record_due(connection, uuid4(), now=now) == []


def test_it_ends_at_a_broken_definition_before_a_change(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, interval_seconds=None, cron_expression="not a cron")
    firing.record_due(connection, task_id, now=now)
    assert task(connection, task_id)["status"] == "PAUSED"


# Requests


def test_it_queues_what_somebody_asks_for(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now + MINUTE)
    execution_id, (ready,) = firing.trigger(connection, task_id, request=uuid4(), task_data='{"a": 1}', now=now)
    (row,) = executions(connection, task_id)
    assert (row["id"], row["status"], row["trigger"], row["task_data"], row["scheduled_for"]) == (
        execution_id, "QUEUED", "MANUAL", '{"a": 1}', now,
    )  # fmt: skip
    assert ready.id == execution_id


def test_it_finds_the_same_request_again(connection: psycopg.Connection, now: datetime):
    task_id, request = add_task(connection, next_slot_for=now + MINUTE, overlap_policy="SKIP"), uuid4()
    first, _ = firing.trigger(connection, task_id, request=request, task_data=None, now=now)
    second, ready = firing.trigger(connection, task_id, request=request, task_data=None, now=now)
    assert (second, ready, statuses(connection, task_id)) == (first, [], ["QUEUED"])
    assert task(connection, task_id)["open_count"] == 1


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED"])
def test_it_obeys_requests_whatever_the_schedule_does(connection: psycopg.Connection, now: datetime, status: str):
    task_id = add_task(connection, next_slot_for=now, claim_at=None, status=status)
    queue_one(connection, task_id, now=now)
    assert statuses(connection, task_id) == ["QUEUED"]


def test_it_skips_a_request_of_a_busy_task(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now + MINUTE, overlap_policy="SKIP")
    queue_one(connection, task_id, now=now)
    queue_one(connection, task_id, now=now + SECOND)
    assert (statuses(connection, task_id), task(connection, task_id)["open_count"]) == (["QUEUED", "SKIPPED"], 1)


def test_it_refuses_to_run_a_deleted_task(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, status="DELETED")
    with pytest.raises(TaskDeleted):
        queue_one(connection, task_id, now=now)


def test_it_refuses_to_run_a_task_that_is_not_there(connection: psycopg.Connection, now: datetime):
    with pytest.raises(TaskNotFound):
        queue_one(connection, uuid4(), now=now)


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
