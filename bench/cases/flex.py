"""`flex`: what windows of five minutes do to a herd at a full hour, by the share of it that allows them."""

from collections.abc import Iterator

from bench import herds
from bench.figures import Case, Sample, at_least
from bench.herds import Hour
from bench.stage import Stage

# Of all tasks so many % fire at that instant; half of all tasks allow five minutes, and they are of the herd.
SHARES = (50, 70, 80, 100)
PER_SECOND = 200


def measure(stage: Stage) -> Iterator[Sample]:
    """Pour herds into their windows by the forecast that is made of them."""
    tasks = stage.size(100_000, 2_000)
    for _ in range(stage.repeat):
        sample: dict[str, float] = {}
        for share in SHARES:
            herd = tasks * share // 100
            hours = herds.hours(tasks=tasks, herd=herd, flexible=tasks // 2, per_second=tasks / PER_SECOND)
            sample |= _figures(f"herd of {share} %", *hours)
        yield sample


def _figures(name: str, before: Hour, after: Hour) -> dict[str, float]:
    return {
        f"{name}: busiest second before": before.peak,
        f"{name}: after": after.peak,
        f"{name}: lower by %": 100 * (1 - after.peak / before.peak),
        f"{name}: longest wait s before": before.longest_wait,
        f"{name}: longest wait s after": after.longest_wait,
    }


CASE = Case(
    name="flex",
    summary="the peak of a herd when half of the tasks allow five minutes (flexSeconds), by pure arithmetic",
    measure=measure,
    aims={"herd of 70 %: lower by %": at_least(60), "herd of 80 %: lower by %": at_least(60)},
    repeat=1,
    is_grid=True,
)
