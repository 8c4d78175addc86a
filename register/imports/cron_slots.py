"""When cron would fire: croniter reads the fields, and cron(8) says what becomes of them when the clock changes."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterError, croniter

from register.imports.slots import ClockRule, days, instants

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

# cron refuses a range that ends where it begins or before; croniter reads it as something else.
_RANGE = re.compile(r"\b(?P<first>\w+)-(?P<last>\w+)")


@dataclass(frozen=True, slots=True)
class CronSlots:
    """The slots of five fields in a zone."""

    expression: str
    time_zone: str
    system: str = "cron"

    @classmethod
    def of(cls, schedule: str, time_zone: str) -> "CronSlots | None":
        """Return them for a schedule of a crontab; None where croniter cannot tell them."""
        expression = MACROS.get(schedule, schedule)
        if any(not _runs_forward(match) for match in _RANGE.finditer(expression)):
            return None
        try:
            ZoneInfo(time_zone)
            _expanded(expression)
        except (CroniterError, ValueError, OSError, ZoneInfoNotFoundError):
            return None
        return cls(expression, time_zone)

    def slots(self, *, after: datetime, until: datetime, count: int) -> list[datetime]:
        """Return the next slots."""
        zone = ZoneInfo(self.time_zone)
        walls = self._walls(days(after, until, zone))
        return instants(walls, zone, self._clock_rule(), after=after, until=until, count=count)

    def _walls(self, on: Iterable[date]) -> Iterator[tuple[date, list[timedelta]]]:
        minutes, hours, month_days, months, week_days = _expanded(self.expression)
        _, _, month_day, _, week_day = self.expression.split()
        is_either = not (month_day.startswith("*") or week_day.startswith("*"))
        times = [timedelta(hours=hour, minutes=minute) for hour in hours for minute in minutes]
        for day in on:
            if day.month not in months:
                continue
            is_month_day, is_week_day = day.day in month_days, day.isoweekday() % 7 in week_days
            if (is_month_day or is_week_day) if is_either else (is_month_day and is_week_day):
                yield day, times

    def _clock_rule(self) -> ClockRule:
        """Return cron(8)'s rule: only jobs that leave hour and minute open go by the clock."""
        minute, hour, *_ = self.expression.split()
        return ClockRule.BY_THE_CLOCK if "*" in (minute[0], hour[0]) else ClockRule.ONCE


@lru_cache(maxsize=20_000)
def _expanded(expression: str) -> list[list[Any]]:
    """Return the values of each field, as croniter reads them."""
    fields = croniter.expand(expression)[0][:5]
    return [
        list(range(end)) if values == ["*"] else values for values, end in zip(fields, (60, 24, 32, 13, 7), strict=True)
    ]


def _runs_forward(match: re.Match[str]) -> bool:
    first, last = match["first"], match["last"]
    return not (first.isdigit() and last.isdigit()) or int(first) < int(last)
