"""Works out in the background what the hours to come bring to the queues: slots times expected duration.

A run walks over all tasks by id, a page a transaction with its place, so that a crash counts none twice; one process
at a time. Readers see the last run that was finished. What a call may cost is bounded: a million tasks take many.
"""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from scheduler import clock, schedules
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.flex import LEAST_MS, UNKNOWN_MS, DayLoadSum
from scheduler.engine.forecasts import DAY, HOUR, DaySlots, schedule_by_hour, slots_by_hour, slots_of_day, spread
from scheduler.engine.schedules import InvalidSchedule
from scheduler.engine.states import TaskStatus
from scheduler.models import ForecastRun, Task

# A reader is shown seven days; a run that takes a day still knows them.
HOURS: Final = 8 * 24
AGAIN_AFTER: Final = timedelta(minutes=5)
PAGE: Final = 1_000
# A call ends after so many pages, or the page in which its time is up: others wait for the queue too.
PAGES_AT_ONCE: Final = 20
LONGEST_SECONDS: Final = 10.0
FORGET_BATCH: Final = 10_000
CACHED_HOURS: Final = 5_000
CACHED_DAYS: Final = 5_000

# Any number that no other advisory lock of the project has.
ADVISORY_KEY: Final = 0x5C4ED007

# Slots of a day, their queue, how long after them they may be due, whether the load decides when.
_Herd = tuple[int, str, int, bool]
Load = tuple[int, int, float]
_Loads = dict[tuple[str, str, datetime], Load]
_NOTHING: Final[Load] = (0, 0, 0.0)
_NO_MINUTES: Final = array("H")

# A mean, for what is to be known is a sum; of the last hours in which it ran, however often that was.
_EXPECTED = """
SELECT t.id, sum(r.duration_sum_ms)::float / sum(r.ran)
FROM unnest(%s::uuid[]) AS t (id)
CROSS JOIN LATERAL (
    SELECT duration_sum_ms, success + failed + timed_out AS ran FROM scheduler_task_rollups
    WHERE task_id = t.id ORDER BY hour DESC LIMIT 24
) r
GROUP BY t.id HAVING sum(r.ran) > 0
"""

_ADD = """
INSERT INTO scheduler_forecasts AS f (run_id, namespace, queue, hour, slots, unknown_slots, busy_ms)
SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::float[])
ON CONFLICT (run_id, namespace, queue, hour) DO UPDATE
SET slots = f.slots + excluded.slots, unknown_slots = f.unknown_slots + excluded.unknown_slots,
    busy_ms = f.busy_ms + excluded.busy_ms
"""

_ADD_TO_DAY = """
INSERT INTO scheduler_forecast_days AS d (run_id, queue, level, moving) VALUES (%s, %s, %s, %s)
ON CONFLICT (run_id, queue) DO UPDATE SET (level, moving) = (
    SELECT array_agg(u.level + u.more ORDER BY u.n), array_agg(u.moving + u.moves ORDER BY u.n)
    FROM unnest(d.level, excluded.level, d.moving, excluded.moving)
        WITH ORDINALITY AS u (level, more, moving, moves, n)
)
"""

_FORGET_DAYS = "DELETE FROM scheduler_forecast_days WHERE run_id < %s"

_FORGET = """
DELETE FROM scheduler_forecasts WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM scheduler_forecasts WHERE run_id < %s LIMIT %s
))
"""


def work_out(*, now: datetime) -> int:
    """Go on with the run that is under way, or begin one where the last is old; return how many tasks were counted."""
    counted, until = 0, clock.monotonic() + LONGEST_SECONDS
    for _ in range(PAGES_AT_ONCE):
        page = _step(now)
        counted += page or 0
        if page is None or clock.monotonic() >= until:
            break
    return counted


def current() -> ForecastRun | None:
    """Return the run that readers are shown, None where none has been finished yet."""
    return ForecastRun.objects.filter(finished_at__isnull=False).order_by("-id").first()


@transaction.atomic
def _step(now: datetime) -> int | None:
    """Count a page of tasks; return how many, None where nothing is left to do or another process is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (ADVISORY_KEY,))
        if cursor.fetchone() != (True,):
            return None
    run = _under_way(now)
    if run is None:
        return None
    tasks = _page_behind(run.position)
    firing = [task for task in tasks if _begins(task, now) is not None]
    expected = _expected_ms([task.id for task in firing])
    _add(run, _loads(firing, expected, begin=run.begin, now=now))
    _add_to_days(run, _days(firing, expected, begin=run.begin, now=now))
    if len(tasks) == PAGE:
        run.position = tasks[-1].id
        run.save(update_fields=["position"])
        return len(tasks)
    run.finished_at = now
    run.save(update_fields=["finished_at"])
    return len(tasks)


def _under_way(now: datetime) -> ForecastRun | None:
    last = ForecastRun.objects.order_by("-id").first()
    if last is not None and last.finished_at is None:
        return last
    if last is not None:
        _forget(last.pk)
        if now < last.started_at + AGAIN_AFTER:
            return None
    hour = now.replace(minute=0, second=0, microsecond=0)
    return ForecastRun.objects.create(begin=hour, started_at=now)


def _forget(shown: int) -> None:
    """Delete some of what earlier runs have left, and those of which nothing is left."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_DAYS, (shown,))
        cursor.execute(_FORGET, (shown, FORGET_BATCH))
        if cursor.rowcount < FORGET_BATCH:
            ForecastRun.objects.filter(id__lt=shown).delete()


def _page_behind(position: UUID | None) -> list[Task]:
    tasks = Task.objects.select_related("calendar").order_by("id")
    return list(tasks.filter(id__gt=position)[:PAGE] if position is not None else tasks[:PAGE])


def _loads(firing: Collection[Task], expected: Mapping[UUID, float], *, begin: datetime, now: datetime) -> _Loads:
    """Return what these tasks bring, by namespace ('' is all), queue and hour."""
    loads: _Loads = defaultdict(lambda: _NOTHING)
    for task in firing:
        took_ms = expected.get(task.id)
        for number, count in _hours_of(task, took_ms or 0.0, begin=begin, now=now).items():
            added = (count, count if took_ms is None else 0, count * (took_ms or 0.0))
            for namespace in (task.namespace, ""):
                key = (namespace, task.queue, begin + number * HOUR)
                slots, unknown, busy_ms = loads[key]
                loads[key] = (slots + added[0], unknown + added[1], busy_ms + added[2])
    return loads


def _begins(task: Task, now: datetime) -> datetime | None:
    """Return the instant from which a task fires, None where it does not."""
    if task.status == TaskStatus.PAUSED and task.paused_until is not None and task.next_slot_for is not None:
        return max(task.next_slot_for, task.paused_until)
    if task.status != TaskStatus.ACTIVE:
        return None
    return task.next_slot_for or (now if schedules.is_fixed_delay(task) else None)


def _expected_ms(task_ids: list[UUID]) -> dict[UUID, float]:
    with connection.cursor() as cursor:
        cursor.execute(_EXPECTED, (task_ids,))
        return dict(cursor.fetchall())


def _hours_of(task: Task, took_ms: float, *, begin: datetime, now: datetime) -> Any:
    """Return how many slots of a task lie in each hour, by number; none where its schedule cannot be read."""
    first = max(_begins(task, now) or begin, begin)
    try:
        if task.interval_seconds is not None and schedules.is_fixed_delay(task):
            every = timedelta(seconds=task.interval_seconds, milliseconds=took_ms)
            return spread(first - every, every=every, begin=begin, hours=HOURS)
        schedule: Any = schedules.running(task)  # hashable, though its protocol does not say so
        counts = _counted(schedule, first, begin)
    except (InvalidSchedule, InvalidCalendar):
        return {}
    skipped = [slot for slot in task.skip_slots or () if first <= slot < begin + HOURS * HOUR]
    return counts - slots_by_hour(skipped, begin=begin) if skipped else counts


@lru_cache(maxsize=CACHED_HOURS)
def _counted(schedule: Any, first: datetime, begin: datetime) -> Any:
    """Return the slots by hour of a schedule: thousands of tasks share one, and their next slot."""
    return schedule_by_hour(schedule, first, begin=begin, hours=HOURS)


def _days(
    firing: Collection[Task], expected: Mapping[UUID, float], *, begin: datetime, now: datetime
) -> dict[str, DayLoadSum]:
    """Return what these tasks bring to the minutes of a day, by queue; thousands that fire alike are added at once."""
    slots: dict[int, DaySlots] = {}
    costs: dict[_Herd, float] = defaultdict(float)
    for task in firing:
        day = _day_of(task, begin=begin, now=now)
        slots[id(day)] = day
        window = task.jitter_seconds + task.flex_seconds
        herd = (id(day), task.queue, window, task.flex_seconds > 0)
        costs[herd] += max(expected.get(task.id, UNKNOWN_MS), LEAST_MS)
    sums: dict[str, DayLoadSum] = defaultdict(DayLoadSum)
    for (day_id, queue, window, moves), cost_ms in costs.items():
        day = slots[day_id]
        sums[queue].add(day.minutes, cost_ms=cost_ms, window_seconds=window, moves=moves)
        sums[queue].add_evenly(cost_ms * day.often)
    return sums


def _day_of(task: Task, *, begin: datetime, now: datetime) -> DaySlots:
    """Return the slots of a task in the 24 hours from the next full hour on; none where its schedule cannot be read.

    Of the hour that has begun some slots have passed already: tomorrow's stand for it.
    """
    if task.interval_seconds is not None and schedules.is_fixed_delay(task):
        return DaySlots(_NO_MINUTES, often=DAY / timedelta(seconds=task.interval_seconds))
    begin += HOUR
    first = max(_begins(task, now) or begin, begin)
    try:
        schedule: Any = schedules.running(task)  # hashable, though its protocol does not say so
        return _slots_of_day(schedule, first, begin)
    except (InvalidSchedule, InvalidCalendar):
        return DaySlots(_NO_MINUTES)


@lru_cache(maxsize=CACHED_DAYS)
def _slots_of_day(schedule: Any, first: datetime, begin: datetime) -> DaySlots:
    return slots_of_day(schedule.between(first, begin + DAY))


def _add_to_days(run: ForecastRun, days: Mapping[str, DayLoadSum]) -> None:
    with connection.cursor() as cursor:
        for queue, summed in sorted(days.items()):
            total = summed.total()
            cursor.execute(_ADD_TO_DAY, (run.pk, queue, list(total.level), list(total.moving)))


def _add(run: ForecastRun, loads: _Loads) -> None:
    if not loads:
        return
    rows: Iterable[Any] = [(*key, *load) for key, load in sorted(loads.items())]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, (run.pk, *map(list, zip(*rows, strict=True))))
