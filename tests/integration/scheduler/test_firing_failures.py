"""The claim, where something fails: it fails alone."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import claims, firing, schedules
from scheduler.engine.schedules import IntervalSchedule
from scheduler.engine.slots import Slots
from scheduler.errors import PartitionMissing
from scheduler.records import DueTask
from tests.hot_paths import SECOND, Open, add_task, change, slots, statuses, task

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


@pytest.mark.parametrize("step", ["due_at", "place"])
def test_it_pauses_a_task_that_cannot_be_moved_on_alone(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch, step: str
):
    bad = add_task(connection, next_slot_for=now - SECOND, jitter_seconds=1)
    good = add_task(connection, next_slot_for=now)
    monkeypatch.setattr(Slots, step, fails_with_jitter(getattr(Slots, step)))
    firing.claim(connection, now=now)
    assert [task(connection, one)["status"] for one in (bad, good)] == ["PAUSED", "ACTIVE"]
    assert (statuses(connection, bad), statuses(connection, good)) == ([], ["QUEUED"])


def fails_with_jitter(step: Callable[..., object]) -> Callable[..., object]:
    """Return what does as `step` does, but for a task that has jitter, where it trips over a bug."""

    def fails(slots: Slots, *arguments: object, **named: object) -> object:
        if slots.jitter_seconds:
            raise IndexError("a bug")
        return step(slots, *arguments, **named)

    return fails


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
