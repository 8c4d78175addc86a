from collections import Counter
from operator import ge
from random import Random

import pytest

from bench.arrivals import Load, by_tick, one_by_one, split
from bench.cases import simulation
from bench.events import Platform
from bench.failures import MeasurementFailed
from bench.simulation import TICKS_PER_SECOND, Costs, Result, Shard, claims_a_second, percentile, simulate
from bench.stage import Wishes

# A hundredth of the platform's size, ten minutes of it, at which nothing stands still.
SMALL = Load(tasks=100_000, seconds=600)
SPREAD = Load(tasks=100_000, seconds=600, jitter_seconds=60)
COSTS = Costs(plan=40e-6, publish=35e-6, claim=100e-6, start=300e-6, finish=150e-6)
# At those of today the claims of a full database come up to 28 % later than one by one (docs/scaling.md).
DEAR = Costs(plan=40e-6, publish=35e-6, claim=100e-6, start=0.6e-3, finish=1.2e-3, message=4.3e-3)
SLOW = Costs(plan=160e-6, publish=140e-6, claim=400e-6, start=300e-6, finish=150e-6)
FEW = Shard(children=400, costs=COSTS, cores=8, connections=64)
# So many children that lateness is the schedulers' alone.
MANY = Shard(children=20_000, costs=SLOW, cores=16, connections=16)


def late(counts: Counter[int], share: float) -> float:
    return percentile(counts, share)


def curve(counts: Counter[int]) -> list[float]:
    return [percentile(counts, share) for share in (0.5, 0.9, 0.95, 0.99, 1.0)]


def mean(counts: Counter[int]) -> float:
    return sum(milliseconds * count for milliseconds, count in counts.items()) / counts.total() / 1000


@pytest.fixture(scope="module")
def few() -> tuple[Result, Result]:
    return simulate(SMALL, FEW), Platform(SMALL, FEW).run()


@pytest.fixture(scope="module")
def many() -> tuple[Result, Result]:
    return simulate(SMALL, MANY), Platform(SMALL, MANY).run()


@pytest.fixture(scope="module")
def spread() -> tuple[Result, Result]:
    return simulate(SPREAD, FEW), Platform(SPREAD, FEW).run()


# What becomes due


@pytest.mark.parametrize("count", [0, 1, 31, 33, 1_000_003])
@pytest.mark.parametrize("parts", [1, 2, 7, 1_200])
def test_it_splits_without_losing_any(count, parts):
    thrown = split(count, parts, Random(7))

    assert (len(thrown), sum(thrown), min(thrown) >= 0) == (parts, count, True)


def test_it_puts_the_herd_into_the_first_tick():
    alone, herd = (by_tick(Load(tasks=1_000_000, seconds=1, herd=herd), ticks_per_second=1)[0] for herd in (0, 0.5))

    # Half of the 40 % that come once in this hour; of the others some come at that minute by chance.
    assert herd - alone == pytest.approx(200_000, rel=0.05)


def test_it_spreads_the_herd_by_jitter():
    due = by_tick(SPREAD, ticks_per_second=TICKS_PER_SECOND)

    assert max(due) < 50
    assert len(due) == 660 * TICKS_PER_SECOND


def test_it_counts_as_many_as_it_draws_one_by_one():
    assert sum(by_tick(SMALL, ticks_per_second=TICKS_PER_SECOND)) == pytest.approx(len(one_by_one(SMALL)), rel=0.001)


# What becomes of it


def test_it_dispatches_starts_and_ends_every_firing_once(few):
    counted, _ = few

    assert counted.dispatched.total() == counted.started.total() == counted.ended == counted.due


def test_it_does_so_one_by_one_as_well(few):
    _, played = few

    assert played.dispatched.total() == played.started.total() == played.ended == played.due


def test_it_comes_to_the_same_for_the_same_seed():
    assert simulate(SPREAD, FEW) == simulate(SPREAD, FEW)


def test_it_comes_to_something_else_for_another_seed():
    other = Load(tasks=SPREAD.tasks, seconds=SPREAD.seconds, jitter_seconds=SPREAD.jitter_seconds, seed=2)

    assert simulate(SPREAD, FEW) != simulate(other, FEW)


def test_it_is_never_later_with_more_schedulers():
    one, two, four = (
        simulate(SMALL, Shard(schedulers=count, children=20_000, costs=SLOW, cores=64)) for count in (1, 2, 4)
    )

    assert all(map(ge, curve(one.dispatched), curve(two.dispatched)))
    assert all(map(ge, curve(two.dispatched), curve(four.dispatched)))


def test_it_never_starts_later_with_more_cores():
    slow = Costs(plan=40e-6, publish=35e-6, claim=100e-6, start=3e-3, finish=1e-3)
    two, eight = (simulate(SMALL, Shard(children=2_000, costs=slow, cores=cores)) for cores in (2, 8))

    assert all(map(ge, curve(two.started), curve(eight.started)))


def test_it_never_starts_later_with_more_children():
    few, more = (simulate(SMALL, Shard(children=children, costs=COSTS)) for children in (300, 1_200))

    assert all(map(ge, curve(few.started), curve(more.started)))


def test_it_is_never_later_in_more_shards():
    one, four = (simulate(SMALL, MANY, shards=shards) for shards in (1, 4))

    assert all(map(ge, curve(one.dispatched), curve(four.dispatched)))


def test_it_spends_what_the_firings_cost(few):
    counted, _ = few
    idle = len(counted.database_seconds) * TICKS_PER_SECOND * COSTS.idle_database
    firings = counted.due * (COSTS.claim + COSTS.start + COSTS.finish)

    assert sum(counted.database_seconds) == pytest.approx(idle + firings, rel=0.01)


# Tick by tick against one by one


@pytest.mark.parametrize("share", [0.9, 0.95, 0.99, 1.0])
def test_it_dispatches_a_herd_as_late_as_one_by_one(many, share):
    counted, played = many

    assert late(counted.dispatched, share) == pytest.approx(late(played.dispatched, share), rel=0.05)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_it_starts_a_herd_as_late_as_one_by_one(few, share):
    counted, played = few

    assert late(counted.started, share) == pytest.approx(late(played.started, share), rel=0.05)


def test_it_is_as_late_on_the_average_as_one_by_one(many):
    counted, played = many

    assert mean(counted.dispatched) == pytest.approx(mean(played.dispatched), rel=0.05)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_it_is_as_late_as_one_by_one_where_nothing_waits(spread, share):
    counted, played = spread

    assert late(counted.dispatched, share) == pytest.approx(late(played.dispatched, share), abs=0.05)


@pytest.mark.parametrize("share", [0.9, 0.99, 1.0])
def test_it_is_as_late_as_one_by_one_where_postgresql_is_full(share):
    full = Shard(children=2_000, cores=1, connections=16, costs=DEAR)
    counted, played = simulate(SMALL, full), Platform(SMALL, full).run()

    assert late(counted.dispatched, share) == pytest.approx(late(played.dispatched, share), rel=0.05)
    assert late(counted.started, share) == pytest.approx(late(played.started, share), rel=0.1)


def test_it_claims_less_where_postgresql_takes_longer():
    assert claims_a_second(COSTS, stretch=2) < claims_a_second(COSTS) < 1 / (COSTS.plan + COSTS.publish)


# The case


class FakeStage:
    """What the case asks of a stage: no servers."""

    repeat = 1

    def __init__(self, tasks: int) -> None:
        self.wishes = Wishes(tasks=tasks, seed=3)

    def size(self, full: int, quick: int) -> int:
        return quick

    def say(self, text: str) -> None:
        pass


def test_it_gives_each_setup_the_same_figures():
    (sample,) = simulation.measure(FakeStage(20_000))  # type: ignore[arg-type]
    rows = Counter(name.partition(": ")[0] for name in sample)

    assert len(rows) == 20
    assert set(rows.values()) == {10}


def test_it_refuses_so_few_tasks_that_none_fires():
    with pytest.raises(MeasurementFailed, match="none fires"):
        next(simulation.measure(FakeStage(5)))  # type: ignore[arg-type]
