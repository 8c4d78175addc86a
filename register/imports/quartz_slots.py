"""When Quartz would fire a cron trigger: the wall times are the engine's, which tests hold against a real Quartz.

What differs is the change of the clock: Quartz leaves out a time that does not exist, and of one that comes twice it
takes the second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from register.imports.slots import ClockRule, days, instants
from scheduler.engine.schedules import parse_cron

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuartzSlots:
    """The slots of an expression in a zone, from `start` to `end`, both included."""

    expression: str
    time_zone: str
    start: datetime | None = None
    end: datetime | None = None
    system: str = "Quartz"

    def slots(self, *, after: datetime, until: datetime, count: int) -> list[datetime]:
        """Return the next slots."""
        zone = ZoneInfo(self.time_zone)
        after = max(after, self.start - timedelta(seconds=1)) if self.start else after
        until = min(until, self.end) if self.end else until
        walls = self._walls(next(days(after, until, zone), after.date()), until)
        return instants(walls, zone, ClockRule.QUARTZ, after=after, until=until, count=count)

    def _walls(self, first: date, until: datetime) -> Iterator[tuple[date, list[timedelta]]]:
        # In UTC the clock never changes: an expression's slots there are its wall times.
        begin = datetime.combine(first, time(), tzinfo=UTC)
        slots = parse_cron(self.expression, "UTC").between(begin, until + _DAY)
        for day, of_day in groupby(slots, key=datetime.date):
            midnight = datetime.combine(day, time(), tzinfo=UTC)
            yield day, [slot - midnight for slot in of_day]
