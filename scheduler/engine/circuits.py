"""Circuits: by how calls of a service went, whether it may be called (Nygard, Release It!, "Circuit Breaker").

CLOSED: everything goes, and calls are counted. OPEN: nothing goes, for a time that doubles with each trip in a row.
HALF_OPEN: one call goes, the probe; its end closes the circuit, or opens it again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

# Before the names of circuits of webhooks' hosts; no service can be called so.
HOST = "host:"
BUCKET_SECONDS = 10
# Beyond it a call says nothing of now, however few there have been since.
OLDEST = timedelta(hours=1)
# A circuit that has closed lets so many go in the first second, and twice as many every two seconds from then on.
FIRST_RATE = 5.0
DOUBLED_EVERY = timedelta(seconds=2)
RECOVERS_FOR = timedelta(seconds=20)


class State(StrEnum):
    """Whether a service may be called."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class CircuitPolicy(StrEnum):
    """What a task's slot does while a circuit that it needs is open."""

    WAIT = "WAIT"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a circuit opens, and for how long.

    Shares in percent of the calls of the last `window`, or of the last `minimum_calls` where those go further back.
    `slow` None: a call is slow when it takes half of the time that it may.
    """

    window: timedelta = timedelta(seconds=60)
    minimum_calls: int = 10
    failure_percent: float = 50
    slow_percent: float = 80
    slow: timedelta | None = None
    open: timedelta = timedelta(seconds=30)
    longest_open: timedelta = timedelta(seconds=300)


class Call(NamedTuple):
    """How one call went; `caller` is the execution, and `may_take` the time after which it is cut off."""

    caller: UUID
    began_at: datetime
    ended_at: datetime
    has_failed: bool
    may_take: timedelta


class Bucket(NamedTuple):
    """The calls that ended within ten seconds from `second` (Unix time) on."""

    second: int
    calls: int = 0
    failures: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class Circuit:
    """How a service stands; `window` is ordered by time."""

    state: State
    since: datetime
    window: tuple[Bucket, ...] = ()
    trip_count: int = 0
    retry_at: datetime | None = None
    probe: UUID | None = None
    cause: str | None = None

    @property
    def counted(self) -> Bucket:
        """The calls of the window together."""
        first = self.window[0].second if self.window else 0
        return Bucket(first, *(sum(one[column] for one in self.window) for column in (1, 2, 3)))


def is_host(name: str) -> bool:
    """Tell whether a circuit of this name is that of a host of webhooks, and no service's."""
    return name.startswith(HOST)


def is_slow(call: Call, limits: Limits) -> bool:
    """Tell whether a call took too long, however it ended."""
    return call.ended_at - call.began_at > (limits.slow if limits.slow is not None else call.may_take / 2)


def observe(circuit: Circuit, calls: Sequence[Call], *, limits: Limits, now: datetime) -> Circuit:
    """Return how a circuit stands after these calls have ended.

    A closed one counts those that began since it closed: what failed before that was known. An open one learns
    nothing from what was on its way when it opened; a half-open one from its probe only.
    """
    if circuit.state is State.OPEN:
        return circuit
    if circuit.state is State.HALF_OPEN:
        probing = [call for call in calls if call.caller == circuit.probe]
        return _judged(circuit, probing[0], limits=limits, now=now) if probing else circuit
    counted = replace(circuit, window=_counted(circuit, calls, limits=limits, now=now))
    cause = _cause(counted.counted, limits)
    return _open(counted, cause, limits=limits, now=now) if cause else counted


def wake(circuit: Circuit, *, now: datetime) -> Circuit:
    """Return an open circuit half-open once its time has come; any other as it is."""
    if circuit.state is not State.OPEN or (circuit.retry_at is not None and now < circuit.retry_at):
        return circuit
    return replace(circuit, state=State.HALF_OPEN, since=now, probe=None, retry_at=None)


def without_probe(circuit: Circuit) -> Circuit:
    """Return a half-open circuit whose probe ended without a word of the service: another one may go."""
    return replace(circuit, probe=None)


def close(circuit: Circuit, *, now: datetime) -> Circuit:
    """Return the circuit closed, with nothing counted."""
    return Circuit(State.CLOSED, now, cause=circuit.cause)


def rate(circuit: Circuit, *, now: datetime) -> float | None:
    """Return how many calls a second a circuit lets go that has just closed; None where it lets all go, or none."""
    age = now - circuit.since
    if circuit.cause is None or circuit.state is not State.CLOSED or age >= RECOVERS_FOR:
        return None
    return FIRST_RATE * 2 ** (max(age, timedelta(0)) / DOUBLED_EVERY)


def _judged(circuit: Circuit, probe: Call, *, limits: Limits, now: datetime) -> Circuit:
    if not probe.has_failed and not is_slow(probe, limits):
        return close(circuit, now=now)
    how = "failed" if probe.has_failed else "was too slow"
    return _open(circuit, f"The probe {how}.", limits=limits, now=now)


def _open(circuit: Circuit, cause: str, *, limits: Limits, now: datetime) -> Circuit:
    wait = min(limits.open * 2 ** min(circuit.trip_count, 16), limits.longest_open)
    return replace(
        circuit, state=State.OPEN, since=now, retry_at=now + wait, probe=None, cause=cause,
        trip_count=circuit.trip_count + 1,
    )  # fmt: skip


def _cause(counted: Bucket, limits: Limits) -> str | None:
    """Return why these calls open a circuit; None where they do not."""
    if counted.calls < limits.minimum_calls:
        return None
    if counted.failures * 100 >= limits.failure_percent * counted.calls:
        return f"{counted.failures} of the last {counted.calls} calls failed."
    if counted.slow * 100 >= limits.slow_percent * counted.calls:
        return f"{counted.slow} of the last {counted.calls} calls were too slow."
    return None


def _counted(circuit: Circuit, calls: Iterable[Call], *, limits: Limits, now: datetime) -> tuple[Bucket, ...]:
    buckets = {one.second: one for one in circuit.window}
    for call in calls:
        if circuit.cause is None or call.began_at >= circuit.since:
            second = int(call.ended_at.timestamp()) // BUCKET_SECONDS * BUCKET_SECONDS
            was = buckets.get(second, Bucket(second))
            slow = was.slow + is_slow(call, limits)
            buckets[second] = Bucket(second, was.calls + 1, was.failures + call.has_failed, slow)
    return _needed([buckets[second] for second in sorted(buckets)], limits=limits, now=now)


def _needed(buckets: Sequence[Bucket], *, limits: Limits, now: datetime) -> tuple[Bucket, ...]:
    """Return those of the window, and older ones for as long as there are too few calls."""
    kept: list[Bucket] = []
    calls = 0
    for bucket in reversed(buckets):
        age = now - datetime.fromtimestamp(bucket.second, UTC)
        if age > OLDEST or (age > limits.window and calls >= limits.minimum_calls):
            break
        kept.append(bucket)
        calls += bucket.calls
    return tuple(reversed(kept))
