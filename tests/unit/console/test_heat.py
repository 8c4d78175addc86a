"""Where the hours of the heat map lie, and how dark they are."""

from datetime import UTC, datetime, timedelta

from platform_scheduler.console.heat import CELL_HEIGHT, DAYS, LEFT, TOP, Cell, Heat, heat
from query.forecast import Forecast, Interval, Load

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def drawn(*minutes: float, hours: int = 168, unknown: int = 0) -> Heat:
    """Return the map of hours from nine on, of which the first are that busy."""
    busy = dict(enumerate(minutes))
    intervals = []
    for number in range(hours):
        load = Load(1, unknown, busy.get(number, 0.0) * MINUTE)
        intervals.append(Interval(NINE + number * HOUR, load, {"reports": load, "idle": Load()}))
    return heat(Forecast(NINE, None, NINE, NINE, NINE + hours * HOUR, tuple(intervals)))


def first(*minutes: float, unknown: int = 0) -> Cell:
    return drawn(*minutes, unknown=unknown).cells[0]


def test_today_begins_with_the_hour_that_has_begun() -> None:
    shown = drawn(1)

    assert len(shown.cells) == DAYS * 24 - 9
    assert (shown.cells[0].x > LEFT, shown.cells[0].y) == (True, TOP)
    assert (shown.cells[15].x, shown.cells[15].y > TOP + CELL_HEIGHT) == (LEFT, True)


def test_days_and_hours_are_named() -> None:
    shown = drawn(1)

    assert [one.label for one in shown.days] == ["Sun 01", "Mon 02", "Tue 03", "Wed 04", "Thu 05", "Fri 06", "Sat 07"]
    assert [one.label for one in shown.hours][:3] == ["00", "02", "04"]


def test_the_busiest_hour_is_the_darkest() -> None:
    assert [one.level for one in drawn(1, 50, 100, 0).cells[:4]] == [1, 2, 4, 0]


def test_the_darker_say_their_minutes() -> None:
    assert [one.label for one in drawn(1, 50, 1234, 0).cells[:4]] == ["", "", "1,234", ""]


def test_a_cell_says_what_it_brings() -> None:
    assert first(42).title == "2026-03-01 09:00:00 UTC: 42.0 busy minutes expected, 1 slot; most in reports"
    assert first(unknown=1).title.endswith("1 slot, 1 of them of tasks that have never run")


def test_without_work_all_is_light() -> None:
    assert {one.level for one in drawn().cells} == {0}
