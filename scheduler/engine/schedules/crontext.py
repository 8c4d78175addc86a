"""What a cron text says once it has been read: the result that the Quartz and the Unix reader share."""

from dataclasses import dataclass

from scheduler.engine.schedules.walltimes import WallTimes


@dataclass(frozen=True, slots=True)
class CronText:
    """The wall times that a text matches, and whether its hour field is open."""

    walls: WallTimes
    is_open: bool
