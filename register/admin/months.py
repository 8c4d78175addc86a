"""A calendar as people hang it on a wall: the coming months, day by day, with what closes them."""

from calendar import Calendar as Weeks
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from scheduler.engine.calendars import CalendarRules, ClosedDay, closed_days

SHOWN = 12
WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


@dataclass(frozen=True, slots=True)
class Day:
    """One day; `reason` says why it is closed and is empty where it is open."""

    number: int
    reason: str
    is_today: bool


@dataclass(frozen=True, slots=True)
class Month:
    """One month: its weeks, None beside it, and what closes days in it besides their weekday."""

    title: str
    weeks: list[list[Day | None]]
    notes: list[str]


def coming_months(rules: CalendarRules, *, today: date) -> list[Month]:
    """Return this month and those that follow, twelve in all."""
    firsts = [_first_of(today, number) for number in range(SHOWN + 1)]
    closed = {each.day: each for each in closed_days(rules, firsts[0], (firsts[-1] - firsts[0]).days)}
    return [_month(first, closed, today=today) for first in firsts[:-1]]


def _first_of(today: date, number: int) -> date:
    years, month = divmod(today.month - 1 + number, 12)
    return date(today.year + years, month + 1, 1)


def _month(first: date, closed: dict[date, ClosedDay], *, today: date) -> Month:
    weeks = [
        [_day(day, closed, today=today) if day.month == first.month else None for day in week]
        for week in Weeks().monthdatescalendar(first.year, first.month)
    ]
    inside = [each for day, each in closed.items() if (day.year, day.month) == (first.year, first.month)]
    return Month(f"{first:%B %Y}", weeks, list(_notes(each for each in inside if not each.is_weekly)))


def _day(day: date, closed: dict[date, ClosedDay], *, today: date) -> Day:
    return Day(day.day, closed[day].reason if day in closed else "", day == today)


def _notes(days: Iterable[ClosedDay]) -> Iterator[str]:
    """Yield a line for each run of days closed for one reason: `25: Christmas Day`, `27 to 31: excluded by date`."""
    for _, run in groupby(enumerate(days), key=lambda pair: pair[1].day - timedelta(days=pair[0])):
        closed = [each for _, each in run]
        for reason, same in _by_reason(closed):
            yield f"{_span(same)}: {reason}"


def _by_reason(closed: list[ClosedDay]) -> Iterator[tuple[str, list[ClosedDay]]]:
    def meaning(each: ClosedDay) -> str:
        is_dated = each.reason.endswith(" is excluded") or each.reason.endswith(" is excluded every year")
        return "excluded by date" if is_dated else each.reason

    for reason, same in groupby(closed, key=meaning):
        yield reason, list(same)


def _span(days: list[ClosedDay]) -> str:
    first, last = days[0].day.day, days[-1].day.day
    return str(first) if first == last else f"{first} to {last}"
