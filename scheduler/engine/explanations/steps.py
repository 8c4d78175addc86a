"""What an explanation is made of: steps with their time and cause, an outcome, one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfoNotFoundError

from scheduler.engine.schedules import duration_words
from scheduler.engine.schedules.instants import DAY, HOUR, MINUTE, in_utc
from scheduler.engine.schedules.words import instant_words

# Late: due for longer and not claimed, QUEUED for longer.
CLAIM_LATE_AFTER: Final = timedelta(seconds=5)
START_LATE_AFTER: Final = timedelta(seconds=60)

# From so many seconds on, to which step a duration is rounded: of weeks nobody wants the seconds.
_ROUNDED: Final = ((7 * DAY, DAY), (DAY, HOUR), (HOUR, MINUTE), (0, 1))

_SECOND: Final = timedelta(seconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Outcome(StrEnum):
    """What became of an execution or a slot, or what will."""

    RAN = "ran"
    RAN_LATE = "ran_late"
    RUNNING = "running"
    WAITS = "waits"
    DID_NOT_RUN = "did_not_run"
    DUE = "due"
    WILL_RUN = "will_run"
    WILL_NOT_RUN = "will_not_run"
    NOT_RECORDED = "not_recorded"
    NO_SLOT = "no_slot"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, or holds; `at` is None where its time is not known. `data` are JSON values."""

    at: datetime | None
    code: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The steps in their order, what came of them, and that in one sentence."""

    outcome: Outcome
    summary: str
    steps: tuple[Step, ...]


def with_steps(explanation: Explanation, further: Sequence[Step]) -> Explanation:
    """Return an explanation with steps after its own."""
    return replace(explanation, steps=(*explanation.steps, *further)) if further else explanation


def lasted(duration: timedelta) -> str:
    """Return a duration in words: "250 milliseconds", "4.2 seconds", "2 minutes and 5 seconds"."""
    if duration < _SECOND:
        count = max(round(duration / _MILLISECOND), 0)
        return f"{count} millisecond{'' if count == 1 else 's'}"
    seconds = duration.total_seconds()
    if seconds >= MINUTE:
        step = next(step for least, step in _ROUNDED if seconds >= least)
        return duration_words(round(seconds / step) * step)
    rounded = round(seconds, 1)
    return f"{rounded:g} second{'' if rounded == 1 else 's'}"


def seconds_of(duration: timedelta) -> float:
    """Return a duration as `data` have it."""
    return round(duration.total_seconds(), 3)


def lowered(message: str) -> str:
    """Return a message as it goes on after a colon, without its full stop; names in capitals keep them."""
    text = message.rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def closed(sentence: str) -> str:
    """Return a sentence with its full stop, but where a question ends it: errors ask "Did you mean …?"."""
    text = sentence.rstrip(".")
    return text if text.endswith(("?", "!")) else f"{text}."


def by_clock(instant: datetime, time_zone: str) -> str:
    """Return an instant as the clock of a task's zone shows it; in UTC where there is no such zone (any more)."""
    try:
        return instant_words(in_utc(instant), time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return instant_words(in_utc(instant), "UTC")


def spread_step(due_at: datetime, spread: timedelta, *, flex_seconds: int, made: str) -> Step:
    """Tell that jitter or flex, whichever the task has, has a slot due later; `made` in the tense that fits."""
    if not flex_seconds:
        message = f"Its jitter {made} it due {lasted(spread)} after its slot."
        return Step(due_at, "jitter", message, {"jitterSeconds": seconds_of(spread)})
    message = f"Its flex {made} it due {lasted(spread)} after its slot, where the forecast of its queue was low."
    return Step(due_at, "flex", message, {"flexSeconds": flex_seconds, "laterSeconds": seconds_of(spread)})
