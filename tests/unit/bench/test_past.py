"""A company's tasks and their history, drawn by seed."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from bench.past import COLUMNS, Past
from bench.population import HOURLY, LONGEST_DAYS, WEEKLY, members, shares

NOW = datetime(2030, 3, 20, 15, 30, tzinfo=UTC)
DAYS = 14
POPULATION = list(members(tasks=600, frequent=0.02, seed=7))


def history(seed: int) -> list[dict[str, Any]]:
    past = Past(POPULATION, now=NOW, days=DAYS, seed=seed)
    return [dict(zip(COLUMNS, row, strict=True)) for _, rows in past.hours() for row in rows]


ROWS = history(7)
ENDED = [row for row in ROWS if row["execution_time_ms"] is not None]


def test_the_same_seed_draws_the_same():
    assert (list(members(tasks=50, frequent=0.02, seed=7)), history(7)) == (POPULATION[:50], ROWS)


def test_another_seed_draws_others():
    assert next(members(tasks=1, frequent=0.02, seed=8)) != POPULATION[0]
    assert history(8) != ROWS


@pytest.mark.parametrize(("tasks", "executions"), [(100_000, 10_000_000), (100_000, 1_000_000), (1_000, 1_000_000)])
def test_so_many_executions_take_days_that_can_be_kept(tasks: int, executions: int):
    drawn = shares(tasks=tasks, executions=executions)

    assert 0 < drawn.days <= LONGEST_DAYS + 1
    assert drawn.frequent + HOURLY + WEEKLY < 1


def test_there_are_about_as_many_as_were_asked_for():
    drawn = shares(tasks=600, executions=len(ROWS))
    past = Past(list(members(tasks=600, frequent=drawn.frequent, seed=7)), now=NOW, days=drawn.days, seed=7)

    assert sum(len(rows) for _, rows in past.hours()) == pytest.approx(len(ROWS), rel=0.2)


def test_no_id_comes_twice_and_they_lie_in_order():
    ids = [row["id"] for row in ROWS]

    assert all(one < other for one, other in pairwise(ids))


def test_nothing_lies_in_the_future():
    assert all(row["scheduled_for"] <= NOW for row in ROWS)


def test_the_last_minutes_are_open_and_nothing_else():
    opened = {row["scheduled_for"] for row in ROWS if row["status"] in ("QUEUED", "RUNNING")}

    assert all(slot > NOW - timedelta(minutes=2) for slot in opened)


def test_less_runs_at_weekends():
    daily = {one.id for one in POPULATION if one.kind == "daily"}
    by_day = Counter(row["scheduled_for"].weekday() for row in ROWS if row["task_id"] in daily)

    assert max(by_day[5], by_day[6]) < min(by_day[day] for day in range(5))


def test_more_runs_at_night():
    daily = {one.id for one in POPULATION if one.kind == "daily"}
    by_hour = Counter(row["scheduled_for"].hour for row in ROWS if row["task_id"] in daily)

    assert sum(by_hour[hour] for hour in range(6)) > 1.5 * sum(by_hour[hour] for hour in range(10, 16))


def test_failures_come_in_clusters():
    past = Past(POPULATION, now=NOW, days=DAYS, seed=7)
    struck = [
        row for row in ENDED
        if any(one.queue == row["queue"] and one.begin <= row["scheduled_for"] < one.end for one in past.incidents)
    ]  # fmt: skip
    calm = len(ENDED) - len(struck)
    failed, others = (sum(row["status"] == "FAILED" for row in rows) for rows in (struck, ENDED))

    assert failed / max(len(struck), 1) > 10 * (others - failed) / calm


def test_what_failed_is_tried_again():
    attempts = Counter((row["task_id"], row["scheduled_for"]) for row in ROWS)
    failed = next(row for row in ROWS if row["status"] == "FAILED" and row["attempt"] == 1)

    assert attempts[failed["task_id"], failed["scheduled_for"]] > 1


def test_a_few_are_very_slow():
    slow = [one for one in members(tasks=5_000, frequent=0.02, seed=7) if one.median_ms >= 600_000]

    assert 0 < len(slow) < 25
