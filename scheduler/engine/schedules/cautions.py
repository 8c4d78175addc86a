"""What somebody should know about a schedule before trusting it: clock changes, no further slot, a crowded minute."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from scheduler.engine.schedules.cron import CronSchedule
from scheduler.engine.schedules.errors import InvalidSchedule
from scheduler.engine.schedules.instants import DAY, HOUR, MINUTE, TICK, instant_of, seconds_of
from scheduler.engine.schedules.protocol import Schedule, require_slot_after
from scheduler.engine.schedules.simple import NeverSchedule
from scheduler.engine.schedules.wallclock import Piece

COMING: Final = timedelta(days=366)
_CLOSED: Final = "Its calendar is closed at every slot that is left; change the schedule, calendar or calendarPolicy."


@dataclass(frozen=True, slots=True)
class Caution:
    """One warning; `at` is the slot it is about, if it is about one.

    Codes here: never_fires, missing_local_time, repeated_local_time, crowded_minute.
    """

    code: str
    message: str
    at: datetime | None = None


def cautions(schedule: Schedule, now: datetime, *, jitter_seconds: int = 0) -> list[Caution]:
    """Return the warnings for a schedule, looking a year ahead of `now`; a task without a schedule has none."""
    if isinstance(schedule, NeverSchedule):
        return []
    try:
        require_slot_after(schedule, now)
    except InvalidSchedule as refused:
        return [Caution("never_fires", _CLOSED if _is_closed_always(schedule, now) else refused.message)]
    cron = next((layer for layer in layers(schedule) if isinstance(layer, CronSchedule)), None)
    if cron is None:
        return []
    found = [] if cron.is_open else list(_at_clock_changes(schedule, cron, now))
    return [*found, *([] if jitter_seconds else _crowded(cron))]


def layers(schedule: Schedule) -> Iterator[Any]:
    """Yield a schedule and what is inside it: a window and a calendar hold another `schedule`."""
    inner: Any = schedule
    while inner is not None:
        yield inner
        inner = getattr(inner, "schedule", None)


def _is_closed_always(schedule: Schedule, now: datetime) -> bool:
    """Return whether slots are left that a calendar keeps from running."""
    under_calendar = [layer for layer in layers(schedule) if hasattr(layer, "calendar")]
    return any(layer.next_after(now) is None and layer.schedule.next_after(now) is not None for layer in under_calendar)


def _at_clock_changes(schedule: Schedule, cron: CronSchedule, now: datetime) -> Iterator[Caution]:
    """Yield a warning for each coming change that meets a slot; an open schedule keeps its rhythm and has none."""
    for before, after in _changes(cron, now):
        missing = cron.walls.first_from(before.wall_end)
        if missing is not None and missing < after.wall_start and _has(schedule, after.start):
            yield Caution(
                "missing_local_time",
                f"{wall_words(missing)} does not exist in {cron.time_zone}: the clock is set forward. "
                f"The slot fires at {time_words(after.wall_start)}.",
                instant_of(after.start),
            )
        repeated = cron.walls.first_from(max(after.wall_start, before.wall_start))
        if repeated is not None and repeated < before.wall_end and _has(schedule, repeated - before.offset):
            yield Caution(
                "repeated_local_time",
                f"{wall_words(repeated)} comes twice in {cron.time_zone}: the clock is set back. "
                "The slot fires the first time only.",
                instant_of(repeated - before.offset),
            )


def _changes(cron: CronSchedule, now: datetime) -> Iterator[tuple[Piece, Piece]]:
    end = seconds_of(now + COMING)
    piece = cron.clock.piece_at(seconds_of(now))
    while piece.end < end:
        following = cron.clock.piece_at(piece.end)
        if piece.offset != following.offset:  # a piece may also end where the clock goes on evenly
            yield piece, following
        piece = following


def _has(schedule: Schedule, second: int) -> bool:
    """Return whether a slot of the cron text is left after window and calendar."""
    slot = instant_of(second)
    return schedule.next_after(slot - TICK) == slot


def _crowded(cron: CronSchedule) -> list[Caution]:
    times = cron.walls.times
    if times.minutes != (0,) or times.seconds[0] != 0:
        return []
    message = "Many tasks fire at the full hour; choose another minute or set flexSeconds, unless it must be then."
    return [Caution("crowded_minute", message)]


def wall_words(wall: int) -> str:
    return f"{time_words(wall)} on {instant_of(wall):%Y-%m-%d}"


def time_words(wall: int) -> str:
    time = wall % DAY
    seconds = f":{time % MINUTE:02d}" if time % MINUTE else ""
    return f"{time // HOUR:02d}:{time % HOUR // MINUTE:02d}{seconds}"
