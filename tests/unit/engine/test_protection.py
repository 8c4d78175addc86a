"""Protection: levels, rates, and how it behaves over time on a simulated platform."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from scheduler.engine import protection
from scheduler.engine.protection import Level, Limit, Pressure, Protection, Reading

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITS = {"memory": Limit(80, 90)}
NORMAL = Protection(Level.NORMAL, NOW)


def read(value: float, signal: str = "memory") -> Reading:
    return Reading(signal, value, "scheduler here")


def after(*pressures: Pressure, going: float = 100, is_waiting: bool = True) -> Protection:
    decided = NORMAL
    for number, pressure in enumerate(pressures, 1):
        decided = protection.decide(
            decided, pressure, going=going, is_waiting=is_waiting, now=NOW + number * SECOND
        )  # fmt: skip
    return decided


@pytest.mark.parametrize(
    ("value", "pressure"),
    [
        (75, Pressure.CALM), (76, Pressure.NEAR), (79.9, Pressure.NEAR), (80, Pressure.SOFT), (88.9, Pressure.SOFT),
        (89, Pressure.BELOW_HARD), (90, Pressure.HARD), (100, Pressure.HARD),
    ],
)  # fmt: skip
def test_it_tells_pressure_by_the_limits(value: float, pressure: Pressure):
    assert protection.pressure([read(value)], LIMITS) is pressure


def test_a_hard_limit_that_is_far_off_leaves_room_to_be_calm():
    assert Limit(200, 100_000).calm == 100


def test_the_worst_reading_decides():
    assert protection.pressure([read(10), read(85), read(20)], LIMITS) is Pressure.SOFT


def test_what_has_no_limit_presses_on_nobody():
    assert protection.pressure([read(1000, "lag")], LIMITS) is Pressure.CALM


def test_it_names_what_is_exceeded_the_worst_first():
    values = [one.reading.value for one in protection.exceeded([read(81), read(95), read(3)], LIMITS)]
    assert values == [95, 81]


@pytest.mark.parametrize("pressure", [Pressure.CALM, Pressure.NEAR])
def test_below_the_limit_everything_goes(pressure: Pressure):
    decided = after(pressure)
    assert (decided.level, decided.rate, decided.since) == (Level.NORMAL, None, NOW)


def test_above_the_soft_limit_two_thirds_of_what_went_go():
    decided = after(Pressure.SOFT, going=90)
    assert (decided.level, decided.usual) == (Level.THROTTLED, 90)
    assert decided.rate == pytest.approx(60)


def test_it_takes_away_a_third_at_each_look():
    assert after(Pressure.SOFT, Pressure.SOFT, Pressure.SOFT, going=90).rate == pytest.approx(90 * (2 / 3) ** 3)


def test_a_rate_never_comes_to_nothing():
    assert after(*[Pressure.SOFT] * 100).rate == protection.LEAST_RATE


def test_near_the_limit_it_adds_a_quarter_of_that():
    assert after(Pressure.SOFT, Pressure.NEAR, going=90).rate == pytest.approx(60 + 90 / 80)


def test_a_signal_that_stays_near_its_limit_does_not_hold_up_work_for_ever():
    assert after(Pressure.SOFT, *[Pressure.NEAR] * 108).level is Level.NORMAL


def test_well_below_it_adds_a_twentieth_of_what_went_before():
    assert after(Pressure.SOFT, Pressure.CALM, going=90).rate == pytest.approx(60 + 90 / 20)


def test_it_ends_when_as_much_goes_as_before_and_nothing_waits():
    pressures = [Pressure.SOFT, *[Pressure.CALM] * 8]
    assert after(*pressures, is_waiting=False).level is Level.NORMAL
    assert after(*pressures, is_waiting=True).level is Level.THROTTLED


def test_it_ends_at_twice_as_much_whatever_waits():
    assert after(Pressure.SOFT, *[Pressure.CALM] * 28).level is Level.NORMAL


def test_above_the_hard_limit_only_what_is_critical_goes():
    decided = after(Pressure.SOFT, Pressure.HARD)
    assert (decided.level, decided.rate, decided.usual) == (Level.CRITICAL, None, 100)


def test_it_stays_critical_until_it_is_below_by_a_margin():
    assert after(Pressure.HARD, Pressure.BELOW_HARD).level is Level.CRITICAL
    assert after(Pressure.HARD, Pressure.SOFT).level is Level.THROTTLED


def test_after_the_hard_limit_it_begins_with_little():
    decided = after(Pressure.HARD, Pressure.SOFT)
    assert decided.level is Level.THROTTLED
    assert decided.rate == pytest.approx(100 / 20)


def test_an_idle_platform_that_is_pressed_begins_somewhere():
    assert after(Pressure.SOFT, going=0).usual == protection.FIRST_RATE


def test_nodes_take_turns_at_deciding():
    decided = after(Pressure.CALM)
    assert not decided.is_due(NOW + 1.9 * SECOND)
    assert decided.is_due(NOW + 2 * SECOND)


@dataclass
class Plant:
    """Workers whose memory grows with what is let go and not done, second by second; the backlog waits for its turn."""

    demand: Callable[[int], float]
    capacity: Callable[[int], float]
    noise: float = 0.0
    seed: int = 1
    decided: Protection = NORMAL
    waiting: float = 0.0
    inside: float = 0.0
    memory: list[float] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    went: list[float] = field(default_factory=list)

    def run(self, seconds: int) -> "Plant":
        random = Random(self.seed)
        for second in range(seconds):
            self.waiting += self.demand(second)
            let_go = min(self.waiting, self._allowed())
            self.waiting -= let_go
            self.inside = max(0.0, self.inside + let_go - self.capacity(second))
            used = 40 + self.inside / 20
            measured = used + random.uniform(-self.noise, self.noise)
            self.decided = protection.decide(
                self.decided,
                protection.pressure([read(measured)], LIMITS),
                going=let_go,
                is_waiting=self.waiting >= 1,
                now=NOW + (second + 1) * SECOND,
            )
            self.memory.append(used)
            self.levels.append(self.decided.level)
            self.went.append(let_go)
        return self

    @property
    def changes(self) -> int:
        return sum(one is not other for one, other in zip(self.levels, self.levels[1:], strict=False))

    def _allowed(self) -> float:
        if self.decided.level is Level.CRITICAL:
            return 0.0
        return self.decided.rate if self.decided.rate is not None else float("inf")


def steady(value: float) -> Callable[[int], float]:
    return lambda _second: value


def test_under_ten_times_the_load_memory_stays_below_the_hard_limit():
    plant = Plant(steady(1000), steady(100)).run(600)
    assert max(plant.memory[30:]) < 90
    assert sum(plant.went[60:]) >= 0.9 * 100 * 540  # and the workers have enough to do


def test_it_does_not_swing_between_levels_under_a_steady_overload():
    assert Plant(steady(1000), steady(100)).run(600).changes <= 10


def test_noise_at_an_even_load_changes_nothing():
    assert Plant(steady(90), steady(100), noise=5).run(600).changes == 0


def test_noise_under_overload_does_not_make_it_swing():
    plant = Plant(steady(300), steady(100), noise=2).run(600)
    assert max(plant.memory[60:]) < 92
    assert plant.changes <= 20


def test_it_recovers_by_itself_and_works_everything_off():
    plant = Plant(lambda second: 1000 if second < 120 else 50, lambda second: 100).run(2400)
    assert (plant.decided.level, plant.waiting) == (Level.NORMAL, 0)


def test_a_step_down_of_capacity_is_followed():
    plant = Plant(steady(80), lambda second: 100 if second < 100 else 20).run(800)
    assert max(plant.memory) < 92
    assert plant.levels[90] is Level.NORMAL


@pytest.mark.parametrize(
    ("held", "was", "sheds"),
    [
        (99, (), set()),
        (100, (), {3}),
        (80, (3,), {3}),
        (79, (3,), set()),
        (200, (3,), {3, 6}),
        (160, (3, 6), {3, 6}),
        (159, (3, 6), {3}),
    ],
)
def test_it_leaves_out_the_least_urgent_first_and_for_long_enough(held: int, was: tuple[int, ...], sheds: set[int]):
    assert protection.sheds(held, most_held=100, was=was) == sheds
