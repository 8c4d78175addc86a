"""The tasks of a drill as it knows them itself: what it registers, and what it later holds the history against."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

TASK_CLASS = "drill.work"
CALENDAR = "drill-closed"
RETRYABLE = ("FAILED", "TIMED_OUT", "LOST")
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Work:
    """What a run does: it takes `seconds`, fails up to the attempt `fails_until`, or goes on beyond its soft limit."""

    seconds: float = 0.05
    fails_until: int = 0
    is_deaf: bool = False

    def data(self) -> dict[str, Any]:
        """Return the task data that the handler takes."""
        return {"seconds": self.seconds, "failsUntil": self.fails_until, "isDeaf": self.is_deaf}


@dataclass(frozen=True, slots=True)
class Definition:
    """One task; one of `cron`, `interval_seconds` and `run_at` says when. Every schedule but `run_at` ends."""

    name: str
    cron: str | None = None
    time_zone: str = "UTC"
    interval_seconds: int | None = None
    is_fixed_delay: bool = False
    run_at: datetime | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter_seconds: int = 0
    calendar_policy: str | None = None
    misfire_policy: str = "FIRE_ONCE"
    grace_seconds: int = 60
    catch_up_limit: int = 100
    overlap_policy: str = "ALLOW"
    timeout_seconds: int = 10
    max_retry_count: int = 2
    retry_on: tuple[str, ...] = RETRYABLE
    retry_delay_seconds: int = 1
    work: Work = field(default_factory=Work)

    @property
    def may_overlap(self) -> bool:
        """Tell whether two executions of it may run at once."""
        return self.overlap_policy == "ALLOW" and not self.is_fixed_delay

    def body(self) -> dict[str, Any]:
        """Return the request that registers it."""
        given: dict[str, Any] = {
            "name": self.name,
            "taskClass": TASK_CLASS,
            "taskData": self.work.data(),
            "cronExpression": self.cron,
            "intervalSeconds": self.interval_seconds,
            "runAt": _written(self.run_at),
            "startAt": _written(self.start_at),
            "endAt": _written(self.end_at),
            "jitterSeconds": self.jitter_seconds,
            "misfirePolicy": self.misfire_policy,
            "misfireGraceSeconds": self.grace_seconds,
            "catchUpLimit": self.catch_up_limit,
            "timeoutSeconds": self.timeout_seconds,
            "maxRetryCount": self.max_retry_count,
            "retryOn": list(self.retry_on),
            "retryPolicy": {"backoff": "FIXED", "delaySeconds": self.retry_delay_seconds},
        }
        if self.cron is not None:
            given["timeZone"] = self.time_zone
        if self.is_fixed_delay:
            given["intervalMode"] = "FIXED_DELAY"
        else:
            given["overlapPolicy"] = self.overlap_policy
        if self.calendar_policy is not None:
            given |= {"calendar": CALENDAR, "calendarPolicy": self.calendar_policy}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Registered:
    """A definition with what the platform has said of it: its id, and the instant from which its slots count."""

    definition: Definition
    task_id: UUID
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """The drill's calendar: stretches of the UTC day, [from, to) in seconds after midnight, that are closed."""

    stretches: tuple[tuple[int, int], ...] = ()

    def rules(self) -> dict[str, Any]:
        """Return the document that the platform keeps."""
        return {
            "timeZone": "UTC",
            "excludedTimes": [{"from": _clock(begin), "to": _clock(end)} for begin, end in self.stretches],
        }


def _written(instant: datetime | None) -> str | None:
    return instant.isoformat().replace("+00:00", "Z") if instant is not None else None


def _clock(second: int) -> str:
    second %= DAY_SECONDS
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
