"""The least gap between neighbouring slots: jitter must be shorter."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import singledispatch
from itertools import islice, pairwise
from typing import Final

from scheduler.engine.schedules.cron import CronSchedule
from scheduler.engine.schedules.instants import DAY, HOUR, MINUTE, TICK, instant_of, seconds_up_to
from scheduler.engine.schedules.protocol import Schedule
from scheduler.engine.schedules.simple import IntervalSchedule, NeverSchedule, OneTimeSchedule
from scheduler.engine.schedules.wallclock import Piece, WallClock
from scheduler.engine.schedules.walltimes import TimesOfDay, WallTimes
from scheduler.engine.schedules.window import Window

# A schedule without a structure to use is compared slot by slot: a year of one that fires every five minutes.
MAX_SLOTS: Final = 120_000

Gap = timedelta | None


@singledispatch
def least_gap(schedule: Schedule, start: datetime, end: datetime) -> Gap:
    """Return the least time between two neighbouring slots with start <= slot < end, or None for fewer than two.

    Exact for cron, interval and one-time schedules and their windows, however often they fire. Of any other
    schedule the first 120,000 slots are compared, until a gap is not longer than a second.
    """
    return least_gap_one_by_one(schedule.between(start, end))


def least_gap_one_by_one(slots: Iterator[datetime]) -> Gap:
    """Return the least gap among the first 120,000 slots, or a gap of up to a second once it is met."""
    return _least_among(islice(slots, MAX_SLOTS), floor=timedelta(seconds=1))


@least_gap.register
def _never(schedule: NeverSchedule, start: datetime, end: datetime) -> Gap:
    return None


@least_gap.register
def _once(schedule: OneTimeSchedule, start: datetime, end: datetime) -> Gap:
    return None


@least_gap.register
def _interval(schedule: IntervalSchedule, start: datetime, end: datetime) -> Gap:
    return _least_among(schedule.between(start, end, limit=2))


@least_gap.register
def _window(schedule: Window, start: datetime, end: datetime) -> Gap:
    start = start if schedule.start_at is None else max(start, schedule.start_at)
    end = end if schedule.end_at is None else min(end, schedule.end_at)
    return least_gap(schedule.schedule, start, end) if start < end else None


@least_gap.register
def _cron(schedule: CronSchedule, start: datetime, end: datetime) -> Gap:
    """Compare wall times where the clock runs evenly, and the slots themselves where it changes."""
    pieces = list(_pieces(schedule.clock, seconds_up_to(start), seconds_up_to(end)))
    found = [_gap_around(schedule, piece.start, start, end) for piece in pieces[1:]]
    for piece in pieces:
        shown_from = piece.wall_start if schedule.is_open else max(piece.wall_start, piece.shown)
        first = max(shown_from, seconds_up_to(start) + piece.offset)
        stop = min(piece.wall_end, seconds_up_to(end) + piece.offset)
        found.append(_of_seconds(_least_wall_gap(schedule.walls, first, stop)))
    return min((gap for gap in found if gap is not None), default=None)


def _pieces(clock: WallClock, start: int, end: int) -> Iterator[Piece]:
    while start < end:
        piece = clock.piece_at(start)
        yield piece
        start = piece.end


def _gap_around(schedule: CronSchedule, change: int, start: datetime, end: datetime) -> Gap:
    """Compare the last slot before a change of the clock, the first one from there on, and the one after."""
    instant = instant_of(change)
    before = schedule.latest_at(instant - TICK)
    begin = instant if before is None else max(before, start)
    return _least_among(schedule.between(begin, end, limit=3))


def _least_wall_gap(walls: WallTimes, start: int, stop: int) -> int | None:
    """Return the least distance between wall times with start <= wall < stop, in seconds."""
    usual = _gap_of_times(walls.times)
    floor = min(usual or DAY, DAY - walls.times.last + walls.times.first)
    least, previous = None, None
    cut: list[int] = []
    for day in walls.dates.between(start // DAY, -(-stop // DAY)):
        first, last = walls.first_from(max(start, day * DAY)), walls.last_to(min(stop, (day + 1) * DAY) - 1)
        if first is None or last is None or last < first:
            continue
        is_whole = start <= day * DAY and (day + 1) * DAY <= stop
        if not is_whole:
            cut.append(day)
        least = _least(least, usual if is_whole else None, None if previous is None else first - previous)
        if least is not None and least <= floor:
            return least
        previous = last
    for day in cut:
        times = walls.between(max(start, day * DAY), min(stop, (day + 1) * DAY))
        least = _least(least, *(later - earlier for earlier, later in pairwise(times)))
    return least


def _gap_of_times(times: TimesOfDay) -> int | None:
    """Return the least distance between two times of one day, in seconds."""
    within_minute = times.seconds[-1] - times.seconds[0]
    within_hour = (times.minutes[-1] - times.minutes[0]) * MINUTE + within_minute
    return _least(
        *(later - earlier for earlier, later in pairwise(times.seconds)),
        *((later - earlier) * MINUTE - within_minute for earlier, later in pairwise(times.minutes)),
        *((later - earlier) * HOUR - within_hour for earlier, later in pairwise(times.hours)),
    )


def _least(*gaps: int | None) -> int | None:
    return min((gap for gap in gaps if gap is not None), default=None)


def _of_seconds(gap: int | None) -> Gap:
    return None if gap is None else timedelta(seconds=gap)


def _least_among(slots: Iterator[datetime], floor: timedelta = TICK) -> Gap:
    least: Gap = None
    for earlier, later in pairwise(slots):
        gap = later - earlier
        if least is None or gap < least:
            least = gap
            if least <= floor:
                break
    return least
