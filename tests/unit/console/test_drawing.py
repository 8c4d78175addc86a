"""Where the marks of a chart lie."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from platform_scheduler.console.drawing import FOOT, NAME_WIDTH, NARROWEST, WIDTH, DrawnLane, columns, lanes
from query.lanes import Bar, Lane, Lanes
from query.timeline import Interval
from scheduler.engine.states import FINAL, Status
from scheduler.models import Task

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TASK = Task(id=UUID(int=1), name="Report")


def lane(*bars: Bar, coming: tuple[datetime, ...] = ()) -> DrawnLane:
    _, (drawn,) = lanes(Lanes(NOON, NOON - 6 * HOUR, NOON + HOUR, (Lane(TASK, bars, coming),)))
    return drawn


def bar(begin: timedelta, took: timedelta, status: Status = Status.SUCCESS) -> Bar:
    return Bar(UUID(int=2), status, NOON + begin, NOON + begin, NOON + begin + took)


def test_a_bar_lies_where_it_ran() -> None:
    (drawn,) = lane(bar(-6 * HOUR, HOUR)).bars
    assert drawn.x == NAME_WIDTH
    assert drawn.width == pytest.approx((WIDTH - NAME_WIDTH) / 7, abs=0.1)
    assert drawn.link.endswith("/execution/00000000-0000-0000-0000-000000000002/change/")


def test_a_short_one_can_still_be_seen() -> None:
    (drawn,) = lane(bar(-HOUR, timedelta())).bars
    assert drawn.width == pytest.approx(NARROWEST, abs=0.1)


def test_those_of_one_status_that_touch_are_one_and_lead_to_all_of_them() -> None:
    (drawn,) = lane(*(bar(-HOUR + number * MINUTE, MINUTE) for number in range(5))).bars
    assert "5 executions" in drawn.title
    period = "startDate=2026-03-01T11%3A00%3A00Z&endDate=2026-03-01T11%3A04%3A00Z"
    assert drawn.link.endswith(f"?taskId=00000000-0000-0000-0000-000000000001&status=SUCCESS&{period}")


def test_those_of_another_status_or_further_away_are_not() -> None:
    bars = (bar(-HOUR, MINUTE), bar(-HOUR + MINUTE, MINUTE, Status.FAILED), bar(-20 * MINUTE, MINUTE, Status.FAILED))
    assert [one.kind for one in lane(*bars).bars] == ["success", "failed", "failed"]


def test_slots_that_come_do_not_become_a_blot() -> None:
    each_minute = tuple(NOON + number * MINUTE for number in range(1, 60))
    places = [one.x for one in lane(coming=each_minute).coming]
    assert min(after - before for before, after in pairwise(places)) >= 9


def test_its_axis_is_labelled_at_round_instants() -> None:
    chart, _ = lanes(Lanes(NOON, NOON - 6 * HOUR, NOON + HOUR, ()))
    assert [tick.label for tick in chart.ticks] == ["07:00", "08:00", "09:00", "10:00", "11:00", "12:00"]


def test_midnight_is_labelled_by_the_date() -> None:
    night = NOON.replace(hour=0)
    chart, _ = lanes(Lanes(night, night - 6 * HOUR, night + 6 * HOUR, ()))
    assert "01 Mar" in [tick.label for tick in chart.ticks]


def interval(number: int, **counts: int) -> Interval:
    begin = NOON + number * HOUR
    everything = dict.fromkeys(map(str, FINAL), 0) | {name.upper(): count for name, count in counts.items()}
    return Interval(begin, begin + HOUR, everything, 0)


def test_failures_stand_at_the_foot_of_a_column() -> None:
    chart = columns([interval(0, success=3, failed=1, lost=1)], at=NOON)
    failed, succeeded = chart.parts
    assert (failed.kind, succeeded.kind) == ("failed", "success")
    assert failed.y + failed.height == pytest.approx(FOOT)
    assert succeeded.y + succeeded.height == pytest.approx(failed.y)
    assert succeeded.height == pytest.approx(1.5 * failed.height)


def test_a_column_leads_to_the_executions_that_it_counts() -> None:
    failed, succeeded = columns([interval(0, success=3, failed=1, lost=1)], at=NOON).parts
    assert [failed.link.partition("&status=")[2], succeeded.link.partition("&status=")[2]] == [
        "FAILED,LOST,TIMED_OUT",
        "SUCCESS",
    ]


def test_the_scale_tells_the_highest_column() -> None:
    chart = columns([interval(0, success=1_200), interval(1)], at=NOON)
    assert [level.label for level in chart.levels] == ["0", "600", "1,200"]


def test_where_nothing_ended_there_is_an_empty_chart() -> None:
    chart = columns([interval(0), interval(1)], at=NOON)
    assert (chart.parts, [level.label for level in chart.levels]) == ((), ["0", "1"])
