"""Which clock change explains that a schedule with fixed hours has a slot at an instant, or none."""

from datetime import datetime

from scheduler.engine.schedules.cautions import Caution, layers, time_words, wall_words
from scheduler.engine.schedules.cron import CronSchedule
from scheduler.engine.schedules.instants import instant_of, seconds_of
from scheduler.engine.schedules.protocol import Schedule


def clock_change_at(schedule: Schedule, instant: datetime) -> Caution | None:
    """Return what a change of the clock does to an instant, None where it does nothing; `at` is the slot that fires.

    An instant in the hour after a gap also stands for the local time that it would have had without the change.
    Codes: missing_local_time, repeated_local_time.
    """
    cron = next((layer for layer in layers(schedule) if isinstance(layer, CronSchedule)), None)
    if cron is None or cron.is_open or instant.microsecond:
        return None
    return _missing(cron, seconds_of(instant)) or _repeated(cron, seconds_of(instant))


def _missing(cron: CronSchedule, second: int) -> Caution | None:
    after = cron.clock.piece_at(second)
    before = cron.clock.piece_at(after.start - 1)
    gap = after.wall_start - before.wall_end
    if second >= after.start + gap:
        return None
    wall = cron.walls.first_from(before.wall_end) if second == after.start else second + before.offset
    if wall is None or wall >= after.wall_start or not _matches(cron, wall):
        return None
    return Caution(
        "missing_local_time",
        f"{wall_words(wall)} does not exist in {cron.time_zone}: the clock is set forward. "
        f"The slot fires at {time_words(after.wall_start)}.",
        instant_of(after.start),
    )


def _repeated(cron: CronSchedule, second: int) -> Caution | None:
    piece = cron.clock.piece_at(second)
    wall = second + piece.offset
    following = cron.clock.piece_at(piece.end)
    is_shown_twice = wall < piece.shown or wall >= following.wall_start
    if not is_shown_twice or not _matches(cron, wall):
        return None
    return Caution(
        "repeated_local_time",
        f"{wall_words(wall)} comes twice in {cron.time_zone}: the clock is set back. "
        "The slot fires the first time only.",
        instant_of(wall - cron.clock.piece_first_showing(wall).offset),
    )


def _matches(cron: CronSchedule, wall: int) -> bool:
    return cron.walls.first_from(wall) == wall
