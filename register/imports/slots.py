"""From wall times to instants by the rules of other systems, where the clock changes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

# Beyond it a yearly job would be compared for a thousand years.
HORIZON_YEARS = 20

_DAY = timedelta(days=1)
_YEAR_DAYS = 370


class ClockRule(Enum):
    """What becomes of a wall time that does not exist, and of one that comes twice."""

    ONCE = "at the end of the gap; the first time"
    BY_THE_CLOCK = "never; both times"
    QUARTZ = "never; the second time"


def horizon(after: datetime) -> datetime:
    """Return the instant up to which slots are looked for."""
    return datetime(after.year + HORIZON_YEARS, after.month, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def changes(zone: ZoneInfo, *, after: date) -> tuple[datetime, ...]:
    """Return local midnights of the days in the next year that the clock changes on, or just before."""
    midnights = [datetime.combine(after + number * _DAY, time(), tzinfo=zone) for number in range(_YEAR_DAYS)]
    return tuple(one for one, other in pairwise(midnights) if one.utcoffset() != other.utcoffset())


def days(after: datetime, until: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Yield the local days that may hold slots between two instants."""
    day, last = after.astimezone(zone).date() - _DAY, until.astimezone(zone).date()
    while day <= last:
        yield day
        day += _DAY


def instants(
    walls: Iterable[tuple[date, Sequence[timedelta]]],
    zone: ZoneInfo,
    rule: ClockRule,
    *,
    after: datetime,
    until: datetime,
    count: int,
) -> list[datetime]:
    """Return the first instants between two for ascending wall times: days, each with what the clock shows then."""
    found: list[datetime] = []
    for day, times in walls:
        found += [instant for instant in _of_day(day, times, zone, rule) if after < instant <= until]
        if len(found) >= count:
            break
    return found[:count]


def _of_day(day: date, times: Sequence[timedelta], zone: ZoneInfo, rule: ClockRule) -> list[datetime]:
    offset = _offset(day, zone)
    if offset is not None:
        midnight = datetime.combine(day, time(), tzinfo=UTC) - offset
        return [midnight + each for each in times]
    midnight = datetime.combine(day, time())
    return sorted({instant for each in times for instant in _of(midnight + each, zone, rule)})


@lru_cache(maxsize=65_536)
def _offset(day: date, zone: ZoneInfo) -> timedelta | None:
    """Return the offset that a whole day has; None where the clock changes on it."""
    first, last = (datetime.combine(each, time(), tzinfo=zone).utcoffset() for each in (day, day + _DAY))
    return first if first == last else None


def _of(wall: datetime, zone: ZoneInfo, rule: ClockRule) -> list[datetime]:
    first, second = wall.replace(tzinfo=zone), wall.replace(tzinfo=zone, fold=1)
    before, later = first.utcoffset(), second.utcoffset()
    if before is None or later is None or before == later:
        return [first.astimezone(UTC)]
    if before < later:
        return [_end_of_gap(first, later - before)] if rule is ClockRule.ONCE else []
    passes = {
        ClockRule.ONCE: [first],
        ClockRule.BY_THE_CLOCK: [first, second],
        ClockRule.QUARTZ: [second],
    }
    return [each.astimezone(UTC) for each in passes[rule]]


def _end_of_gap(missing: datetime, width: timedelta) -> datetime:
    """Return the instant of the change that leaves a wall time out; it is a whole second."""
    zone = missing.tzinfo
    late = missing.astimezone(UTC)
    early = late - width
    offset = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late
