"""Predictions on held-out histories: how far they are off, beside the plain mean and the last value.

A history is drawn by seed (`bench.past`). Of each task the last third of its runs is held out and predicted one by one,
each from all the runs before it.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from statistics import fmean
from typing import Final
from uuid import UUID

from bench.past import COLUMNS, Past
from bench.population import members
from scheduler.engine.predictions import EXPECTED, FEWEST, LATEST, Durations

NOW: Final = datetime(2030, 3, 20, 15, 30, tzinfo=UTC)
DAYS: Final = 45
# So that a task that runs every five minutes counts no more than others, and the whole takes seconds.
MOST_OF_A_TASK: Final = 30
FEWEST_RUNS: Final = 3 * FEWEST
# What a history has where something goes wrong: a run in fifty takes ten times as long, and halfway the work doubles.
HUNG: Final = 0.02
HUNG_TIMES: Final = 10
GROWN_TIMES: Final = 2


def by_us(before: Sequence[int]) -> float:
    """Predict as the platform does."""
    durations = Durations.of(before)
    return durations.quantile(EXPECTED) if durations is not None else before[-1]


METHODS: Final[dict[str, Callable[[Sequence[int]], float]]] = {
    "prediction": by_us,
    "plain mean": fmean,
    "last value": lambda before: before[-1],
}


@dataclass(frozen=True, slots=True)
class Compared:
    """The mean error by method, a mean over tasks, and the share of runs within the p90.

    An error is the distance from what a run took as a share of the task's own mean; `factors` are distances of
    logarithms, for which too long and too short weigh the same: 0.1 is about 10 % off.
    """

    errors: dict[str, float]
    factors: dict[str, float]
    within_p90: float
    task_count: int
    run_count: int


def histories(*, tasks: int, seed: int) -> list[list[int]]:
    """Return what the runs of each task took that has enough of them, in ms, oldest first; SUCCESS alone."""
    population = list(members(tasks=tasks, frequent=0.01, seed=seed))
    past = Past(population, now=NOW, days=DAYS, seed=seed)
    task, status, took = (COLUMNS.index(name) for name in ("task_id", "status", "execution_time_ms"))
    runs: dict[UUID, list[int]] = defaultdict(list)
    for _, rows in past.hours():
        for row in rows:
            if row[status] == "SUCCESS":
                runs[row[task]].append(row[took])  # type: ignore[index, arg-type]
    return [one for one in runs.values() if len(one) >= FEWEST_RUNS]


def troubled(calm: Sequence[Sequence[int]], *, seed: int) -> list[list[int]]:
    """Return the same histories with runs that hung, and work that doubled halfway."""
    random = Random(f"troubled {seed}")  # noqa: S311 - the same in every run
    return [
        [
            took * (GROWN_TIMES if 2 * place >= len(runs) else 1) * (HUNG_TIMES if random.random() < HUNG else 1)
            for place, took in enumerate(runs)
        ]
        for runs in calm
    ]


def compare(runs_of_tasks: Sequence[Sequence[int]]) -> Compared:
    """Predict what was held out, by every method."""
    errors: dict[str, list[float]] = defaultdict(list)
    factors: dict[str, list[float]] = defaultdict(list)
    within: list[bool] = []
    for runs in runs_of_tasks:
        usual, held_out = fmean(runs), list(_held_out(runs))
        for name, method in METHODS.items():
            predicted = [(method(before), took) for before, took in held_out]
            errors[name].append(fmean(abs(told - took) for told, took in predicted) / usual)
            factors[name].append(fmean(abs(math.log(told / took)) for told, took in predicted))
        known = ((Durations.of(before), took) for before, took in held_out)
        within += [took <= durations.quantile(LATEST) for durations, took in known if durations is not None]
    return Compared(
        {name: fmean(values) for name, values in errors.items()},
        {name: fmean(values) for name, values in factors.items()},
        fmean(within),
        len(runs_of_tasks),
        len(within),
    )


def _held_out(runs: Sequence[int]) -> Iterator[tuple[Sequence[int], int]]:
    """Yield runs of the last third, spread evenly, each behind all those before it."""
    first = len(runs) - len(runs) // 3
    step = max((len(runs) - first) // MOST_OF_A_TASK, 1)
    for place in range(first, len(runs), step):
        yield runs[:place], runs[place]
