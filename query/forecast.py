"""What the hours to come bring to the queues, as it was last worked out (`scheduler.forecasts`), with its peaks."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection

from query.cache import Cache
from scheduler import forecasts
from scheduler.engine.forecasts import HOUR, peak
from scheduler.models import Forecast as ForecastRow

KEPT_SECONDS: Final = 2.0
DEFAULT_HOURS: Final = 24
MOST_HOURS: Final = 7 * 24
# A peak is so many times the mean hour of its queue; more of either only hide the others.
LEAST_TIMES: Final = 1.5
MOST_PEAKS: Final = 10
MOST_QUEUES: Final = 50
MOST_ROWS: Final = 200_000


@dataclass(slots=True)
class Load:
    """So many slots, of which some have no known duration, and how long the others will take in all."""

    slots: int = 0
    unknown_slots: int = 0
    busy: timedelta = timedelta()

    @property
    def slots_in_words(self) -> str:
        """Say how many slots."""
        return f"{self.slots:,} slot" + ("" if self.slots == 1 else "s")

    def add(self, other: "Load") -> None:
        """Count another load as well."""
        self.slots += other.slots
        self.unknown_slots += other.unknown_slots
        self.busy += other.busy


@dataclass(slots=True)
class Interval:
    """One hour: all that it brings, and what the busiest queues get of it."""

    begin: datetime
    load: Load = field(default_factory=Load)
    queues: dict[str, Load] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        """Where the next one begins."""
        return self.begin + HOUR


@dataclass(frozen=True, slots=True)
class Peak:
    """The busiest hour of a queue, and how many times its mean hour it is."""

    queue: str
    begin: datetime
    load: Load
    times: float

    @property
    def words(self) -> str:
        """Say it in a sentence."""
        day, end = self.begin.astimezone(UTC), (self.begin + HOUR).astimezone(UTC)
        minutes = self.load.busy / timedelta(minutes=1)
        return (
            f"{self.queue} is busiest on {day:%a %d %b} from {day:%H:%M} to {end:%H:%M} UTC: {minutes:,.1f} minutes of"
            f" work in {self.load.slots_in_words}, {self.times:.1f} times its mean hour."
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """The hours from the one that has begun on; `worked_out_at` None where nothing has been worked out yet."""

    at: datetime
    namespace: str | None
    worked_out_at: datetime | None
    begin: datetime
    end: datetime
    intervals: tuple[Interval, ...] = ()
    peaks: tuple[Peak, ...] = ()

    @property
    def load(self) -> Load:
        """All of it."""
        total = Load()
        for interval in self.intervals:
            total.add(interval.load)
        return total


kept: Cache[Forecast] = Cache(KEPT_SECONDS)


def forecast(hours: int, *, namespace: str | None, now: datetime) -> Forecast:
    """Return what so many hours bring, in one namespace or in all, as it was up to two seconds ago."""
    return kept.get((connection.alias, hours, namespace), lambda: _forecast(hours, namespace, now))


def _forecast(hours: int, namespace: str | None, now: datetime) -> Forecast:
    begin = now.replace(minute=0, second=0, microsecond=0)
    end = begin + hours * HOUR
    run = forecasts.current()
    if run is None:
        return Forecast(now, namespace, None, begin, end)
    rows = ForecastRow.objects.filter(
        run_id=run.pk, namespace=namespace or "", hour__gte=begin, hour__lt=end
    ).values_list("queue", "hour", "slots", "unknown_slots", "busy_ms")
    by_queue: dict[str, dict[datetime, Load]] = defaultdict(dict)
    for queue, hour, slots, unknown_slots, busy_ms in rows[:MOST_ROWS]:
        by_queue[queue][hour] = Load(slots, unknown_slots, timedelta(milliseconds=busy_ms))
    return Forecast(
        now, namespace, run.finished_at, begin, end, _intervals(by_queue, begin, hours), _peaks(by_queue, hours)
    )  # fmt: skip


_ByQueue = dict[str, dict[datetime, Load]]


def _intervals(by_queue: _ByQueue, begin: datetime, hours: int) -> tuple[Interval, ...]:
    intervals = {begin + number * HOUR: Interval(begin + number * HOUR) for number in range(hours)}
    shown = sorted(by_queue, key=lambda queue: (-_busy(by_queue[queue]), queue))[:MOST_QUEUES]
    for queue, loads in sorted(by_queue.items()):
        for hour, load in loads.items():
            intervals[hour].load.add(load)
            if queue in shown:
                intervals[hour].queues[queue] = load
    return tuple(intervals.values())


def _peaks(by_queue: _ByQueue, hours: int) -> tuple[Peak, ...]:
    peaks = []
    for queue, loads in by_queue.items():
        busy = {hour: load.busy.total_seconds() for hour, load in loads.items()}
        found = peak(busy, hours=hours, least_times=LEAST_TIMES)
        if found is not None:
            peaks.append(Peak(queue, found[0], loads[found[0]], found[1]))
    return tuple(sorted(peaks, key=lambda one: (-one.load.busy, one.queue))[:MOST_PEAKS])


def _busy(loads: dict[datetime, Load]) -> float:
    return sum(load.busy.total_seconds() for load in loads.values())
