"""`predictions`: how far predictions of durations are off on held-out histories, beside the mean and the last value."""

from collections.abc import Iterator

from bench import predicted
from bench.figures import Case, Sample, at_least, at_most
from bench.predicted import Compared
from bench.stage import Stage


def measure(stage: Stage) -> Iterator[Sample]:
    """Draw a company's history by seed, calm and with troubles, and predict its last third."""
    tasks, seed = stage.size(3_000, 300), stage.wishes.seed
    for number in range(stage.repeat):
        calm = predicted.histories(tasks=tasks, seed=seed + number)
        troubled = predicted.troubled(calm, seed=seed + number)
        yield _figures("calm", predicted.compare(calm)) | _figures("troubled", predicted.compare(troubled))


def _figures(kind: str, compared: Compared) -> dict[str, float]:
    ours = compared.errors["prediction"]
    return {
        **{f"{kind}, error of the {name} %": 100 * error for name, error in compared.errors.items()},
        **{f"{kind}, off by a factor, {name}": factor for name, factor in compared.factors.items()},
        f"{kind}, error beside the plain mean's": ours / compared.errors["plain mean"],
        f"{kind}, error beside the last value's": ours / compared.errors["last value"],
        f"{kind}, within p90 %": 100 * compared.within_p90,
    }


CASE = Case(
    name="predictions",
    summary="predicted durations on held-out histories drawn by seed, beside the plain mean and the last value",
    measure=measure,
    aims={
        **{
            f"{kind}, error beside the {other}'s": at_most(0.999)
            for kind in ("calm", "troubled")
            for other in ("plain mean", "last value")
        },
        "calm, within p90 %": at_least(85),
    },
    repeat=3,
)
