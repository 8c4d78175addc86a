"""What a task promises of its slots (its `sla`), and whether a slot keeps it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from scheduler.engine.schedules.instants import DAY, HOUR, MINUTE, in_utc, instant_of, seconds_of, written
from scheduler.engine.schedules.wallclock import wall_clock
from scheduler.engine.states import FINAL, Reason, Status, Trigger

BREACHES: Final = "breaches"
# Of a slot that waits for other tasks nobody knows when it will be due.
LOOK_AGAIN: Final = timedelta(minutes=1)

# Somebody wanted these slots not to run.
_EXCUSED: Final = frozenset({Reason.CALENDAR, Reason.PAUSED, Reason.REQUESTED, Reason.DELETED})
_DAYS_LOOKED: Final = 4


class Promise(StrEnum):
    """What is promised of a slot: when it begins, how long an attempt takes, by when it has succeeded."""

    LATENESS = "LATENESS"
    DURATION = "DURATION"
    DEADLINE = "DEADLINE"


_CACHED: Final = 4096


def promised(sla: str, slot: datetime, *, time_zone: str) -> Mapping[str, Any]:
    """Return what a row keeps of its task's `sla`, a JSON text: the same, with the deadline as an instant.

    An edit of the task leaves it as it is. Raises InvalidSchedule where the zone is not known.
    """
    return _promised(sla, seconds_of(in_utc(slot)), slot.microsecond, time_zone)


@lru_cache(maxsize=_CACHED)
def _promised(sla: str, slot: int, microsecond: int, time_zone: str) -> Mapping[str, Any]:
    own: dict[str, Any] = json.loads(sla)
    by_clock = own.get("deadlineAt")
    if by_clock is not None:
        deadline = deadline_after(instant_of(slot) + timedelta(microseconds=microsecond), by_clock, time_zone=time_zone)
        own["deadlineAt"] = written(deadline)
    return own


def deadline_after(slot: datetime, local_time: str, *, time_zone: str) -> datetime:
    """Return the first instant after `slot` at which the clock of a zone shows `local_time`, HH:MM.

    A time that the clock leaves out is the first instant after the gap; of one that it shows twice the first counts.
    """
    hours, minutes = local_time.split(":")
    time_of_day = int(hours) * HOUR + int(minutes) * MINUTE
    clock = wall_clock(time_zone)
    begin = seconds_of(in_utc(slot))
    today = (begin + clock.piece_at(begin).offset) // DAY
    for day in range(today - 1, today + _DAYS_LOOKED):
        wall = day * DAY + time_of_day
        piece = clock.piece_first_showing(wall)
        instant = instant_of(max(wall - piece.offset, piece.start))
        if instant > slot:
            return instant
    raise AssertionError("No zone leaves out so many days.")


def holds_for(trigger: str, cause: str) -> bool:
    """Tell whether a slot has an SLA: what somebody asks for by hand, or runs again, promises nothing."""
    return trigger not in (Trigger.MANUAL, Trigger.BACKFILL) and not cause.startswith(("manual:", "backfill:"))


def is_excused(status: Status, reason: str | None) -> bool:
    """Tell whether a slot is left out because somebody wanted it so."""
    return status is Status.SKIPPED and reason in _EXCUSED


def of_retry(sla: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the next attempt keeps of an attempt's SLA: the same, and nothing broken yet."""
    return {name: value for name, value in sla.items() if name != BREACHES}


@dataclass(frozen=True, slots=True)
class Watched:
    """An attempt under an SLA, and when its slot first succeeded or was first cancelled, whichever attempt did."""

    sla: Mapping[str, Any]
    attempt: int
    trigger: str
    status: Status
    reason: str | None
    due_at: datetime
    start_time: datetime | None
    end_time: datetime | None
    succeeded_at: datetime | None = None
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which promises are broken, since when; and when to look again, None where all is known."""

    broken: Mapping[Promise, datetime] = field(default_factory=lambda: MappingProxyType({}))
    next_look: datetime | None = None


def judge(watched: Watched, *, now: datetime) -> Verdict:
    """Tell what an attempt has broken by `now`; lateness and deadline are its slot's, told of by the first attempt."""
    broken: dict[Promise, datetime] = {}
    looks: list[datetime] = []
    for promise, look in _LOOKS.items():
        limit, is_broken = look(watched, now)
        if limit is not None and is_broken:
            broken[promise] = limit
        elif limit is not None:
            looks.append(limit)
    return Verdict(broken, min(looks, default=None))


_Found = tuple[datetime | None, bool]
_DECIDED: Final[_Found] = (None, False)


def _lateness(watched: Watched, now: datetime) -> _Found:
    seconds = watched.sla.get("maxLatenessSeconds")
    if seconds is None or watched.attempt > 1 or is_excused(watched.status, watched.reason):
        return _DECIDED
    if _is_not_due(watched):
        return now + LOOK_AGAIN, False
    limit = watched.due_at + timedelta(seconds=seconds)
    if watched.start_time is not None:
        return (limit, True) if watched.start_time > limit else _DECIDED
    if _was_cancelled_by(limit, watched.cancelled_at):
        return _DECIDED
    return limit, now >= limit


def _duration(watched: Watched, now: datetime) -> _Found:
    seconds = watched.sla.get("maxDurationSeconds")
    if seconds is None or (watched.start_time is None and watched.status in FINAL):
        return _DECIDED
    longest = timedelta(seconds=seconds)
    if watched.start_time is None:
        return now + max(longest, timedelta(seconds=1)), False
    limit = watched.start_time + longest
    if watched.end_time is not None:
        return (limit, True) if watched.end_time > limit else _DECIDED
    return limit, now >= limit


def _deadline(watched: Watched, now: datetime) -> _Found:
    text = watched.sla.get("deadlineAt")
    if text is None or watched.attempt > 1 or is_excused(watched.status, watched.reason):
        return _DECIDED
    limit = datetime.fromisoformat(text)
    if watched.succeeded_at is not None and watched.succeeded_at <= limit:
        return _DECIDED
    if _was_cancelled_by(limit, watched.cancelled_at):
        return _DECIDED
    return limit, now >= limit


_LOOKS: Final = {Promise.LATENESS: _lateness, Promise.DURATION: _duration, Promise.DEADLINE: _deadline}


def _is_not_due(watched: Watched) -> bool:
    """Tell whether an execution without a slot of its own waits for what makes it due."""
    return (
        watched.trigger == Trigger.DEPENDENCY
        and watched.status is Status.SCHEDULED
        and watched.reason == Reason.DEPENDENCY
    )


def _was_cancelled_by(limit: datetime, cancelled_at: datetime | None) -> bool:
    return cancelled_at is not None and cancelled_at <= limit
