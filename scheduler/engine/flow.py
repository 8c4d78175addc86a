"""Flow control: which of its settings are in force, and what they limit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple

ALL = "all"
# By which word of a key, and by which name of the API.
KINDS = {"queue": "queues", "class": "taskClasses", "namespace": "namespaces"}
# What a key that nobody used saves up, so that between two looks of a scheduler nothing of its rate is lost.
BURST_SECONDS = 0.2


class FlowMode(StrEnum):
    """How much may go: all, some, nothing."""

    NORMAL = "NORMAL"
    THROTTLED = "THROTTLED"
    PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True)
class FlowLimit:
    """What one key is limited to: so many dispatched in a second, so many at once, or nothing while it is paused."""

    per_second: float | None = None
    capacity: int | None = None
    is_paused: bool = False

    @property
    def burst(self) -> float | None:
        """How many may go at once where nothing has gone for a while: what a fifth of a second brings, at least one."""
        return None if self.per_second is None else max(1.0, self.per_second * BURST_SECONDS)


class Settings(NamedTuple):
    """One thing that somebody has asked for: what, and from when until when it holds (None: until another one)."""

    id: int
    document: Mapping[str, Any]
    asked_at: datetime
    starts_at: datetime
    ends_at: datetime | None

    @property
    def stops_all(self) -> bool:
        """Tell whether nothing goes while these are in force."""
        return self.document.get("mode") == FlowMode.PAUSED

    def holds(self, now: datetime) -> bool:
        """Tell whether `now` lies within their time."""
        return self.starts_at <= now and (self.ends_at is None or now < self.ends_at)


def in_force(asked: Sequence[Settings], now: datetime) -> Settings | None:
    """Return the settings that hold at `now`: those that began last; None where nobody has asked for any.

    What had been planned before somebody stopped everything does not lift the stop.
    """
    current: Settings | None = None
    for one in _in_order(asked, now):
        lifts_unaware = current is not None and current.stops_all and one.asked_at < current.asked_at
        if not (lifts_unaware and not one.stops_all):
            current = one
    return current


def covered(asked: Sequence[Settings], now: datetime) -> list[Settings]:
    """Return what is in force again when others end, the latest first."""
    current = in_force(asked, now)
    others = [one for one in _in_order(asked, now) if one is not current]
    return others[::-1] if current is not None and current.ends_at is not None else []


def planned(asked: Sequence[Settings], now: datetime) -> list[Settings]:
    """Return what begins after `now`, the next one first."""
    return sorted((one for one in asked if one.starts_at > now), key=lambda one: (one.starts_at, one.id))


def next_change(asked: Sequence[Settings], now: datetime) -> datetime | None:
    """Return when something begins or ends next."""
    instants = chain.from_iterable((one.starts_at, one.ends_at) for one in asked)
    return min((one for one in instants if one is not None and one > now), default=None)


def limits(document: Mapping[str, Any]) -> dict[str, FlowLimit]:
    """Return what each key is limited to by settings, as the API has them; keys without a limit are left out."""
    return {key: limit for key, limit in _limits(document) if limit != FlowLimit()}


def _limits(document: Mapping[str, Any]) -> Iterator[tuple[str, FlowLimit]]:
    yield ALL, _limit(document)
    for kind, name in KINDS.items():
        for key, entry in (document.get(name) or {}).items():
            yield f"{kind}:{key}", _limit(entry)


def _limit(entry: Mapping[str, Any]) -> FlowLimit:
    mode = entry.get("mode", FlowMode.NORMAL)
    if mode == FlowMode.PAUSED:
        return FlowLimit(is_paused=True)
    rate = entry.get("maxDispatchPerSecond")
    return FlowLimit(None if rate is None else float(rate), entry.get("maxConcurrency"))


def _in_order(asked: Sequence[Settings], now: datetime) -> list[Settings]:
    return sorted((one for one in asked if one.holds(now)), key=lambda one: (one.starts_at, one.id))
