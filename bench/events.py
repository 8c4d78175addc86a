"""The same firings one by one and event by event: exact, slow, and what `bench.simulation` is checked against."""

from collections import Counter, deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random

from bench.arrivals import Load, one_by_one
from bench.simulation import BATCH, CLAIM_THREADS, TICK, Result, Shard

NEVER = float("inf")
Then = Callable[[float], None]


class Cores:
    """Cores that all jobs share alike, each of them at most one."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._jobs: list[tuple[float, int, Then]] = []
        self._numbers = count()
        self._done, self._at = 0.0, 0.0

    def begin(self, work: float, then: Then, *, now: float) -> None:
        """Have `then` called once a job of so many CPU seconds is done."""
        self._advance(now)
        heappush(self._jobs, (self._done + work, next(self._numbers), then))

    def next_end(self) -> float:
        """Return when the next job will be done, if none is added."""
        return self._at + max(self._jobs[0][0] - self._done, 0.0) / self._rate() if self._jobs else NEVER

    def end_one(self, now: float) -> None:
        """End the job that is done."""
        self._advance(now)
        _, _, then = heappop(self._jobs)
        then(now)

    def _advance(self, now: float) -> None:
        """Count how much each job that has been here throughout has got."""
        if self._jobs:
            self._done += (now - self._at) * self._rate()
        self._at = now

    def _rate(self) -> float:
        return min(1.0, self._cores / len(self._jobs))


class Node:
    """A scheduler: one interpreter, threads that claim, and one that publishes batch after batch."""

    def __init__(self) -> None:
        self.interpreter = Cores(1)
        self._waiting: deque[tuple[float, Then]] = deque()
        self._is_publishing = False

    def publish(self, work: float, then: Then, *, now: float) -> None:
        """Have `then` called once a batch of so many CPU seconds is published, behind those that wait already."""
        self._waiting.append((work, then))
        if not self._is_publishing:
            self._publish_next(now)

    def _publish_next(self, now: float) -> None:
        self._is_publishing = bool(self._waiting)
        if self._waiting:
            work, then = self._waiting.popleft()

            def published(end: float) -> None:
                then(end)
                self._publish_next(end)

            self.interpreter.begin(work, published, now=now)


class Platform:
    """One shard's schedulers, database and workers, and the firings on their way through them."""

    def __init__(self, load: Load, shard: Shard) -> None:
        self._shard = shard
        self._random = Random(load.seed)  # noqa: S311 - a simulation
        self._due = deque(one_by_one(load))
        self._database = Cores(shard.cores)
        self._nodes = [Node() for _ in range(shard.schedulers)]
        self._cores = [self._database, *(node.interpreter for node in self._nodes)]
        self._timers: list[tuple[float, int, Then]] = []
        self._numbers = count()
        self._queue: deque[float] = deque()
        self._asking: deque[tuple[float, Then]] = deque()
        self._free, self._connections = shard.children, shard.connections
        self.now = 0.0
        self.result = Result(due=len(self._due))

    def run(self) -> Result:
        """Play it to the end."""
        for number, node in enumerate(self._nodes):
            for thread in range(CLAIM_THREADS):
                # Nothing makes the ticks of two nodes fall together.
                self._at(TICK * (number + thread / CLAIM_THREADS) / self._shard.schedulers, self._looking(node))
        while self.result.ended < self.result.due:
            self._next()
        return self.result

    def _next(self) -> None:
        timer = self._timers[0][0] if self._timers else NEVER
        cores = min(self._cores, key=Cores.next_end)
        end = cores.next_end()
        if timer <= end:
            self.now, _, then = heappop(self._timers)
            then(self.now)
        else:
            self.now = end
            cores.end_one(end)

    def _at(self, when: float, then: Then) -> None:
        heappush(self._timers, (when, next(self._numbers), then))

    # A thread that claims: look, plan, write, hand over, look again

    def _looking(self, node: Node) -> Then:
        def look(now: float) -> None:
            batch = self._take_due(now)
            if not batch:
                if self._due:
                    self._at(now + TICK, look)
                return
            costs = self._shard.costs

            def publish(then: float) -> None:
                node.publish(len(batch) * costs.publish, lambda end: self._publish(batch, end), now=then)
                self._at(then if len(batch) == BATCH else then + TICK, look)

            def write(then: float) -> None:
                self._database.begin(len(batch) * costs.claim, publish, now=then)

            node.interpreter.begin(costs.idle_scheduler + len(batch) * costs.plan, write, now=now)

        return look

    def _take_due(self, now: float) -> list[float]:
        batch: list[float] = []
        while self._due and self._due[0] <= now and len(batch) < BATCH:
            batch.append(self._due.popleft())
        return batch

    def _publish(self, batch: list[float], now: float) -> None:
        self.result.dispatched.update(Counter(_milliseconds(now - due) for due in batch))
        self._queue.extend(batch)
        self._take_messages(now)

    # A child: take a message, start, run, say how it ended

    def _take_messages(self, now: float) -> None:
        while self._free and self._queue:
            self._free -= 1
            due = self._queue.popleft()
            self._ask(self._shard.costs.start, self._starting(due), now=now)

    def _starting(self, due: float) -> Then:
        def start(now: float) -> None:
            self.result.started[_milliseconds(now - due)] += 1
            duration = self._shard.costs.message + self._random.choice(self._shard.durations)
            self._at(now + duration, self._end)

        return start

    def _end(self, now: float) -> None:
        self._free += 1
        self._ask(self._shard.costs.finish, self._finished, now=now)
        self._take_messages(now)

    def _finished(self, _now: float) -> None:
        self.result.ended += 1

    # The workers' connections: a job of the database each

    def _ask(self, work: float, then: Then, *, now: float) -> None:
        self._asking.append((work, then))
        self._let_in(now)

    def _let_in(self, now: float) -> None:
        while self._connections and self._asking:
            self._connections -= 1
            work, then = self._asking.popleft()
            self._database.begin(work, self._leaving(then), now=now)

    def _leaving(self, then: Then) -> Then:
        def leave(now: float) -> None:
            self._connections += 1
            then(now)
            self._let_in(now)

        return leave


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
