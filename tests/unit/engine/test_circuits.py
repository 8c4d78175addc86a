"""Circuits: when they open, what a probe decides, how they recover."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from scheduler.engine import circuits
from scheduler.engine.circuits import Call, Circuit, Limits, State

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITS = Limits()
CLOSED = Circuit(State.CLOSED, NOW - 3600 * SECOND)


def call(
    *, fails: bool = False, ended_at: datetime = NOW, took: timedelta = SECOND, caller: UUID | None = None
) -> Call:
    return Call(caller or uuid4(), ended_at - took, ended_at, fails, timedelta(seconds=60))


def observed(*calls: Call, circuit: Circuit = CLOSED, now: datetime = NOW) -> Circuit:
    return circuits.observe(circuit, calls, limits=LIMITS, now=now)


def opened(*, at: datetime = NOW) -> Circuit:
    return observed(*(call(fails=True, ended_at=at) for _ in range(10)), now=at)


def half_open(probe: UUID | None) -> Circuit:
    woken = circuits.wake(opened(), now=NOW + 30 * SECOND)
    return Circuit(woken.state, woken.since, (), woken.trip_count, None, probe, woken.cause)


@pytest.mark.parametrize(("failures", "state"), [(4, State.CLOSED), (5, State.OPEN), (10, State.OPEN)])
def test_it_opens_by_the_share_of_failures(failures: int, state: State):
    assert observed(*(call(fails=number < failures) for number in range(10))).state is state


@pytest.mark.parametrize(("slow", "state"), [(7, State.CLOSED), (8, State.OPEN)])
def test_it_opens_by_the_share_of_slow_calls(slow: int, state: State):
    calls = [call(took=31 * SECOND if number < slow else SECOND) for number in range(10)]
    assert observed(*calls).state is state


def test_a_limit_of_its_own_says_what_is_slow():
    limits = Limits(slow=timedelta(seconds=2))
    slow = circuits.observe(CLOSED, [call(took=3 * SECOND)] * 10, limits=limits, now=NOW)
    assert (slow.state, slow.cause) == (State.OPEN, "10 of the last 10 calls were too slow.")


def test_few_calls_say_nothing():
    assert observed(*[call(fails=True)] * 9).state is State.CLOSED


def test_few_calls_of_long_say_as_much_as_many_of_a_minute():
    minutely = [call(fails=True, ended_at=NOW - minute * 60 * SECOND) for minute in range(10)]
    assert observed(*minutely).state is State.OPEN


def test_calls_of_more_than_an_hour_ago_say_nothing():
    long_ago = [call(fails=True, ended_at=NOW - 3700 * SECOND)] * 9
    circuit = observed(*long_ago, call(fails=True), circuit=Circuit(State.CLOSED, NOW - 7200 * SECOND))
    assert (circuit.state, circuit.counted.calls) == (State.CLOSED, 1)


def test_where_there_are_many_only_the_last_minute_counts():
    was = observed(*[call(ended_at=NOW - 90 * SECOND)] * 100, now=NOW - 90 * SECOND)
    assert observed(*[call(fails=True)] * 10, circuit=was).state is State.OPEN


def test_what_it_counts_stays_small():
    circuit = CLOSED
    for second in range(0, 600, 5):
        at = NOW + second * SECOND
        circuit = observed(call(ended_at=at), circuit=circuit, now=at)
    assert len(circuit.window) <= 12


def test_an_open_one_learns_nothing_from_what_was_on_its_way():
    assert observed(*[call()] * 100, circuit=opened()) == opened()


def test_an_open_one_is_half_open_when_its_time_has_come():
    assert circuits.wake(opened(), now=NOW + 29 * SECOND).state is State.OPEN
    assert circuits.wake(opened(), now=NOW + 30 * SECOND).state is State.HALF_OPEN


def test_it_waits_longer_with_each_trip_in_a_row():
    circuit, waits = opened(), []
    for _ in range(6):
        assert circuit.retry_at is not None
        waits.append((circuit.retry_at - circuit.since) / SECOND)
        probe = uuid4()
        woken = circuits.wake(circuit, now=circuit.retry_at)
        tried = Circuit(woken.state, woken.since, (), woken.trip_count, None, probe, woken.cause)
        circuit = observed(call(fails=True, caller=probe), circuit=tried, now=circuit.retry_at + SECOND)
    assert waits == [30, 60, 120, 240, 300, 300]


def test_a_half_open_one_hears_its_probe_only():
    probe = uuid4()
    circuit = half_open(probe)
    assert observed(*[call(), call(fails=True)], circuit=circuit) == circuit
    assert observed(call(caller=probe), circuit=circuit).state is State.CLOSED
    assert observed(call(fails=True, caller=probe), circuit=circuit).state is State.OPEN


def test_a_probe_that_is_too_slow_opens_it_again():
    probe = uuid4()
    assert observed(call(caller=probe, took=31 * SECOND), circuit=half_open(probe)).state is State.OPEN


def test_a_closed_one_forgets_what_began_before_it_closed():
    closed = circuits.close(opened(), now=NOW)
    stragglers = [call(fails=True, ended_at=NOW + SECOND, took=2 * SECOND)] * 20
    assert observed(*stragglers, circuit=closed, now=NOW + SECOND).counted.calls == 0


def test_one_that_has_closed_lets_go_more_and_more():
    closed = circuits.close(opened(), now=NOW)
    rates = [circuits.rate(closed, now=NOW + seconds * SECOND) for seconds in (0, 2, 4, 18, 20)]
    assert rates == [5, 10, 20, 2560, None]


def test_one_that_never_opened_limits_nothing():
    assert circuits.rate(Circuit(State.CLOSED, NOW), now=NOW) is None
