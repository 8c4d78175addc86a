"""An hour of firings through schedulers, PostgreSQL and workers, counted tick by tick rather than one by one.

One shard (a database with its schedulers and workers) is simulated, for tasks are spread by hash and all are alike.
`bench.events` says the same of each single firing and is what this is checked against.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt

from bench.arrivals import Load, by_tick

# The claim's own tick of 50 ms (`scheduler.node`).
TICKS_PER_SECOND = 20
TICK = 1 / TICKS_PER_SECOND
CLAIM_THREADS = 2
BATCH = 500
FULLEST = 0.98
# Of a mean of one second: ten durations alike, in seconds. Most jobs are short and a few carry the mean.
DURATIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.3, 2.2, 4.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of CPU a firing, as `burst` and `footprint` measure them (docs/scaling.md).

    Of the scheduler: plan, publish; of PostgreSQL: claim, start, finish; of a worker, beside the handler: message.
    """

    plan: float = 17e-6
    publish: float = 14e-6
    claim: float = 57e-6
    start: float = 0.2e-3
    finish: float = 0.2e-3
    message: float = 1.0e-3
    # A claim that finds nothing, which each scheduler makes 20 times a second, with what else it does meanwhile.
    idle_scheduler: float = 0.85e-3
    idle_database: float = 0.6e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One database: its cores, its schedulers, its workers' children and how many of them it lets in at once."""

    schedulers: int = 1
    cores: int = 16
    children: int = 1_000
    connections: int = 32
    costs: Costs = Costs()
    durations: tuple[float, ...] = DURATIONS


@dataclass(slots=True)
class Result:
    """What has come of it: lateness by milliseconds, counted from slot and jitter; CPU by second."""

    due: int = 0
    dispatched: Counter[int] = field(default_factory=Counter)
    started: Counter[int] = field(default_factory=Counter)
    ended: int = 0
    most_waiting: int = 0
    # The longest time through which tasks that were due waited for a claim.
    backlog_seconds: float = 0.0
    scheduler_seconds: list[float] = field(default_factory=list)
    database_seconds: list[float] = field(default_factory=list)


def simulate(load: Load, shard: Shard, *, shards: int = 1) -> Result:
    """Let one of so many equal shards fire its part of the load, until nothing is left to do."""
    share = Load(
        tasks=load.tasks // shards,
        herd=load.herd,
        jitter_seconds=load.jitter_seconds,
        seconds=load.seconds,
        seed=load.seed,
    )
    model = _Model(shard, by_tick(share, ticks_per_second=TICKS_PER_SECOND))
    while not model.is_over:
        model.step()
    return model.result


def claims_a_second(costs: Costs, *, stretch: float = 1.0) -> float:
    """Return how much one scheduler claims a second where there is always more: two threads in one interpreter.

    Each works out a batch there and then waits for PostgreSQL; what they lose waiting for each other follows from mean
    value analysis of such a loop. `stretch` is how much longer PostgreSQL takes than when it is idle.
    """
    own, away = costs.plan + costs.publish, costs.claim * stretch
    queue = 0.0
    for threads in range(1, CLAIM_THREADS + 1):
        rate = threads / (own * (1 + queue) + away)
        queue = rate * own
    return rate


def percentile(counts: Mapping[int, int], share: float) -> float:
    """Return the seconds of lateness that this share of all firings keeps (nearest rank)."""
    rank = max(share * sum(counts.values()), 1)
    for milliseconds in sorted(counts):
        rank -= counts[milliseconds]
        if rank <= 1e-6:
            return milliseconds / 1000
    raise ValueError("A percentile of nothing.")


class _Carry:
    """Makes whole firings of fractions, losing none: what was allowed and not used by a full tick comes later."""

    def __init__(self) -> None:
        self._left = 0.0

    def whole(self, allowed: float, *, wanted: int) -> int:
        if allowed >= wanted:
            self._left = 0.0
            return wanted
        self._left += allowed
        count = min(int(self._left), wanted)
        self._left -= count
        return count


class _Line:
    """First come, first served: how many came due in which tick."""

    def __init__(self) -> None:
        self._parts: deque[tuple[int, int]] = deque()
        self.count = 0

    def add(self, tick: int, count: int) -> None:
        if count:
            self._parts.append((tick, count))
            self.count += count

    def take(self, count: int) -> Iterable[tuple[int, int]]:
        self.count -= count
        while count:
            tick, there = self._parts.popleft()
            if there > count:
                self._parts.appendleft((tick, there - count))
            yield tick, min(there, count)
            count -= min(there, count)


class _Model:
    def __init__(self, shard: Shard, due: list[int]) -> None:
        self._shard, self._due = shard, due
        costs = shard.costs
        self._claims_a_tick = shard.schedulers * TICK * claims_a_second(costs)
        self._use = 0.0
        self._idle = shard.schedulers * costs.idle_database
        self._durations = [costs.message + duration for duration in shard.durations]
        self._longest = [round(duration / TICK) for duration in self._durations]
        self._slot_seconds = sum(min(duration, TICK) for duration in self._durations) / len(self._durations)
        self._claimable, self._queue = _Line(), _Line()
        # On their way from the claim to the queue: when they are there, when they were due, how many.
        self._on_the_way: deque[tuple[int, int, int]] = deque()
        self._claim_carry, self._start_carry, self._finish_carry = _Carry(), _Carry(), _Carry()
        self._ends = [0] * (max(self._longest) + 1)
        self._turn = 0
        self._busy, self._unfinished = 0, 0
        self._tick, self._streak = 0, 0
        self.result = Result(due=sum(due))

    @property
    def is_over(self) -> bool:
        return self._tick >= len(self._due) and self.result.ended == self.result.due

    def step(self) -> None:
        """Advance by one tick: runs end, then what PostgreSQL has time for is finished, started and claimed."""
        shard, here = self._shard, self._tick % len(self._ends)
        ended, self._ends[here] = self._ends[here], 0
        self._busy -= ended
        self._unfinished += ended
        if self._tick < len(self._due):
            self._claimable.add(self._tick, self._due[self._tick])
        while self._on_the_way and self._on_the_way[0][0] <= self._tick:
            _, tick, some = self._on_the_way.popleft()
            self._queue.add(tick, some)
        self._claims_a_tick = shard.schedulers * TICK * claims_a_second(shard.costs, stretch=self._stretch())
        for_claims, for_workers = self._divided()
        used = self._finish(for_workers)
        used += self._start(for_workers - used)
        used += self._claim(for_claims)
        self._account(used + self._idle)
        self._tick += 1

    def _divided(self) -> tuple[float, float]:
        """Divide a tick of PostgreSQL's cores among the connections that want something, each alike."""
        shard, costs = self._shard, self._shard.costs
        claiming = shard.schedulers * CLAIM_THREADS
        claims = min(min(self._claimable.count, self._claims_a_tick) * costs.claim, claiming * TICK)
        work = self._unfinished * costs.finish + min(self._queue.count, self._free_starts()) * costs.start
        work = min(work, shard.connections * TICK)
        available = max(shard.cores * TICK - self._idle, 0.0)
        if claims + work <= available:
            return claims, work
        each = available / (claiming + shard.connections)
        if claims <= claiming * each:
            return claims, available - claims
        if work <= shard.connections * each:
            return available - work, work
        return claiming * each, shard.connections * each

    def _stretch(self) -> float:
        """Return how much longer a statement takes for the others that run (Sakasegawa's formula for many servers).

        At the worst all connections have one.
        """
        shard, use = self._shard, min(self._use, FULLEST)
        worst = max((shard.schedulers * CLAIM_THREADS + shard.connections) / shard.cores, 1.0)
        return float(min(1 + use ** (sqrt(2 * (shard.cores + 1)) - 1) / (shard.cores * (1 - use)), worst))

    def _free_starts(self) -> int:
        return int((self._shard.children - self._busy) * TICK / self._slot_seconds)

    def _finish(self, seconds: float) -> float:
        cost = self._shard.costs.finish
        count = self._finish_carry.whole(seconds / cost, wanted=self._unfinished)
        self._unfinished -= count
        self.result.ended += count
        return count * cost

    def _start(self, seconds: float) -> float:
        cost = self._shard.costs.start
        wanted = min(self._queue.count, self._free_starts())
        count = self._start_carry.whole(max(seconds, 0.0) / cost, wanted=wanted)
        for tick, some in self._queue.take(count):
            self.result.started[self._late(tick)] += some
        self._run(count)
        return count * cost

    def _run(self, count: int) -> None:
        each, rest = divmod(count, len(self._durations))
        for number, ticks in enumerate(self._longest):
            some = each + ((number - self._turn) % len(self._durations) < rest)
            if ticks == 0:
                self._unfinished += some
            else:
                self._ends[(self._tick + ticks) % len(self._ends)] += some
                self._busy += some
        self._turn = (self._turn + rest) % len(self._durations)

    def _claim(self, seconds: float) -> float:
        shard, costs = self._shard, self._shard.costs
        allowed = min(seconds / costs.claim, self._claims_a_tick)
        count = self._claim_carry.whole(allowed * (1 + 1e-9), wanted=self._claimable.count)
        batch = min(count / shard.schedulers, BATCH)
        way = costs.idle_scheduler + batch * (costs.plan + costs.claim + costs.publish)
        if self._claimable.count > count:
            # A whole round of the thread that has taken the batch, then its turn to be published.
            way = CLAIM_THREADS * BATCH * shard.schedulers * TICK / self._claims_a_tick + BATCH * costs.publish
        milliseconds = round(1000 * way)
        for tick, some in self._claimable.take(count):
            self.result.dispatched[self._late(tick) + milliseconds] += some
            self._on_the_way.append((self._tick + round(way / TICK), tick, some))
        self._streak = self._streak + 1 if self._claimable.count else 0
        self.result.backlog_seconds = max(self.result.backlog_seconds, self._streak * TICK)
        self.result.most_waiting = max(self.result.most_waiting, self._claimable.count + count)
        self._scheduled = count
        return count * costs.claim

    def _late(self, tick: int) -> int:
        """Return milliseconds from the middle of the tick in which it was due to the end of half of this one."""
        return round(1000 * TICK * (self._tick - tick + 0.5))

    def _account(self, used: float) -> None:
        if self._tick % TICKS_PER_SECOND == 0:
            self.result.scheduler_seconds.append(0.0)
            self.result.database_seconds.append(0.0)
        shard, costs = self._shard, self._shard.costs
        spent = self._scheduled * (costs.plan + costs.publish) + shard.schedulers * costs.idle_scheduler
        self._use += (used / (shard.cores * TICK) - self._use) / TICKS_PER_SECOND
        self.result.scheduler_seconds[-1] += spent
        self.result.database_seconds[-1] += used
