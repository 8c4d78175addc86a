"""Editing the rules of a calendar moves the next slots of the tasks that use it, batch by batch."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import claims, firing, partitions, reschedule, transitions
from scheduler.errors import PartitionMissing
from scheduler.node import SchedulerNode
from tests.hot_paths import DAY, MINUTE, SECOND, Open, add_task, executions, task
from tests.integration.scheduler.hands import Hands

HOUR = timedelta(hours=1)
COLUMNS = ("next_slot_for", "next_execution_time", "claim_at", "status", "calendar_version")


@pytest.fixture
def calendar(connection: psycopg.Connection) -> UUID:
    """A calendar that excludes nothing."""
    calendar_id = uuid4()
    connection.execute("INSERT INTO scheduler_calendars (id, name) VALUES (%s, 'Bavaria')", (calendar_id,))
    return calendar_id


def edit(connection: psycopg.Connection, calendar: UUID, **rules: Any) -> None:
    """Give a calendar other rules, as register does."""
    connection.execute(
        "UPDATE scheduler_calendars SET rules = %s, version = version + 1 WHERE id = %s", (json.dumps(rules), calendar)
    )


def closed_on(*days: datetime) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in days]


def add_daily(connection: psycopg.Connection, calendar: UUID, due: datetime, **columns: Any) -> UUID:
    """Add a task that runs daily at noon by the first version of the calendar."""
    defaults = {"interval_seconds": None, "cron_expression": "0 0 12 * * ?", "calendar_version": 1}
    return add_task(connection, **{"next_slot_for": due, "calendar_id": calendar} | defaults | columns)


def moved(connection: psycopg.Connection, task_id: UUID) -> list[Any]:
    row = task(connection, task_id)
    return [row[name] for name in COLUMNS]


def test_a_closed_slot_moves_under_next_open(connection: psycopg.Connection, calendar: UUID, now: datetime):
    task_id = add_daily(connection, calendar, now + DAY, calendar_policy="NEXT_OPEN")
    edit(connection, calendar, dates=closed_on(now + DAY))
    assert reschedule.reschedule(connection, now=now) == 1
    assert moved(connection, task_id) == [now + 2 * DAY, now + 2 * DAY, now + 2 * DAY, "ACTIVE", 2]


def test_a_closed_slot_moves_under_previous_open(connection: psycopg.Connection, calendar: UUID, now: datetime):
    task_id = add_daily(connection, calendar, now + 2 * DAY, calendar_policy="PREVIOUS_OPEN", last_slot_for=now)
    edit(connection, calendar, dates=closed_on(now + DAY, now + 2 * DAY))
    reschedule.reschedule(connection, now=now + SECOND)
    assert moved(connection, task_id)[0] == now + 3 * DAY


def test_a_closed_slot_stays_and_is_not_shown_under_skip(connection: psycopg.Connection, calendar: UUID, now: datetime):
    task_id = add_daily(connection, calendar, now + DAY)
    edit(connection, calendar, dates=closed_on(now + DAY))
    reschedule.reschedule(connection, now=now)
    assert moved(connection, task_id) == [now + DAY, now + 2 * DAY, now + 2 * DAY, "ACTIVE", 2]


def test_a_slot_that_is_open_again_moves_back(connection: psycopg.Connection, calendar: UUID, now: datetime):
    edit(connection, calendar, dates=closed_on(now + DAY))
    task_id = add_daily(connection, calendar, now + 2 * DAY, calendar_policy="NEXT_OPEN", calendar_version=2)
    edit(connection, calendar)
    reschedule.reschedule(connection, now=now)
    assert moved(connection, task_id) == [now + DAY, now + DAY, now + DAY, "ACTIVE", 3]


def test_a_slot_that_was_recorded_comes_not_again(connection: psycopg.Connection, calendar: UUID, now: datetime):
    task_id = add_daily(connection, calendar, now + 2 * DAY, calendar_policy="NEXT_OPEN", last_slot_for=now + DAY)
    edit(connection, calendar, dates=closed_on(now + 2 * DAY))
    reschedule.reschedule(connection, now=now)
    assert moved(connection, task_id)[0] == now + 3 * DAY


def test_a_task_of_another_calendar_stays(connection: psycopg.Connection, calendar: UUID, now: datetime):
    add_task(connection, next_slot_for=now + DAY)
    edit(connection, calendar, weekdays=["SAT"])
    assert reschedule.reschedule(connection, now=now) == 0


def test_it_is_done_once(connection: psycopg.Connection, calendar: UUID, now: datetime):
    add_daily(connection, calendar, now + DAY)
    edit(connection, calendar, weekdays=["SAT"])
    assert [reschedule.reschedule(connection, now=now) for _ in range(2)] == [1, 0]


def test_a_task_that_is_due_is_left_to_the_claim(connection: psycopg.Connection, calendar: UUID, now: datetime):
    task_id = add_daily(connection, calendar, now)
    edit(connection, calendar, dates=closed_on(now))
    assert reschedule.reschedule(connection, now=now + SECOND) == 0
    firing.claim(connection, now=now + SECOND)
    (row,) = executions(connection, task_id)
    assert (row["status"], row["reason"]) == ("SKIPPED", "calendar")
    assert moved(connection, task_id) == [now + DAY, now + DAY, now + DAY, "ACTIVE", 2]


def test_a_slot_that_waits_for_its_jitter_stays(connection: psycopg.Connection, calendar: UUID, now: datetime):
    edit(connection, calendar, dates=closed_on(now + 9 * DAY))
    task_id = add_daily(connection, calendar, now, jitter_seconds=7200, claim_at=now + HOUR)
    reschedule.reschedule(connection, now=now + SECOND)
    assert (moved(connection, task_id)[0], executions(connection, task_id)) == (now, [])


def test_a_paused_task_moves_and_stays_paused(connection: psycopg.Connection, calendar: UUID, now: datetime):
    task_id = add_daily(connection, calendar, now + DAY, status="PAUSED", claim_at=None, calendar_policy="NEXT_OPEN")
    edit(connection, calendar, dates=closed_on(now + DAY))
    reschedule.reschedule(connection, now=now)
    assert moved(connection, task_id) == [now + 2 * DAY, None, None, "PAUSED", 2]


def test_the_slots_of_a_pause_stay(connection: psycopg.Connection, calendar: UUID, now: datetime):
    task_id = add_daily(connection, calendar, now, status="PAUSED", claim_at=None, calendar_policy="NEXT_OPEN")
    edit(connection, calendar, dates=closed_on(now))
    reschedule.reschedule(connection, now=now + HOUR)
    assert moved(connection, task_id) == [now, None, None, "PAUSED", 2]


@pytest.mark.parametrize("status", ["COMPLETED", "DELETED"])
def test_what_has_ended_stays_ended(connection: psycopg.Connection, calendar: UUID, now: datetime, status: str):
    task_id = add_daily(connection, calendar, now, status=status, next_slot_for=None, claim_at=None)
    edit(connection, calendar, weekdays=["SAT"])
    reschedule.reschedule(connection, now=now)
    assert moved(connection, task_id)[2:] == [None, status, 2]


class TestFixedDelay:
    """One slot is known, or none while the last one runs."""

    def test_the_slot_stays(self, connection: psycopg.Connection, calendar: UUID, now: datetime):
        task_id = add_task(
            connection,
            next_slot_for=now + MINUTE,
            interval_mode="FIXED_DELAY",
            calendar_id=calendar,
            calendar_version=1,
        )
        edit(connection, calendar, dates=closed_on(now + 5 * DAY))
        reschedule.reschedule(connection, now=now)
        assert moved(connection, task_id) == [now + MINUTE, now + MINUTE, now + MINUTE, "ACTIVE", 2]

    def test_one_that_waits_for_an_end_goes_on_waiting(
        self, connection: psycopg.Connection, calendar: UUID, now: datetime
    ):
        task_id = add_task(connection, interval_mode="FIXED_DELAY", calendar_id=calendar, calendar_version=1)
        edit(connection, calendar, weekdays=["SAT"])
        reschedule.reschedule(connection, now=now)
        assert moved(connection, task_id) == [None, None, None, "ACTIVE", 2]

    def test_one_whose_closed_slot_has_passed_counts_on_from_now(
        self, connection: psycopg.Connection, calendar: UUID, now: datetime
    ):
        task_id = add_task(
            connection, next_slot_for=now, claim_at=now + DAY, next_execution_time=None,
            interval_mode="FIXED_DELAY", calendar_id=calendar, calendar_version=1,
        )  # fmt: skip
        edit(connection, calendar)
        reschedule.reschedule(connection, now=now + HOUR)
        assert moved(connection, task_id)[0] == now + HOUR + MINUTE
        assert [row["reason"] for row in executions(connection, task_id)] == ["calendar"]


class TestClosedAndPassed:
    """Closed slots are recorded with those that follow: up to a day they wait, and rules may change meanwhile."""

    @pytest.fixture
    def hourly(self, connection: psycopg.Connection, calendar: UUID, now: datetime) -> UUID:
        """An hourly task whose slots of two days are closed; the claim would look at it tomorrow."""
        edit(connection, calendar, dates=closed_on(now, now + DAY))
        return add_task(
            connection, next_slot_for=now, claim_at=now + DAY, next_execution_time=now + 36 * HOUR,
            interval_seconds=None, cron_expression="0 0 * * * ?", calendar_id=calendar, calendar_version=2,
        )  # fmt: skip

    def test_the_task_goes_on_as_soon_as_its_calendar_opens(
        self, connection: psycopg.Connection, calendar: UUID, hourly: UUID, now: datetime
    ):
        edit(connection, calendar)
        reschedule.reschedule(connection, now=now + 150 * MINUTE)
        opens = now + 3 * HOUR
        assert moved(connection, hourly) == [opens, opens, opens, "ACTIVE", 3]

    def test_what_was_closed_when_it_came_is_recorded_so(
        self, connection: psycopg.Connection, calendar: UUID, hourly: UUID, now: datetime
    ):
        edit(connection, calendar)
        reschedule.reschedule(connection, now=now + 150 * MINUTE)
        (row,) = executions(connection, hourly)
        assert (row["status"], row["reason"]) == ("SKIPPED", "calendar")
        assert (row["scheduled_for"], row["scheduled_until"]) == (now, now + 2 * HOUR)
        assert task(connection, hourly)["last_slot_for"] == now + 2 * HOUR

    def test_a_second_pass_records_nothing_more(
        self, connection: psycopg.Connection, calendar: UUID, hourly: UUID, now: datetime
    ):
        edit(connection, calendar)
        reschedule.reschedule(connection, now=now + 150 * MINUTE)
        edit(connection, calendar, weekdays=[])
        reschedule.reschedule(connection, now=now + 151 * MINUTE)
        assert len(executions(connection, hourly)) == 1


def test_a_run_at_that_moves_back_into_the_past_keeps_its_slot(
    connection: psycopg.Connection, calendar: UUID, now: datetime
):
    edit(connection, calendar, dates=closed_on(now - DAY, now))
    one_time = {"cron_expression": None, "run_at": now - DAY, "calendar_policy": "NEXT_OPEN", "calendar_version": 2}
    task_id = add_daily(connection, calendar, now + DAY, **one_time)
    edit(connection, calendar)
    reschedule.reschedule(connection, now=now)
    assert moved(connection, task_id) == [now + DAY, now + DAY, now + DAY, "ACTIVE", 3]


class TestBroken:
    """A definition that yields no slots stops no other."""

    @pytest.mark.parametrize(("status", "claimed"), [("ACTIVE", True), ("PAUSED", False)])
    def test_it_is_left_to_its_claim(
        self, connection: psycopg.Connection, calendar: UUID, now: datetime, status: str, claimed: bool
    ):
        due = now + DAY
        broken = add_daily(
            connection, calendar, due, cron_expression="nonsense", status=status, claim_at=due if claimed else None
        )
        other = add_daily(connection, calendar, due)
        edit(connection, calendar, dates=closed_on(due))
        assert reschedule.reschedule(connection, now=now) == 2
        assert moved(connection, broken) == [due, None, due if claimed else None, status, 2]
        assert moved(connection, other)[4] == 2


class TestBatches:
    """No transaction holds more than a batch, and whoever goes on finds the rest."""

    @pytest.fixture
    def many(self, connection: psycopg.Connection, calendar: UUID, now: datetime) -> None:
        """1,500 tasks that use the calendar."""
        connection.execute(
            "INSERT INTO scheduler_tasks (id, name, task_class, cron_expression, calendar_id, calendar_version,"
            " next_slot_for, next_execution_time, claim_at)"
            " SELECT gen_random_uuid(), 'task ' || n, 'platform.noop', '0 0 12 * * ?', %s, 1, %s, %s, %s"
            " FROM generate_series(1, 1500) n",
            (calendar, *[now + DAY] * 3),
        )
        edit(connection, calendar, dates=closed_on(now + DAY))

    def shown(self, connection: psycopg.Connection) -> dict[datetime, int]:
        rows = connection.execute("SELECT next_execution_time, count(*) FROM scheduler_tasks GROUP BY 1 ORDER BY 1")
        return dict(rows.fetchall())

    def test_a_batch_moves_so_many_and_no_more(self, connection: psycopg.Connection, many: None, now: datetime):
        assert reschedule.reschedule(connection, now=now) == reschedule.BATCH
        assert self.shown(connection) == {now + DAY: 1000, now + 2 * DAY: 500}

    def test_another_process_goes_on_where_one_has_died(
        self, connection: psycopg.Connection, open_connection: Open, many: None, now: datetime
    ):
        reschedule.reschedule(connection, now=now)
        connection.close()
        other = open_connection()
        assert [reschedule.reschedule(other, now=now) for _ in range(3)] == [500, 500, 0]
        assert self.shown(other) == {now + 2 * DAY: 1500}

    def test_a_process_that_dies_inside_a_batch_has_done_nothing(
        self, connection: psycopg.Connection, open_connection: Open, many: None, now: datetime
    ):
        with connection.transaction(force_rollback=True):
            reschedule.reschedule(connection, now=now)
        assert self.shown(open_connection()) == {now + DAY: 1500}

    def test_a_second_node_waits_for_nothing(
        self, connection: psycopg.Connection, open_connection: Open, many: None, now: datetime
    ):
        other = open_connection()
        with connection.transaction():
            reschedule.reschedule(connection, now=now)
            reschedule.reschedule(other, now=now)  # a lock that it waited for would raise after a second
        assert [reschedule.reschedule(other, now=now) for _ in range(4)][-1] == 0
        assert self.shown(other) == {now + 2 * DAY: 1500}

    def test_a_node_moves_them_all(self, connection: psycopg.Connection, node: SchedulerNode, hands: Hands, many: None):
        due = hands.now + DAY
        node.sweeping.turn(connection)
        assert self.shown(connection) == {due + DAY: 1500}


def test_a_claim_that_read_the_old_rules_is_corrected(
    connection: psycopg.Connection,
    open_connection: Open,
    calendar: UUID,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
):
    """The claim reads the rules when it locks; an edit that commits before the claim does is not lost."""
    task_id = add_daily(connection, calendar, now, calendar_policy="NEXT_OPEN")
    other = open_connection()
    monkeypatch.setattr(claims, "due_tasks", _then(claims.due_tasks, lambda: _close(other, calendar, now + DAY)))
    firing.claim(connection, now=now)
    assert moved(connection, task_id)[0] == now + DAY
    assert reschedule.reschedule(connection, now=now + SECOND) == 1
    assert moved(connection, task_id) == [now + 2 * DAY, now + 2 * DAY, now + 2 * DAY, "ACTIVE", 2]


def test_a_slot_whose_partition_is_missing_moves_once_there_is_one(
    connection: psycopg.Connection, calendar: UUID, hands: Hands, node: SchedulerNode, monkeypatch: pytest.MonkeyPatch
):
    made: list[datetime] = []

    def fill(_: psycopg.Connection, *, now: datetime) -> list[str]:
        made.append(now)
        return []

    monkeypatch.setattr(partitions, "fill", fill)
    monkeypatch.setattr(transitions, "record", _missing)
    add_daily(connection, calendar, hands.now - HOUR, claim_at=hands.now + HOUR)
    edit(connection, calendar, weekdays=[])
    node.sweeping.turn(connection)
    assert made == [hands.now]


def _then(verb: Callable[..., Any], afterwards: Callable[[], None]) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> Any:
        result = verb(*args, **kwargs)
        afterwards()
        return result

    return both


def _close(connection: psycopg.Connection, calendar: UUID, day: datetime) -> None:
    edit(connection, calendar, dates=closed_on(day))


def _missing(*_: Any, **__: Any) -> set[UUID]:
    raise PartitionMissing
