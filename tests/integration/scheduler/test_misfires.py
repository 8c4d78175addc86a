"""Missed slots: every kind of schedule, every policy, just inside and just outside the grace, few and very many."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import firing
from scheduler.ranges import RangeCounter
from tests.hot_paths import add_task, executions, task

HOUR = timedelta(hours=1)
GRACE = timedelta(seconds=60)
TICK = timedelta(microseconds=1)
MANY = 10_000
FAR = 2 * MANY * HOUR

CRON: dict[str, Any] = {"interval_seconds": None, "anchor_at": None}
CALENDAR = {"dates": ["1999-12-31"], "excludedTimes": [{"from": "00:30", "to": "00:31"}]}

Columns = Callable[[datetime], dict[str, Any]]

HOURLY: dict[str, Columns] = {
    "quartz": lambda _: CRON | {"cron_expression": "0 0 * * * ?"},
    "unix": lambda _: CRON | {"cron_expression": "0 * * * *"},
    "zone": lambda _: CRON | {"cron_expression": "0 0 * * * ?", "time_zone": "Asia/Tokyo"},
    "interval": lambda first: {"interval_seconds": 3600, "anchor_at": first - HOUR},
    "start": lambda first: {"interval_seconds": 3600, "anchor_at": first, "start_at": first},
    "window": lambda first: CRON | {"cron_expression": "0 0 * * * ?", "start_at": first, "end_at": first + FAR},
    "calendar": lambda _: CRON | {"cron_expression": "0 0 * * * ?", "calendar_policy": "SKIP"},
    "moved": lambda _: CRON | {"cron_expression": "0 0 * * * ?", "calendar_policy": "NEXT_OPEN"},
}  # fmt: skip
SINGLE: dict[str, Columns] = {
    "once": lambda first: CRON | {"run_at": first},
    "delay": lambda first: {"interval_seconds": 3600, "interval_mode": "FIXED_DELAY", "overlap_policy": "SKIP"},
}

# policy and limit → how many of the missed slots run
POLICIES = [("FIRE_ONCE", 100, 1), ("FIRE_ALL", 100, 100), ("FIRE_ALL", 2, 2), ("SKIP", 100, 0)]


@pytest.fixture
def calendar(connection: psycopg.Connection) -> UUID:
    """A calendar that closes none of these slots, which only the search by calendars can tell."""
    calendar_id = uuid4()
    connection.execute(
        "INSERT INTO scheduler_calendars (id, name, rules) VALUES (%s, 'quiet', %s)",
        (calendar_id, json.dumps(CALENDAR)),
    )
    return calendar_id


def add(connection: psycopg.Connection, calendar: UUID, columns: dict[str, Any], **others: Any) -> UUID:
    under = {"calendar_id": calendar, "calendar_version": 1} if "calendar_policy" in columns else {}
    return add_task(connection, **columns, **under, **others)


def claim_all(connection: psycopg.Connection, now: datetime) -> None:
    while firing.claim(connection, now=now).is_full:
        pass
    RangeCounter().count(connection)


def told(connection: psycopg.Connection, task_id: UUID) -> list[tuple[Any, ...]]:
    """Return history as tuples: a range with its reason, its ends and its count; a run with its trigger."""
    return [
        (row["reason"], row["scheduled_for"], row["scheduled_until"], row["slot_count"])
        if row["status"] == "SKIPPED"
        else (row["trigger"], row["scheduled_for"])
        for row in executions(connection, task_id)
    ]


def expected(first: datetime, missed: int, kept: int, fresh: int) -> list[tuple[Any, ...]]:
    """Return what history says: one range, then what is caught up, then what is on time."""
    passed = missed - min(kept, missed)
    rows: list[tuple[Any, ...]] = [("misfire", first, first + (passed - 1) * HOUR, passed)] if passed else []
    rows += [("CATCH_UP", first + number * HOUR) for number in range(passed, missed)]
    return rows + [("SCHEDULE", first + number * HOUR) for number in range(missed, missed + fresh)]


@pytest.mark.parametrize("count", [1, 3, MANY])
@pytest.mark.parametrize(("policy", "limit", "kept"), POLICIES)
@pytest.mark.parametrize("kind", HOURLY)
def test_it_follows_the_policy_just_outside_the_grace(
    connection: psycopg.Connection,
    calendar: UUID,
    now: datetime,
    kind: str,
    policy: str,
    limit: int,
    kept: int,
    count: int,
):
    first = now - (count - 1) * HOUR
    columns = HOURLY[kind](first) | {"misfire_policy": policy, "catch_up_limit": limit}
    task_id = add(connection, calendar, columns, next_slot_for=first)
    claim_all(connection, now + GRACE + TICK)
    assert told(connection, task_id) == expected(first, missed=count, kept=kept, fresh=0)
    assert task(connection, task_id)["next_slot_for"] == now + HOUR


@pytest.mark.parametrize("count", [1, 3, MANY])
@pytest.mark.parametrize(("policy", "limit", "kept"), POLICIES)
@pytest.mark.parametrize("kind", HOURLY)
def test_it_runs_the_slot_that_is_just_inside_the_grace(
    connection: psycopg.Connection,
    calendar: UUID,
    now: datetime,
    kind: str,
    policy: str,
    limit: int,
    kept: int,
    count: int,
):
    first = now - (count - 1) * HOUR
    columns = HOURLY[kind](first) | {"misfire_policy": policy, "catch_up_limit": limit}
    task_id = add(connection, calendar, columns, next_slot_for=first)
    claim_all(connection, now + GRACE)
    assert told(connection, task_id) == expected(first, missed=count - 1, kept=kept, fresh=1)
    assert task(connection, task_id)["last_slot_for"] == now


@pytest.mark.parametrize("late", [GRACE, GRACE + TICK])
@pytest.mark.parametrize(("policy", "limit", "kept"), POLICIES)
@pytest.mark.parametrize("kind", SINGLE)
def test_it_follows_the_policy_where_there_is_one_slot(
    connection: psycopg.Connection,
    calendar: UUID,
    now: datetime,
    kind: str,
    policy: str,
    limit: int,
    kept: int,
    late: timedelta,
):
    columns = SINGLE[kind](now) | {"misfire_policy": policy, "catch_up_limit": limit}
    task_id = add(connection, calendar, columns, next_slot_for=now)
    claim_all(connection, now + late)
    missed = int(late > GRACE)
    assert told(connection, task_id) == expected(now, missed=missed, kept=kept, fresh=1 - missed)


@pytest.mark.parametrize("kind", ["quartz", "interval", "calendar"])
def test_it_counts_the_grace_from_slot_and_jitter(
    connection: psycopg.Connection, calendar: UUID, now: datetime, kind: str
):
    task_id = add(connection, calendar, HOURLY[kind](now) | {"jitter_seconds": 3000}, next_slot_for=now)
    firing.claim(connection, now=now)  # it is looked at too early: nothing is due yet
    due_at = task(connection, task_id)["claim_at"]
    claim_all(connection, due_at + GRACE)
    (row,) = executions(connection, task_id)
    assert (row["trigger"], row["scheduled_for"], row["due_at"]) == ("SCHEDULE", now, due_at)


@pytest.mark.parametrize("overlap_policy", ["SKIP", "QUEUE", "CANCEL_RUNNING"])
def test_slots_of_one_catch_up_do_not_skip_each_other(
    connection: psycopg.Connection, now: datetime, overlap_policy: str
):
    columns = HOURLY["quartz"](now) | {"misfire_policy": "FIRE_ALL", "overlap_policy": overlap_policy}
    task_id = add_task(connection, **columns, next_slot_for=now - 4 * HOUR)
    claim_all(connection, now + GRACE + TICK)
    assert [(row["status"], row["reason"]) for row in executions(connection, task_id)] == [
        ("QUEUED", None), *[("SCHEDULED", "overlap")] * 4,
    ]  # fmt: skip
    assert task(connection, task_id)["open_count"] == 1


@pytest.mark.parametrize("count", [1, 3, MANY])
def test_a_calendar_is_the_reason_where_every_missed_slot_was_closed(
    connection: psycopg.Connection, now: datetime, count: int
):
    calendar_id, first = uuid4(), now - (count - 1) * HOUR
    rules = json.dumps({"dates": [{"from": "1999-01-01", "to": f"{now + timedelta(days=1):%Y-%m-%d}"}]})
    connection.execute("INSERT INTO scheduler_calendars (id, name, rules) VALUES (%s, 'x', %s)", (calendar_id, rules))
    columns = HOURLY["calendar"](first) | {"misfire_policy": "FIRE_ALL"}
    task_id = add(connection, calendar_id, columns, next_slot_for=first)
    claim_all(connection, now + GRACE + TICK)
    assert told(connection, task_id) == [("calendar", first, now, count)]
