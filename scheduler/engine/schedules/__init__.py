"""Schedules: rules that yield slots, free of database, clock and network (docs/schedules.md)."""

from scheduler.engine.schedules.cautions import Caution, cautions
from scheduler.engine.schedules.clockchanges import clock_change_at
from scheduler.engine.schedules.cron import MAX_LENGTH, CronSchedule, parse_cron, require_cron
from scheduler.engine.schedules.errors import InvalidSchedule
from scheduler.engine.schedules.gaps import least_gap
from scheduler.engine.schedules.protocol import Schedule, require_slot_after
from scheduler.engine.schedules.simple import (
    MAX_INTERVAL_SECONDS,
    IntervalSchedule,
    NeverSchedule,
    OneTimeSchedule,
)
from scheduler.engine.schedules.wallclock import require_zone
from scheduler.engine.schedules.window import bounded
from scheduler.engine.schedules.words import describe, describe_fixed_delay, duration_words, window_words

__all__ = [
    "MAX_INTERVAL_SECONDS",
    "MAX_LENGTH",
    "Caution",
    "CronSchedule",
    "IntervalSchedule",
    "InvalidSchedule",
    "NeverSchedule",
    "OneTimeSchedule",
    "Schedule",
    "bounded",
    "cautions",
    "clock_change_at",
    "describe",
    "describe_fixed_delay",
    "duration_words",
    "least_gap",
    "parse_cron",
    "require_cron",
    "require_slot_after",
    "require_zone",
    "window_words",
]
