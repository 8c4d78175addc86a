"""Simulations: tasks as they are registered, or would be, against a number of children, for days ahead."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler import schedules
from scheduler.engine import histograms, sla
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.flex import DayLoad, DayLoadSum, shift
from scheduler.engine.forecasts import DAY, slots_of_day
from scheduler.engine.gates import limits_of
from scheduler.engine.jitter import jitter
from scheduler.engine.retry import RetryPolicy
from scheduler.engine.schedules import InvalidSchedule, instants
from scheduler.engine.simulation import Durations, Outcome, Simulated, Simulation, Slot
from scheduler.engine.states import TaskStatus
from scheduler.engine.workflows import Condition, Graph, Mode, Node, Upstream, pace
from scheduler.models import Dependency, Task

# Of so many of the hours in which a task ran last its durations are learned.
HOURS_LEARNED: Final = 48
IDS_AT_ONCE: Final = 1_000
MOST: Final = 5_000_000
PEAKS: Final = 5

_LEARNED = f"""
SELECT t.id, r.durations, r.success, r.failed, r.timed_out, r.lost
FROM unnest(%s::uuid[]) AS t (id) CROSS JOIN LATERAL (
    SELECT durations::text, success, failed, timed_out, lost
    FROM scheduler_task_rollups WHERE task_id = t.id ORDER BY hour DESC LIMIT {HOURS_LEARNED}
) r
"""  # noqa: S608 - our own number
_ENDS: Final = ("SUCCESS", "FAILED", "TIMED_OUT", "LOST")
_PLACES = "SELECT key, capacity FROM scheduler_permits WHERE capacity IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is to be simulated: from when, how long, with how many children a queue, by which seed."""

    begin: datetime
    days: float
    children: int
    children_of: Mapping[str, int]
    unknown_seconds: float
    seed: int
    most: int = MOST

    @property
    def end(self) -> datetime:
        """When nothing arrives any more."""
        return self.begin + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of each queue, of how many tasks; those of unknown durations took what was assumed."""

    wishes: Wishes
    outcomes: list[Outcome]
    task_count: int
    unknown_count: int


@dataclass(frozen=True, slots=True)
class Learned:
    """What the last runs of a task took, and how many of them ended in which way."""

    durations: Durations
    ends: Mapping[str, int] = field(default_factory=dict)

    @property
    def failing(self) -> float:
        """The share of them that failed."""
        total = sum(self.ends.values())
        return 1 - self.ends.get("SUCCESS", 0) / total if total else 0.0

    def retrying(self, retry_on: Collection[str]) -> float:
        """Return the share of those that failed that are tried again."""
        failed = sum(self.ends.values()) - self.ends.get("SUCCESS", 0)
        return sum(self.ends.get(status, 0) for status in set(retry_on) - {"SUCCESS"}) / failed if failed else 0.0


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows besides the tasks: what they have learned, the places of limits in force, arrows."""

    learned: Mapping[UUID, Learned] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    upstreams: Mapping[UUID, tuple[Upstream, ...]] = field(default_factory=dict)


def known(connection: psycopg.Connection, tasks: Sequence[Task]) -> Known:
    """Return what the database knows of these tasks, and of limits as they are now."""
    upstreams: dict[UUID, tuple[Upstream, ...]] = defaultdict(tuple)
    for task_id, upstream, condition in Dependency.objects.order_by("position").values_list(
        "task_id", "upstream_id", "condition"
    ):
        upstreams[task_id] += (Upstream(upstream, Condition(condition)),)
    places: dict[str, int] = dict(connection.execute(_PLACES).fetchall())
    return Known(_learned(connection, [task.id for task in tasks]), places, upstreams)


def _learned(connection: psycopg.Connection, ids: Sequence[UUID]) -> dict[UUID, Learned]:
    """Return what is learned of tasks, those left out that have never run."""
    counted: dict[UUID, dict[float, int]] = defaultdict(lambda: defaultdict(int))
    ended: dict[UUID, Counter[str]] = defaultdict(Counter)
    for start in range(0, len(ids), IDS_AT_ONCE):
        for task_id, buckets, *ends in connection.execute(_LEARNED, (ids[start : start + IDS_AT_ONCE],)):
            # As text: Django's connections read JSON as text, those of the loops do not.
            for number, count in json.loads(buckets).items():
                counted[task_id][histograms.value(int(number)) / 1000] += count
            ended[task_id].update(dict(zip(_ENDS, ends, strict=True)))
    return {
        task_id: Learned(Durations.of(histogram), ended[task_id]) for task_id, histogram in counted.items() if histogram
    }


def simulate(tasks: Sequence[Task], known: Known, wishes: Wishes) -> Result:
    """Play tasks from `wishes.begin` on. Raises TooMany where they make more than `wishes.most` executions."""
    firing = [task for task in tasks if task.status == TaskStatus.ACTIVE and _is_readable(task)]
    durations = {task_id: learned.durations for task_id, learned in known.learned.items()}
    # Only what is moved within a window looks at what its minutes bear, which all tasks of its queue bring.
    are_moved = any(task.flex_seconds or task.jitter_seconds for task in firing)
    loads = _loads(firing if are_moved else [], durations, wishes)
    arrows = _Arrows(firing, known.upstreams)
    unknown = Learned(Durations.of({wishes.unknown_seconds: 1}))
    simulated = [_simulated(task, known.learned.get(task.id, unknown), arrows, loads, wishes) for task in firing]
    queues = {task.queue for task in firing}
    children = {queue: wishes.children_of.get(queue, wishes.children) for queue in queues}
    places = dict(known.places)
    places |= {_own_limit(task): task.max_concurrency for task in firing if task.max_concurrency}
    played = Simulation(
        simulated,
        children=children,
        end=wishes.end.timestamp(),
        seed=wishes.seed,
        most=wishes.most,
        places=places,
    ).run()
    return Result(wishes, played, len(firing), sum(task.id not in durations for task in firing))


class _Arrows:
    """The dependencies among the tasks that are played, by their numbers; on others nobody waits."""

    def __init__(self, tasks: Sequence[Task], upstreams: Mapping[UUID, tuple[Upstream, ...]]) -> None:
        self._numbers = {task.id: number for number, task in enumerate(tasks)}
        nodes = {
            task.id: Node(
                pace(task.cron_expression, task.interval_seconds, task.run_at),
                tuple(one for one in upstreams.get(task.id, ()) if one.task_id in self._numbers),
                Mode(task.dependency_mode),
            )
            for task in tasks
            if task.has_dependencies or task.has_dependents
        }
        self._graph = Graph.of(nodes)

    def of(self, task: Task) -> dict[str, Any]:
        """Return what the simulation is told of a task's dependencies."""
        upstreams = self._graph.upstreams(task.id)
        follows = self._graph.slowest(task.id)
        return {
            "upstreams": tuple((self._numbers[one.task_id], one.condition) for one in upstreams),
            "mode": Mode(task.dependency_mode),
            "follows": self._numbers[follows] if follows is not None else None,
            "depth": self._depth(task.id),
        }

    def _depth(self, task_id: UUID) -> int:
        return max((1 + self._depth(one.task_id) for one in self._graph.upstreams(task_id)), default=0)


def _own_limit(task: Task) -> str:
    return f"task:{task.id}"


def _is_readable(task: Task) -> bool:
    try:
        schedules.running(task)
    except (InvalidSchedule, InvalidCalendar):
        return False
    return True


def _loads(tasks: Sequence[Task], durations: Mapping[UUID, Durations], wishes: Wishes) -> Mapping[str, DayLoad]:
    """Return what these tasks bring to the minutes of a day, as the forecast would have it: by mean durations."""
    sums: dict[str, DayLoadSum] = defaultdict(DayLoadSum)
    for task in tasks:
        if schedules.is_fixed_delay(task):
            continue
        day = slots_of_day(schedules.running(task).between(wishes.begin, wishes.begin + DAY))
        cost_ms = 1000 * _mean(durations.get(task.id), wishes.unknown_seconds)
        window = task.jitter_seconds + task.flex_seconds
        sums[task.queue].add(day.minutes, cost_ms=cost_ms, window_seconds=window, moves=task.flex_seconds > 0)
        sums[task.queue].add_evenly(cost_ms * day.often)
    return {queue: total.total() for queue, total in sums.items()}


def _mean(durations: Durations | None, unknown: float) -> float:
    if durations is None:
        return unknown
    each = zip(durations.seconds, (0, *durations.counts), durations.counts, strict=False)
    return sum(seconds * (after - before) for seconds, before, after in each) / durations.counts[-1]


def _simulated(
    task: Task, learned: Learned, arrows: _Arrows, loads: Mapping[str, DayLoad], wishes: Wishes
) -> Simulated:
    promises: dict[str, Any] = task.sla or {}
    is_delay = schedules.is_fixed_delay(task)
    return Simulated(
        task.name,
        task.queue,
        task.priority,
        _slots(task, loads.get(task.queue), wishes),
        learned.durations,
        longest=float(task.timeout_seconds),
        overlap="ALLOW" if is_delay else task.overlap_policy,
        every=float(task.interval_seconds or 0) if is_delay else None,
        max_lateness=_or_never(promises.get("maxLatenessSeconds")),
        max_duration=_or_never(promises.get("maxDurationSeconds")),
        limits=(*limits_of(queue=task.queue, task_class=task.task_class, namespace=task.namespace), _own_limit(task)),
        failing=learned.failing,
        retrying=learned.retrying(task.retry_on),
        most_retries=task.max_retry_count,
        backoff=RetryPolicy.from_json(task.retry_policy),
        **arrows.of(task),
    )


def _or_never(seconds: int | None) -> float:
    return float("inf") if seconds is None else float(seconds)


def _slots(task: Task, load: DayLoad | None, wishes: Wishes) -> Iterator[Slot]:
    if schedules.is_fixed_delay(task):
        first = max(task.next_slot_for or wishes.begin, wishes.begin)
        yield Slot(first.timestamp())
        return
    promise = json.dumps(task.sla) if task.sla and task.sla.get("deadlineAt") else None
    spreads = bool(task.jitter_seconds or task.flex_seconds)
    for slot in schedules.between(task, wishes.begin, wishes.end):
        due_at = slot
        if spreads:
            due_at += jitter(task.id, slot, task.jitter_seconds) + shift(task.id, slot, task.flex_seconds, load)
        deadline = float("inf")
        if promise is not None:
            promised = sla.promised(promise, slot, time_zone=task.time_zone)
            deadline = datetime.fromisoformat(promised["deadlineAt"]).timestamp()
        yield Slot(due_at.timestamp(), deadline)


FIGURES: Final = (
    "executions", "skipped", "retries", "late", "late_share", "breaches",
    "wait_p50", "wait_p95", "wait_p99", "wait_max", "depth_max", "utilisation",
)  # fmt: skip


def figures(outcome: Outcome, wishes: Wishes) -> dict[str, float]:
    """Return the figures of one queue, by the names in FIGURES; waits in seconds, shares from 0 to 1."""
    return {
        "executions": outcome.executions,
        "skipped": outcome.skipped,
        "retries": outcome.retries,
        "late": outcome.late,
        "late_share": outcome.late / outcome.executions if outcome.executions else 0.0,
        "breaches": outcome.breaches,
        **{f"wait_p{round(100 * share)}": outcome.wait(share) for share in (0.5, 0.95, 0.99)},
        "wait_max": max(outcome.waits, default=0.0),
        "depth_max": outcome.depth_max,
        "utilisation": outcome.busy_seconds / (wishes.days * DAY.total_seconds() * outcome.children),
    }


def of_all(result: Result) -> dict[str, float]:
    """Return the same of all queues together; depth and utilisation are those of the worst."""
    together = Outcome("", sum(one.children for one in result.outcomes) or 1)
    for one in result.outcomes:
        together.executions += one.executions
        together.skipped += one.skipped
        together.retries += one.retries
        together.late += one.late
        together.breaches += one.breaches
        together.waits.extend(one.waits)
    each = [figures(one, result.wishes) for one in result.outcomes]
    worst = {name: max((one[name] for one in each), default=0.0) for name in ("depth_max", "utilisation")}
    return figures(together, result.wishes) | worst


def peaks(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the hours in which a queue is waited for longest, the worst first; none in which nobody waits a second."""
    worst = sorted(outcome.longest_wait_by_hour.items(), key=lambda one: (-one[1], one[0]))[:PEAKS]
    return [
        {
            "hour": written(hour),
            "longestWaitSeconds": round(wait, 3),
            "executions": outcome.executions_by_hour.get(hour, 0),
        }
        for hour, wait in worst
        if wait >= 1
    ]


def written(seconds: float | None) -> str | None:
    """Return an instant, in seconds since 1970, as JSON has it."""
    return None if seconds is None else instants.written(datetime.fromtimestamp(seconds, tz=UTC))
