"""What became of a population's slots, drawn by seed: rhythms of day and week, drifts, failures in clusters."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from bench.population import EVERY_MINUTES, HOUR_MINUTES, Member
from scheduler.engine.identity import execution_id, slot_cause

HOUR: Final = timedelta(hours=1)
SATURDAY: Final = 5

# In the order in which they are copied.
COLUMNS: Final = (
    "id", "task_id", "cause", "attempt", "trigger", "status", "scheduled_for", "due_at", "namespace", "queue",
    "priority", "timeout_seconds", "revision", "reason", "queued_at", "published_at", "publish_count", "start_time",
    "end_time", "execution_time_ms", "node_id", "fence", "error_message",
)  # fmt: skip

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Incident:
    """A while in which most executions of a queue fail."""

    queue: str
    begin: datetime
    end: datetime


class Past:
    """The executions of the hours before `now`; those of the last minutes are still open."""

    def __init__(self, population: Sequence[Member], *, now: datetime, days: float, seed: int) -> None:
        self.now = now
        self.begin = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
        self._seed = seed
        self._hourly = [one for one in population if one.kind in ("hourly", "frequent")]
        self._by_hour: dict[int, list[Member]] = defaultdict(list)
        for one in population:
            if one.kind in ("daily", "weekly"):
                self._by_hour[one.hour].append(one)
        self.incidents = list(self._incidents())

    def hours(self) -> Iterator[tuple[datetime, list[Row]]]:
        """Yield hour by hour the rows of its slots, in the order of their ids; a retry is a row behind its slot's."""
        hour = self.begin
        while hour < self.now:
            random = Random(f"{self._seed} {hour}")  # noqa: S311 - the same in every run
            rows = [
                row
                for member, slot in self._slots(hour)
                if slot <= self.now
                for row in self._attempts(member, slot, random)
            ]
            rows.sort(key=lambda row: str(row[0]))
            yield hour, rows
            hour += HOUR

    def _slots(self, hour: datetime) -> Iterator[tuple[Member, datetime]]:
        for member in self._hourly:
            minutes = (
                range(member.minute % EVERY_MINUTES, HOUR_MINUTES, EVERY_MINUTES)
                if member.kind == "frequent"
                else (member.minute,)
            )
            for minute in minutes:
                yield member, hour + timedelta(minutes=minute, seconds=member.second)
        for member in self._by_hour[hour.hour]:
            if self._fires_on(member, hour.weekday()):
                yield member, hour + timedelta(minutes=member.minute, seconds=member.second)

    def _fires_on(self, member: Member, weekday: int) -> bool:
        if member.kind == "weekly":
            return weekday == member.weekday
        return not (member.rests_at_weekends and weekday >= SATURDAY)

    def _attempts(self, member: Member, slot: datetime, random: Random) -> Iterator[Row]:
        queued_at = slot + timedelta(milliseconds=20 + random.expovariate(1 / 60))
        for attempt in (1, 2, 3):
            status, reason = self._outcome(member, slot, random)
            row, ended_at = self._row(member, slot, attempt, status, reason, queued_at, random)
            yield row
            if status not in ("FAILED", "TIMED_OUT", "LOST"):
                return
            queued_at = ended_at + timedelta(seconds=10 * 2 ** (attempt - 1))

    def _outcome(self, member: Member, slot: datetime, random: Random) -> tuple[str, str | None]:
        drawn = random.random()
        if slot > self.now - timedelta(minutes=2):
            return ("RUNNING", None) if drawn < 0.5 else ("QUEUED", None)
        if any(one.queue == member.queue and one.begin <= slot < one.end for one in self.incidents) and drawn < 0.6:
            return "FAILED", None
        for status, below in (("FAILED", 0.005), ("TIMED_OUT", 0.006), ("LOST", 0.0063), ("CANCELLED", 0.007)):
            if drawn < below:
                return status, None
        return ("SKIPPED", "overlap") if drawn < 0.015 else ("SUCCESS", None)

    def _row(
        self, member: Member, slot: datetime, attempt: int, status: str, reason: str | None, queued_at: datetime,
        random: Random,
    ) -> tuple[Row, datetime]:  # fmt: skip
        cause = slot_cause(slot)
        is_run = status not in ("SKIPPED", "QUEUED")
        started_at = queued_at + timedelta(milliseconds=5 + random.expovariate(1 / 150)) if is_run else None
        took_ms = max(int(random.lognormvariate(0, 0.4) * self._median(member, slot)), 1)
        ended_at = (started_at or queued_at) + timedelta(milliseconds=took_ms)
        is_over = status not in ("QUEUED", "RUNNING")
        row: Row = (
            execution_id(member.id, cause=cause, at=slot, attempt=attempt), member.id, cause, attempt,
            "SCHEDULE" if attempt == 1 else "RETRY", status, slot, slot, member.namespace, member.queue,
            member.priority, 3600, 1, reason, queued_at if status != "SKIPPED" else None,
            queued_at if status != "SKIPPED" else None, int(status != "SKIPPED"), started_at,
            (ended_at if is_run else queued_at) if is_over else None, took_ms if is_run and is_over else None,
            f"worker-{random.randrange(20):02}" if is_run else None, random.getrandbits(40) if is_run else None,
            "ConnectionError: the service does not answer" if status == "FAILED" else None,
        )  # fmt: skip
        return row, ended_at

    def _median(self, member: Member, slot: datetime) -> float:
        return member.median_ms * float((1 + member.drift) ** ((slot - self.begin) / timedelta(days=1)))

    def _incidents(self) -> Iterator[Incident]:
        """Yield one in three days for some queue, 20 to 90 minutes long."""
        random = Random(f"incidents {self._seed}")  # noqa: S311 - the same in every run
        queues = sorted({one.queue for members in (self._hourly, *self._by_hour.values()) for one in members})
        at = self.begin
        while queues and at < self.now:
            at += timedelta(days=random.expovariate(1 / 3))
            yield Incident(random.choice(queues), at, at + timedelta(minutes=random.uniform(20, 90)))
