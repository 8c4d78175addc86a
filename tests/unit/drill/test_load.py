"""The random load: the same from the same seed, and of every kind."""

from random import Random

from drill import expected, load
from drill.definitions import Definition, Registered
from tests.unit.drill.cast import BEGIN, SECOND, TASK


def _made(seed: int, *, count: int = 40) -> list[Definition]:
    return load.make(count, random=Random(seed), begin=BEGIN, seconds=60)


def test_it_makes_the_same_load_from_the_same_seed():
    assert _made(5) == _made(5)


def test_it_makes_another_load_from_another_seed():
    assert _made(5) != _made(6)


def test_it_makes_every_kind_of_schedule():
    kinds = {one.name.split()[-1] for one in _made(1)}
    assert kinds == {"quartz", "unix", "interval", "fixed_delay", "one_time", "window", "calendar", "jitter"}


def test_it_makes_every_policy():
    made = _made(1, count=200)
    assert {one.misfire_policy for one in made} == set(load.MISFIRES)
    assert {one.overlap_policy for one in made} == set(load.OVERLAPS)


def test_it_makes_only_what_ends():
    assert all(one.end_at is not None or one.run_at is not None for one in _made(3, count=200))


def test_it_makes_only_what_fires():
    closed = load.closed_stretches(random=Random(3), begin=BEGIN, seconds=60)
    slots = [expected.slots(Registered(one, TASK, BEGIN - SECOND), closed) for one in _made(3, count=200)]
    assert all(slots)


def test_it_closes_its_calendar_now_and_then():
    closed = load.closed_stretches(random=Random(4), begin=BEGIN, seconds=60)
    open_seconds = [expected.is_open(BEGIN + number * SECOND, closed) for number in range(60)]
    assert {True, False} == set(open_seconds)


def test_it_leaves_the_fields_of_a_body_to_the_kind():
    body = Definition(name="delayed", interval_seconds=2, is_fixed_delay=True, end_at=BEGIN).body()
    assert (body["intervalMode"], "overlapPolicy" in body, body["endAt"]) == (
        "FIXED_DELAY", False, "2026-03-02T12:00:00Z",
    )  # fmt: skip


def test_its_herd_is_due_together():
    herd = load.herd(7, begin=BEGIN, seconds=20)
    assert len({one.name for one in herd}) == 7
    assert {(one.start_at, one.interval_seconds, one.timeout_seconds) for one in herd} == {
        (BEGIN, load.HERD_SECONDS, 10)
    }
