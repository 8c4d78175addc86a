"""`simulation`: an hour of millions of tasks with a herd at the full hour, computed and not run."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.arrivals import HOUR, Load
from bench.failures import MeasurementFailed
from bench.figures import Case, Sample
from bench.simulation import Result, Shard, percentile, simulate
from bench.stage import Stage

TASKS = 10_000_000
# Four times what is busy on the average, for all databases together: an execution takes a second on the average.
CHILDREN_PER_MILLION_TASKS = 2_200


@dataclass(frozen=True, slots=True)
class Setup:
    """One row of the table."""

    databases: int
    schedulers: int
    herd_percent: int = 20
    jitter_seconds: int = 0

    def __str__(self) -> str:
        return f"{self.databases} x {self.schedulers}, herd {self.herd_percent} %, jitter {self.jitter_seconds} s"


GROWING = [Setup(databases, schedulers) for databases in (1, 4, 16) for schedulers in (1, 2, 4, 8)]
HERDS = [Setup(16, 2, herd, jitter) for herd in (5, 20, 50) for jitter in (0, 60, 300)]


def measure(stage: Stage) -> Iterator[Sample]:
    """Simulate each setup once a repetition, another seed each time."""
    tasks = stage.wishes.tasks or stage.size(TASKS, 100_000)
    for number in range(stage.repeat):
        sample: dict[str, float] = {}
        seconds = stage.size(HOUR, 60)
        for setup in dict.fromkeys([*GROWING, *HERDS]):
            stage.say(f"{setup}")
            sample |= _simulated(setup, tasks=tasks, seconds=seconds, seed=stage.wishes.seed + number)
        yield sample


def _simulated(setup: Setup, *, tasks: int, seconds: int, seed: int) -> Sample:
    load = Load(
        tasks=tasks,
        herd=setup.herd_percent / 100,
        jitter_seconds=setup.jitter_seconds,
        seconds=seconds,
        seed=seed,
    )
    children = max(tasks * CHILDREN_PER_MILLION_TASKS // 1_000_000 // setup.databases, 1)
    shard = Shard(schedulers=setup.schedulers, children=children)
    result = simulate(load, shard, shards=setup.databases)
    if result.due == 0:
        raise MeasurementFailed(f"Of {tasks} tasks in {setup.databases} databases none fires: simulate more.")
    return {f"{setup}: {name}": value for name, value in _figures(result, shard, setup).items()}


def _figures(result: Result, shard: Shard, setup: Setup) -> dict[str, float]:
    return {
        "most waiting": float(result.most_waiting * setup.databases),
        "backlog s": result.backlog_seconds,
        "queued p50": percentile(result.dispatched, 0.5),
        "queued p99": percentile(result.dispatched, 0.99),
        "started p50": percentile(result.started, 0.5),
        "started p99": percentile(result.started, 0.99),
        "scheduler %": 100 * _mean(result.scheduler_seconds) / shard.schedulers,
        "peak %": 100 * max(result.scheduler_seconds) / shard.schedulers,
        "database %": 100 * _mean(result.database_seconds) / shard.cores,
        "busy s": float(sum(second > 0.9 * shard.cores for second in result.database_seconds)),
    }


def _mean(seconds: list[float]) -> float:
    return sum(seconds) / len(seconds)


CASE = Case(
    name="simulation",
    summary="databases x schedulers each, 16 cores a database: an hour of 10 million tasks, computed, in s",
    measure=measure,
    aims={},
    repeat=1,
    is_grid=True,
)
