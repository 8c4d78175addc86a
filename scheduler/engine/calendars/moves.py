"""How a calendar carries stretches of instants to the days on which their slots take effect."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final

from scheduler.engine.calendars.calendar import LONGEST_MOVE_DAYS, Calendar
from scheduler.engine.schedules.instants import DAY, TICK, instant_of
from scheduler.engine.schedules.protocol import Schedule
from scheduler.engine.schedules.wallclock import Piece

_CACHED_DAYS: Final = 16_384
_NOTHING: Final = timedelta(0)


class CalendarPolicy(StrEnum):
    """What becomes of a slot on a closed instant."""

    SKIP = "SKIP"
    NEXT_OPEN = "NEXT_OPEN"
    PREVIOUS_OPEN = "PREVIOUS_OPEN"

    @property
    def direction(self) -> int:
        """1 or -1 where slots move, 0 where they stay."""
        return _DIRECTIONS[self]


_DIRECTIONS: Final = {CalendarPolicy.SKIP: 0, CalendarPolicy.NEXT_OPEN: 1, CalendarPolicy.PREVIOUS_OPEN: -1}


@dataclass(frozen=True, slots=True)
class Move:
    """Slots with start <= slot < end take effect on `day`: `shift` later, or all of them at `target`.

    Slots that run nowhere keep their instant, with runs=False.
    """

    start: datetime
    end: datetime
    day: int
    shift: timedelta
    target: datetime | None
    runs: bool

    def first_after(self, schedule: Schedule, instant: datetime) -> datetime | None:
        """Return the least effective instant strictly after an instant."""
        if self.target is not None:
            return self.target if self.target > instant and self._has_slot(schedule) else None
        found = schedule.next_after(max(self.start - TICK, instant - self.shift))
        return None if found is None or found >= self.end else found + self.shift

    def last_at(self, schedule: Schedule, instant: datetime) -> datetime | None:
        """Return the greatest effective instant that is not after an instant."""
        if self.target is not None:
            return self.target if self.target <= instant and self._has_slot(schedule) else None
        found = schedule.latest_at(min(self.end - TICK, instant - self.shift))
        return None if found is None or found < self.start else found + self.shift

    def all_after(self, schedule: Schedule, instant: datetime) -> Iterator[datetime]:
        """Yield every effective instant strictly after an instant, ascending."""
        if self.target is not None:
            return iter([self.target] if self.target > instant and self._has_slot(schedule) else [])
        start = max(self.start, instant + TICK - self.shift)
        return (slot + self.shift for slot in schedule.between(start, self.end))

    def _has_slot(self, schedule: Schedule) -> bool:
        found = schedule.next_after(self.start - TICK)
        return found is not None and found < self.end


@lru_cache(maxsize=_CACHED_DAYS)
def arriving(calendar: Calendar, direction: int, day: int) -> tuple[Move, ...]:
    """Return the moves that take effect on a day."""
    if direction == 0:
        return tuple(move for each in (day, day + 1) for move in _leaving(calendar, 0, each) if move.day == day)
    # A day more at both ends: a clock set back at midnight shows two days in turns.
    first = reach(calendar, day, -1) - 1 if direction > 0 else day - 1
    last = reach(calendar, day, 1) + 1 if direction < 0 else day + 1
    days = range(first, last + 1)
    return tuple(move for each in days for move in _leaving(calendar, direction, each) if move.day == day)


def reach(calendar: Calendar, day: int, direction: int) -> int:
    """Return the nearest open day beyond a day, or the first one that no move gets to."""
    found = calendar.open_day_beyond(day, direction)
    limit = day + direction * (LONGEST_MOVE_DAYS + 1)
    return limit if found is None or abs(found - day) > LONGEST_MOVE_DAYS else found


@lru_cache(maxsize=_CACHED_DAYS)
def _leaving(calendar: Calendar, direction: int, day: int) -> tuple[Move, ...]:
    """Return the moves of the instants at which the clock shows a day."""
    moves: list[Move] = []
    edges = [day * DAY, *_edges(calendar, direction, day), (day + 1) * DAY]
    for piece in _pieces(calendar, day):
        within = [edge for edge in edges if piece.wall_start < edge < piece.wall_end]
        ends = [max(piece.wall_start, edges[0]), *within, min(piece.wall_end, edges[-1])]
        for start, end in pairwise(sorted(set(ends))):
            moves.append(_move(calendar, direction, start - piece.offset, end - piece.offset))
    return _joined(moves)


def _pieces(calendar: Calendar, day: int) -> Iterator[Piece]:
    """Yield the stretches of one offset in which the clock shows a day."""
    piece = calendar.clock.piece_first_showing(day * DAY)
    while piece.wall_start < (day + 1) * DAY:
        yield piece
        if piece.wall_end >= (day + 2) * DAY:
            return
        piece = calendar.clock.piece_at(piece.end)


def _edges(calendar: Calendar, direction: int, day: int) -> list[int]:
    """Return the wall times of a day at which a new move may begin."""
    edges = {day * DAY + time for time in calendar.times.edges}
    if direction and not calendar.days.is_open(day):
        target = reach(calendar, day, direction)
        ahead = (target - day) * DAY
        for piece in _pieces(calendar, target):
            edges |= {piece.wall_start - ahead, piece.wall_end - ahead}
    return sorted(edge for edge in edges if 0 < edge - day * DAY < DAY)


def _move(calendar: Calendar, direction: int, start: int, end: int) -> Move:
    begin, stop = instant_of(start), instant_of(end)
    if direction == 0 or (landing := calendar.landing(start, direction)) is None:
        return Move(begin, stop, day_of(calendar, start), _NOTHING, None, calendar.is_open_second(start))
    day = day_of(calendar, landing.second)
    if landing.keeps:
        return Move(begin, stop, day, timedelta(seconds=landing.second - start), None, runs=True)
    return Move(begin, stop, day, _NOTHING, instant_of(landing.second), runs=True)


def _joined(moves: list[Move]) -> tuple[Move, ...]:
    """Return moves with neighbours that move alike made one."""
    joined: list[Move] = []
    for move in moves:
        last = joined[-1] if joined else None
        if last is not None and last.end == move.start and _kind(last) == _kind(move):
            joined[-1] = Move(last.start, move.end, move.day, move.shift, move.target, move.runs)
        else:
            joined.append(move)
    return tuple(joined)


def _kind(move: Move) -> tuple[object, ...]:
    return move.day, move.shift, move.target, move.runs


def day_of(calendar: Calendar, second: int) -> int:
    """Return the day that the clock shows; where it shows two days in turns, the earlier of the two."""
    day, _ = calendar.wall(second)
    return day - 1 if is_shown_again(calendar, day) else day


def is_shown_again(calendar: Calendar, day: int) -> bool:
    """Return whether the clock, having shown the beginning of a day, goes back to the day before."""
    piece = calendar.clock.piece_first_showing(day * DAY)
    if piece.wall_end > (day + 2) * DAY:
        return False
    following = calendar.clock.piece_at(piece.end)
    return following.wall_start < day * DAY < piece.wall_end


def first_second(calendar: Calendar, day: int) -> int:
    """Return the first instant at which the clock shows a day or a later one."""
    piece = calendar.clock.piece_first_showing(day * DAY)
    return max(day * DAY - piece.offset, piece.start)
