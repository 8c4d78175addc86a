"""When cron fires, and how that compares with a task."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from register.imports.comparison import Comparison, compare
from register.imports.cron_slots import CronSlots
from register.imports.item import Was

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = datetime(2027, 3, 27, 23, 30, tzinfo=UTC), datetime(2027, 10, 30, 21, 30, tzinfo=UTC)
WINTER = datetime(2026, 11, 25, 15, tzinfo=UTC)


def _night(was: Was, after: datetime) -> list[str]:
    """Return the slots of the six hours in which the clock changes, in UTC."""
    slots = was.slots(after=after, until=after + timedelta(hours=6), count=100)
    return [f"{slot:%H:%M}" for slot in slots]


def _cron(text: str) -> CronSlots:
    was = CronSlots.of(text, BERLIN)
    assert was is not None
    return was


def _compared(was: Was, **fields: Any) -> Comparison:
    comparison = compare(was, {"timeZone": was.time_zone} | fields, after=WINTER, count=1000)
    assert comparison is not None
    return comparison


@pytest.mark.parametrize(
    ("text", "spring", "autumn"),
    [
        ("30 2 * * *", ["01:00"], ["00:30"]),  # once: at the end of the gap; the first time
        ("0 */2 * * *", ["02:00", "04:00"], ["22:00", "00:00", "01:00", "03:00"]),  # by the clock
        ("*/30 2 * * *", [], ["00:00", "00:30", "01:00", "01:30"]),
        ("15 * * * *", ["00:15", "01:15", "02:15", "03:15", "04:15", "05:15"],
         ["22:15", "23:15", "00:15", "01:15", "02:15", "03:15"]),
    ],
)  # fmt: skip
def test_cron_goes_by_its_manual_when_the_clock_changes(text: str, spring: list[str], autumn: list[str]) -> None:
    assert (_night(_cron(text), SPRING), _night(_cron(text), AUTUMN)) == (spring, autumn)


@pytest.mark.parametrize("text", ["0 9 * * 1-5", "0 0 13 * 5", "0 0 */2 * 1", "@monthly", "5 4 29 2 *", "0 12 * * 7"])
def test_cron_is_the_same_where_the_clock_does_not_matter(text: str) -> None:
    assert _compared(_cron(text), cronExpression=text).is_same


def test_busy_jobs_are_compared_around_the_coming_clock_changes_too() -> None:
    comparison = _compared(_cron("*/10 2 * * *"), cronExpression="*/10 2 * * *")
    assert list(comparison.lines()) == [
        "7 slots differ: the clock changes then",
        "Sun 2027-03-28  cron: nothing   here: 03:00 +0200",
        "Sun 2027-10-31  cron: 02:00 +0100, 02:10 +0100, 02:20 +0100, 02:30 +0100 …   here: nothing",
    ]


def test_it_sees_that_an_expression_is_read_differently() -> None:
    comparison = _compared(_cron("0 9 * * 1"), cronExpression="0 9 * * 2")
    first, monday, *_, last = comparison.lines()
    assert "the two read the expression differently" in first
    assert monday == "Mon 2026-11-30  cron: 09:00 +0100   here: nothing"
    assert last.startswith("and on ")


@pytest.mark.parametrize("text", ["0 22-2 * * *", "0 5-5 * * *", "0 9 * * x", "0 9 L * *", "1 2 3"])
def test_cron_is_not_compared_where_croniter_cannot_tell(text: str) -> None:
    assert CronSlots.of(text, "Nowhere/At-all") is None
    assert compare(CronSlots(text, "UTC"), {"cronExpression": "nothing"}, after=WINTER, count=10) is None
