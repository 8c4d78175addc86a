"""The slots of a schedule under a calendar, after its moves (docs/schedules.md).

Under SKIP a slot on a closed instant stays a slot; under the other policies it takes effect elsewhere, or stays
where the move would be longer than 31 days. What stays on a closed instant does not run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Final

from scheduler.engine.calendars.calendar import HIGH, LONGEST_MOVE_DAYS, LOW, Calendar
from scheduler.engine.calendars.moves import (
    CalendarPolicy,
    Move,
    arriving,
    day_of,
    first_second,
    is_shown_again,
    reach,
)
from scheduler.engine.schedules.gaps import least_gap, least_gap_one_by_one
from scheduler.engine.schedules.instants import DAY, TICK, instant_of, seconds_of
from scheduler.engine.schedules.protocol import Schedule

# Days on which the schedule has slots and none of them runs, one after another, before the search gives up: four
# years of a daily schedule. Closed days are jumped over and not counted.
MAX_LOOKS: Final = 1500

# What a comparison of neighbours draws: where a month of slots moves to one day, each of that day is met 32 times.
MAX_DRAWN: Final = 200_000

_BEGINNING: Final = instant_of(LOW)
_END: Final = instant_of(HIGH)


def with_calendar(schedule: Schedule, calendar: Calendar, policy: CalendarPolicy | str) -> Schedule:
    """Return every slot of a task: those that run, and those that its calendar keeps from running.

    `calendar.is_open(slot)` tells which is which. Cut to a window afterwards: startAt and endAt are about slots.
    """
    chosen = CalendarPolicy(policy)
    return schedule if chosen is CalendarPolicy.SKIP else CalendarSchedule(schedule, calendar, chosen, runs_only=False)


def running_slots(schedule: Schedule, calendar: Calendar, policy: CalendarPolicy | str) -> Schedule:
    """Return the slots of a task that run: what previews, forecasts and nextExecutionTime show.

    After 1,500 days on which slots fall and none of them runs, and beyond 2199, there is none.
    """
    return CalendarSchedule(schedule, calendar, CalendarPolicy(policy), runs_only=True)


@dataclass(frozen=True, slots=True)
class CalendarSchedule:
    """Slots of a schedule where a calendar lets them take effect; exact, day by day of the calendar's clock."""

    schedule: Schedule
    calendar: Calendar
    policy: CalendarPolicy
    runs_only: bool

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the least slot strictly after an instant, or None."""
        if self.policy is CalendarPolicy.SKIP:
            found = self.schedule.next_after(instant)
            if found is None or self.calendar.is_open(found):
                return found
        instant = _in_reach(instant)
        for day in self._days(instant, 1):
            first = [move.first_after(self.schedule, instant) for move in self._moves(day)]
            if slots := [slot for slot in first if slot is not None]:
                return min(slots)
        return None

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that is not after an instant, or None."""
        if self.policy is CalendarPolicy.SKIP:
            found = self.schedule.latest_at(instant)
            if found is None or self.calendar.is_open(found):
                return found
        instant = _in_reach(instant)
        for day in self._days(instant, -1):
            last = [move.last_at(self.schedule, instant) for move in self._moves(day)]
            if slots := [slot for slot in last if slot is not None]:
                return max(slots)
        return None

    def between(self, start: datetime, end: datetime, *, limit: int | None = None) -> Iterator[datetime]:
        """Yield the slots with start <= slot < end, ascending, at most `limit` of them."""
        return islice(_each_once(self.drawn(start, end)), limit)

    def drawn(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the slots with start <= slot < end, those that move to one instant one after another."""
        start, end = _in_reach(start), _in_reach(end)
        looks = 0
        for day in self._days(start, 1, endless=True):
            if looks > MAX_LOOKS or instant_of(first_second(self.calendar, day)) >= end:
                return
            streams = [move.all_after(self.schedule, start - TICK) for move in self._moves(day)]
            for slot in streams[0] if len(streams) == 1 else merge(*streams):
                if slot >= end:
                    return
                yield slot
                looks = 0
            looks += 1

    def _moves(self, day: int) -> list[Move]:
        moves = arriving(self.calendar, self.policy.direction, day)
        return [move for move in moves if move.runs] if self.runs_only else list(moves)

    # A walk visits, in order, the days on which slots may take effect; a step is 1 or -1.

    def _days(self, instant: datetime, step: int, *, endless: bool = False) -> Iterator[int]:
        day: int | None = day_of(self.calendar, seconds_of(instant))
        looks = 0
        while day is not None and (endless or looks < MAX_LOOKS):
            yield day
            day = self._following(day, step)
            looks += 1

    def _following(self, day: int, step: int) -> int | None:
        """Return the next day on which a slot may take effect, or None after the last one."""
        direction = self.policy.direction
        source = reach(self.calendar, day + step, -step) if direction == step else day + step
        slot = self._slot_from(source, step)
        if slot is None:
            return None
        target = day_of(self.calendar, seconds_of(_in_reach(slot)))
        if direction == -step:
            target = reach(self.calendar, target, -step)
        following = max(day + step, target) if step > 0 else min(day + step, target)
        return self._settled(following, step)

    def _slot_from(self, day: int, step: int) -> datetime | None:
        """Return the first slot of the schedule on or beyond a day."""
        if step > 0:
            return self.schedule.next_after(instant_of(first_second(self.calendar, day)) - TICK)
        # Two days on, for the clock may show two days in turns.
        return self.schedule.latest_at(instant_of(first_second(self.calendar, day + 2)))

    def _settled(self, day: int, step: int) -> int | None:
        """Return the first day from a day on that has room for slots: an open one, or one whose slots stay."""
        calendar = self.calendar
        if not LOW // DAY <= day <= HIGH // DAY:
            return None
        if calendar.times.first is None:
            return None if self.runs_only else day
        if calendar.days.is_open(day) or is_shown_again(calendar, day + 1):
            return day
        beyond = calendar.open_day_beyond(day, step)
        if not self.runs_only:
            stays = self._first_staying(day, step)
            beyond = stays if beyond is None else min(stays, beyond, key=lambda each: each * step)
        if beyond is None or beyond == day or not is_shown_again(calendar, beyond):
            return beyond
        return beyond - 1

    def _first_staying(self, day: int, step: int) -> int:
        """Return the first day from a closed day on that is too far from the open day its slots would move to."""
        direction = self.policy.direction
        target = reach(self.calendar, day, direction)
        if abs(target - day) > LONGEST_MOVE_DAYS:
            return day
        # Walking towards the target the distance shrinks, and no day of this closure is too far any more.
        return target + step * (LONGEST_MOVE_DAYS + 1) if step != direction else target


def _each_once(drawn: Iterator[datetime]) -> Iterator[datetime]:
    previous = _BEGINNING - TICK
    for slot in drawn:
        if slot > previous:
            yield slot
            previous = slot


def _in_reach(instant: datetime) -> datetime:
    return min(max(instant, _BEGINNING), _END)


@least_gap.register
def _least_gap(schedule: CalendarSchedule, start: datetime, end: datetime) -> timedelta | None:
    """Return the gap of all slots, for under SKIP they stay where they are; moved ones are compared one by one."""
    if schedule.policy is CalendarPolicy.SKIP:
        return least_gap(schedule.schedule, start, end)
    return least_gap_one_by_one(_each_once(islice(schedule.drawn(start, end), MAX_DRAWN)))
