"""A simulation of days to come: slots arrive, wait for what holds them and for a free child, and take what is drawn.

Each queue has its children and starts what waits by priority, then by time, as workers do. Overlaps, limits, failures
with their retries and dependencies are followed; a seed draws what is not certain.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import accumulate
from math import ceil, inf
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from scheduler.engine.retry import RetryPolicy
from scheduler.engine.states import Status
from scheduler.engine.workflows import Condition, Finding, Mode, Verdict, judge, verdict

# Late: QUEUED for longer.
LATE_SECONDS: Final = 60.0
HOUR: Final = 3_600.0


class TooMany(Exception):
    """More executions than were to be simulated."""


@dataclass(frozen=True, slots=True)
class Durations:
    """What runs took, in seconds, shortest first, and how many took no longer than each."""

    seconds: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, histogram: Mapping[float, int]) -> "Durations":
        """Return those of counts by duration."""
        ordered = sorted(histogram)
        return cls(tuple(ordered), tuple(accumulate(histogram[seconds] for seconds in ordered)))

    def draw(self, random: Random) -> float:
        """Return what one run takes."""
        return random.choices(self.seconds, cum_weights=self.counts)[0]


class Slot(NamedTuple):
    """When a slot is due and by when it is to have ended, in seconds since 1970."""

    due_at: float
    deadline: float = inf


@dataclass(frozen=True, slots=True)
class Simulated:
    """One task: its slots ascending, what its runs take, what holds them, and what it promises of them.

    Of a fixed delay `slots` has the first, and `every` the seconds from an end to the next one. `limits` are keys of
    which each execution takes a place. Of its runs the share `failing` fails, and of those the share `retrying` is
    tried again. Tasks are numbered: `upstreams` are those that it waits for, `follows` the one whose ends are its
    slots, `depth` how many tasks lie before it.
    """

    name: str
    queue: str
    priority: int
    slots: Iterator[Slot]
    durations: Durations
    longest: float = inf
    overlap: str = "ALLOW"
    every: float | None = None
    max_lateness: float = inf
    max_duration: float = inf
    limits: tuple[str, ...] = ()
    failing: float = 0.0
    retrying: float = 0.0
    most_retries: int = 0
    backoff: RetryPolicy = field(default_factory=RetryPolicy)
    upstreams: tuple[tuple[int, Condition], ...] = ()
    mode: Mode = Mode.ALL
    follows: int | None = None
    depth: int = 0


@dataclass(slots=True)
class Outcome:
    """What became of one queue."""

    queue: str
    children: int
    executions: int = 0
    skipped: int = 0
    retries: int = 0
    late: int = 0
    breaches: int = 0
    busy_seconds: float = 0.0
    depth_max: int = 0
    depth_max_at: float | None = None
    waits: "array[float]" = field(default_factory=lambda: array("d"))
    executions_by_hour: dict[float, int] = field(default_factory=lambda: defaultdict(int))
    longest_wait_by_hour: dict[float, float] = field(default_factory=lambda: defaultdict(float))

    def wait(self, share: float) -> float:
        """Return what this share of the executions does not wait longer than, in seconds; 0 where there are none."""
        ordered = sorted(self.waits)
        return ordered[max(ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


@dataclass(slots=True, eq=False)
class _Execution:
    """One attempt at a slot, waiting since `since`; a cancelled one may still stand in a line."""

    task: int
    slot: Slot
    since: float
    attempt: int = 1
    order: tuple[int, float, int] = (0, 0.0, 0)
    status: Status = Status.SUCCESS
    is_running: bool = False
    is_cancelled: bool = False

    def __lt__(self, other: "_Execution") -> bool:
        return self.order < other.order


class _Queue:
    """One queue with its children, as the simulation goes."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.free = outcome.children
        self.waiting: list[_Execution] = []
        self.cancelled = 0  # of those that wait


class Simulation:
    """Plays tasks against the children of their queues, from `begin` to `end`, in seconds since 1970.

    What has begun or waits at the end is played to its own end; nothing arrives any more. `places` are those of each
    limit. The same tasks, children, places and seed give the same outcome.
    """

    def __init__(
        self,
        tasks: Sequence[Simulated],
        *,
        children: Mapping[str, int],
        end: float,
        seed: int,
        most: int,
        places: Mapping[str, int] | None = None,
    ) -> None:
        self._tasks = tasks
        self._end = end
        self._random = Random(seed)  # noqa: S311 - no secret
        self._most = most
        self._queues = {name: _Queue(Outcome(name, count)) for name, count in children.items()}
        self._open: list[list[_Execution]] = [[] for _ in tasks]
        self._places = dict(places or {})
        self._held: dict[str, list[_Execution]] = defaultdict(list)
        self._last: list[Status | None] = [None] * len(tasks)
        self._dependents: dict[int, list[int]] = defaultdict(list)
        self._gated: dict[int, list[_Execution]] = defaultdict(list)
        self._count = self._begun = 0
        self._arriving: list[tuple[float, int, int, _Execution]] = []
        self._running: list[tuple[float, int, _Execution]] = []

    def run(self) -> list[Outcome]:
        """Return what becomes of each queue, by name. Raises TooMany."""
        for number, task in enumerate(self._tasks):
            for upstream, _ in task.upstreams:
                self._dependents[upstream].append(number)
            self._await(number, next(task.slots, None))
        heapify(self._arriving)
        while self._arriving or self._running:
            # What ends first makes room for what arrives at the same instant.
            if self._running and (not self._arriving or self._running[0][0] <= self._arriving[0][0]):
                self._finish()
            else:
                self._arrive()
        return [self._queues[name].outcome for name in sorted(self._queues)]

    def _await(self, number: int, slot: Slot | None) -> None:
        if slot is not None and slot.due_at < self._end:
            self._come(_Execution(number, slot, slot.due_at))

    def _come(self, execution: _Execution) -> None:
        """Have an execution arrive when it is due: what others wait for comes before them."""
        self._count += 1
        if self._count > self._most:
            raise TooMany
        task = self._tasks[execution.task]
        execution.order = (-task.priority, execution.since, self._count)
        heappush(self._arriving, (execution.since, task.depth, self._count, execution))

    def _arrive(self) -> None:
        at, _, _, execution = heappop(self._arriving)
        number, task = execution.task, self._tasks[execution.task]
        if execution.is_cancelled:
            return
        if execution.attempt > 1:
            self._admit(execution, at)
            return
        if task.every is None:
            self._await(number, next(task.slots, None))
        others = self._open[number]
        if others and (task.overlap == "SKIP" or (task.overlap == "QUEUE" and len(others) > 1)):
            self._skip(execution, at)
            return
        for other in list(others) if task.overlap == "CANCEL_RUNNING" else ():
            self._cancel(other, at)
        self._open[number].append(execution)
        if task.overlap != "QUEUE" or len(others) == 1:  # else its turn comes
            self._pass_gate(execution, at)

    # What holds it: upstreams, then limits

    def _pass_gate(self, execution: _Execution, at: float) -> None:
        task = self._tasks[execution.task]
        found = judge(task.mode, (self._verdict(upstream, condition) for upstream, condition in task.upstreams))
        if found is Verdict.MET:
            execution.since = at if task.upstreams else execution.since
            self._admit(execution, at)
        elif found is Verdict.OPEN:
            for upstream, _ in task.upstreams:
                self._gated[upstream].append(execution)
        else:
            self._queues[task.queue].outcome.skipped += 1
            execution.status = Status.SKIPPED
            self._finalise(execution, at)

    def _verdict(self, upstream: int, condition: Condition) -> Verdict:
        """Return what a condition comes to; one whose upstream has not ended before counts as met."""
        if self._open[upstream]:
            return Verdict.OPEN
        last = self._last[upstream]
        return Verdict.MET if last is None else verdict(condition, Finding(True, last))

    def _admit(self, execution: _Execution, at: float) -> None:
        task = self._tasks[execution.task]
        full = next((key for key in task.limits if self._places.get(key, 1) < 1), None)
        if full is not None:
            heappush(self._held[full], execution)
            return
        for key in task.limits:
            if key in self._places:
                self._places[key] -= 1
        queue = self._queues[task.queue]
        queue.outcome.executions += 1
        queue.outcome.executions_by_hour[at // HOUR * HOUR] += 1
        heappush(queue.waiting, execution)
        self._start(queue, at)
        depth = len(queue.waiting) - queue.cancelled
        if depth > queue.outcome.depth_max:
            queue.outcome.depth_max, queue.outcome.depth_max_at = depth, at

    def _start(self, queue: _Queue, now: float) -> None:
        while queue.free and queue.waiting:
            execution = heappop(queue.waiting)
            if execution.is_cancelled:
                queue.cancelled -= 1
                continue
            task = self._tasks[execution.task]
            took = min(task.durations.draw(self._random), task.longest)
            if task.failing and self._random.random() < task.failing:
                execution.status = Status.FAILED
            queue.free -= 1
            execution.is_running = True
            self._begun += 1
            heappush(self._running, (now + took, self._begun, execution))
            self._note(queue.outcome, execution, waited=now - execution.since, took=took, ends_at=now + took)

    def _note(self, outcome: Outcome, execution: _Execution, *, waited: float, took: float, ends_at: float) -> None:
        task, slot = self._tasks[execution.task], execution.slot
        outcome.waits.append(waited)
        outcome.busy_seconds += took
        outcome.late += waited > LATE_SECONDS
        hour = execution.since // HOUR * HOUR
        outcome.longest_wait_by_hour[hour] = max(outcome.longest_wait_by_hour[hour], waited)
        is_first = execution.attempt == 1
        outcome.breaches += is_first and waited > task.max_lateness
        outcome.breaches += (took > task.max_duration) + (is_first and ends_at > slot.deadline)

    # How it ends

    def _finish(self) -> None:
        at, _, execution = heappop(self._running)
        if execution.is_cancelled:
            return
        self._leave(execution, at)
        task = self._tasks[execution.task]
        again = execution.status is Status.FAILED and execution.attempt <= task.most_retries
        if again and self._random.random() < task.retrying:
            self._retry(execution, at)
        else:
            self._finalise(execution, at)
        self._start(self._queues[task.queue], at)

    def _leave(self, execution: _Execution, at: float) -> None:
        """Free the child and the places, and let those go that they held."""
        task = self._tasks[execution.task]
        self._queues[task.queue].free += execution.is_running
        execution.is_running = False
        for key in task.limits:
            if key in self._places:
                self._places[key] += 1
        for key in task.limits:
            while self._held[key] and self._places.get(key, 0) > 0:
                held = heappop(self._held[key])
                if not held.is_cancelled:
                    self._admit(held, at)

    def _retry(self, execution: _Execution, at: float) -> None:
        task = self._tasks[execution.task]
        drawn = UUID(int=self._random.getrandbits(128))
        delay = task.backoff.delay(attempt=execution.attempt, execution=drawn).total_seconds()
        self._queues[task.queue].outcome.retries += 1
        following = _Execution(execution.task, execution.slot, at + delay, execution.attempt + 1)
        others = self._open[execution.task]
        others[others.index(execution)] = following
        self._come(following)

    def _finalise(self, execution: _Execution, at: float) -> None:
        number, task = execution.task, self._tasks[execution.task]
        self._open[number].remove(execution)
        if task.every is not None:
            self._await(number, Slot(at + task.every))
        if task.overlap == "QUEUE" and self._open[number]:
            self._pass_gate(self._open[number][0], at)
        self._carry_on(number, execution.status, at)

    def _skip(self, execution: _Execution, at: float) -> None:
        self._queues[self._tasks[execution.task].queue].outcome.skipped += 1
        self._carry_on(execution.task, Status.SKIPPED, at)

    def _cancel(self, execution: _Execution, at: float) -> None:
        """End what is open for the sake of a newcomer, wherever it is."""
        execution.is_cancelled, execution.status = True, Status.CANCELLED
        queue = self._queues[self._tasks[execution.task].queue]
        if execution.is_running:
            self._leave(execution, at)
        elif execution in queue.waiting:
            queue.cancelled += 1
            queue.outcome.executions -= 1
            queue.outcome.skipped += 1
            self._leave(execution, at)
        self._open[execution.task].remove(execution)
        self._start(queue, at)

    def _carry_on(self, number: int, status: Status, at: float) -> None:
        """Tell those who depend on a task that a slot of it has come to this."""
        self._last[number] = status
        for dependent in self._dependents[number]:
            if self._tasks[dependent].follows == number and at < self._end:
                self._come(_Execution(dependent, Slot(at), at))
        waiting, self._gated[number] = self._gated[number], []
        for execution in waiting:
            for upstream, _ in self._tasks[execution.task].upstreams:
                if execution in self._gated[upstream]:
                    self._gated[upstream].remove(execution)
            if not execution.is_cancelled:
                self._pass_gate(execution, at)
