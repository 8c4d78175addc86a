"""A calendar in a time zone: which instants are open, and where a slot moves that falls on a closed one."""

from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from scheduler.engine.calendars.document import read_calendar
from scheduler.engine.calendars.opentimes import OpenDays, open_times
from scheduler.engine.calendars.rules import CalendarRules
from scheduler.engine.schedules.fields import FIRST_YEAR, LAST_YEAR
from scheduler.engine.schedules.instants import DAY, instant_of, seconds_of
from scheduler.engine.schedules.wallclock import wall_clock

LONGEST_MOVE_DAYS: Final = 31
_CACHED_CALENDARS: Final = 1024

# Slots reach from 1970 to 2199; an instant beyond is taken for the nearest of these.
LOW: Final = seconds_of(datetime.fromisoformat(f"{FIRST_YEAR}-01-01T00:00:00Z")) - 2 * DAY
HIGH: Final = seconds_of(datetime.fromisoformat(f"{LAST_YEAR + 1}-01-01T00:00:00Z")) + 2 * DAY


class Landing(NamedTuple):
    """Where a second moves; `keeps` says that it kept its time of day, so that its neighbours move alike."""

    second: int
    keeps: bool


class Calendar:
    """What some rules leave open on the clock of a zone; immutable, so it may be shared and cached.

    An instant is open when no rule excludes the date and the time of day that the clock shows then; in a
    repeated hour both passes are alike.
    """

    __slots__ = ("_hash", "clock", "days", "rules", "time_zone", "times")

    def __init__(self, rules: CalendarRules, time_zone: str) -> None:
        """Take the zone of the task; a zone of the calendar's own comes first. Raises InvalidSchedule."""
        self.rules = rules
        self.time_zone = rules.time_zone or time_zone
        self.clock = wall_clock(self.time_zone)
        self.days = OpenDays(rules)
        self.times = open_times(rules)
        self._hash = hash((rules, self.time_zone))

    def __repr__(self) -> str:
        return f"Calendar({self.rules!r}, {self.time_zone!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Calendar):
            return NotImplemented
        return self is other or (self.rules, self.time_zone) == (other.rules, other.time_zone)

    def __hash__(self) -> int:
        return self._hash

    def is_open(self, instant: datetime) -> bool:
        """Return whether a slot at an instant runs."""
        return self.is_open_second(_second(instant))

    def closed_because(self, instant: datetime) -> str | None:
        """Return in words which rule excludes an instant, or None if it is open."""
        day, time = self.wall(_second(instant))
        by_day = self.days.closed_because(day)
        return by_day if by_day or self.times.are_open(time) else "this time of day is excluded"

    def next_open(self, instant: datetime) -> datetime | None:
        """Return where NEXT_OPEN moves a slot: to itself if it is open.

        On a closed day it keeps its time of day and moves to the next open day; where that time is closed too, to
        the next open instant. None if the move would be longer than 31 days.
        """
        return self._landing(instant, 1)

    def previous_open(self, instant: datetime) -> datetime | None:
        """Return where PREVIOUS_OPEN moves a slot: as NEXT_OPEN does, backwards, to a last open second."""
        return self._landing(instant, -1)

    def _landing(self, instant: datetime, direction: int) -> datetime | None:
        second = _second(instant)
        landing = self.landing(second, direction)
        if landing is None:
            return None
        if landing.keeps:
            return instant_of(landing.second) + (instant - instant_of(second))
        return instant_of(landing.second)

    # Below, instants are whole seconds since 1970, and a direction is 1 (NEXT_OPEN) or -1 (PREVIOUS_OPEN).

    def wall(self, second: int) -> tuple[int, int]:
        """Return the day and the time of day that the clock shows."""
        return divmod(second + self.clock.piece_at(second).offset, DAY)

    def is_open_second(self, second: int) -> bool:
        """Return whether an instant is open."""
        day, time = self.wall(second)
        return self.times.are_open(time) and self.days.is_open(day)

    def landing(self, second: int, direction: int) -> Landing | None:
        """Return where a second moves, or None if that is nowhere within 31 days."""
        if self.is_open_second(second):
            return Landing(second, keeps=True)
        day, time = self.wall(second)
        target = None if self.days.is_open(day) else self.open_day_beyond(day, direction)
        if target is not None and abs(target - day) <= LONGEST_MOVE_DAYS:
            kept = self._shown_first(target * DAY + time)
            if self.is_open_second(kept.second):
                return kept
        edge = self._opening(second) if direction > 0 else self._closing(second)
        if edge is None or abs(self.wall(edge)[0] - day) > LONGEST_MOVE_DAYS:
            return None
        return Landing(edge, keeps=False)

    def open_day_beyond(self, day: int, direction: int) -> int | None:
        """Return the nearest open day after or before a day; a day that the zone's clock skipped is none."""
        found = self.days.beyond(day, direction)
        while found is not None and self.clock.piece_first_showing(found * DAY).wall_start >= (found + 1) * DAY:
            found = self.days.beyond(found, direction)
        return found

    def _shown_first(self, wall: int) -> Landing:
        """Return when the clock first shows a wall time or, if it never does, the first instant after the gap."""
        piece = self.clock.piece_first_showing(wall)
        second = wall - piece.offset
        return Landing(max(second, piece.start), keeps=second >= piece.start)

    def _opening(self, second: int) -> int | None:
        """Return the least open second from a second on."""
        end = second + (LONGEST_MOVE_DAYS + 2) * DAY
        while second < end:
            piece = self.clock.piece_at(second)
            wall = self._open_wall_from(second + piece.offset)
            if wall is not None and wall < piece.wall_end:
                return wall - piece.offset
            second = piece.end
        return None

    def _closing(self, second: int) -> int | None:
        """Return the greatest open second up to a second."""
        end = second - (LONGEST_MOVE_DAYS + 2) * DAY
        while second > end:
            piece = self.clock.piece_at(second)
            wall = self._open_wall_to(second + piece.offset)
            if wall is not None and wall >= piece.wall_start:
                return wall - piece.offset
            second = piece.start - 1
        return None

    def _open_wall_from(self, wall: int) -> int | None:
        day, time = divmod(wall, DAY)
        same_day = self.times.first_from(time) if self.days.is_open(day) else None
        if same_day is not None:
            return day * DAY + same_day
        following = self.days.beyond(day, 1)
        return None if following is None or self.times.first is None else following * DAY + self.times.first

    def _open_wall_to(self, wall: int) -> int | None:
        day, time = divmod(wall, DAY)
        same_day = self.times.last_to(time) if self.days.is_open(day) else None
        if same_day is not None:
            return day * DAY + same_day
        before = self.days.beyond(day, -1)
        return None if before is None or self.times.last is None else before * DAY + self.times.last


def build_calendar(document: object, time_zone: str) -> Calendar:
    """Return the calendar of a rule document for a task in a zone.

    Raises InvalidCalendar for the document and InvalidSchedule for the task's timeZone.
    """
    return calendar_of(read_calendar(document), time_zone)


@lru_cache(maxsize=_CACHED_CALENDARS)
def calendar_of(rules: CalendarRules, time_zone: str) -> Calendar:
    """Return the calendar of some rules for a task in a zone; equal arguments share one object."""
    return Calendar(rules, time_zone)


def _second(instant: datetime) -> int:
    return min(max(seconds_of(instant), LOW), HIGH)
