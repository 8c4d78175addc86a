"""Notifications by their rules: what people are told of, by which channel, and how much of it in one message."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from scheduler.engine.schedules.instants import told


class Occasion(StrEnum):
    """What somebody is notified of; each has its words in _TOLD."""

    FAILURE = "FAILURE"
    RECOVERY = "RECOVERY"
    SLA_BREACH = "SLA_BREACH"
    AUTO_PAUSE = "AUTO_PAUSE"


class Kind(StrEnum):
    """By which way a channel leads to people."""

    EMAIL = "EMAIL"
    CHAT = "CHAT"
    WEBHOOK = "WEBHOOK"


# Of a task that says nothing of it, by the channel of its namespace.
DEFAULT_OCCASIONS: Final = (Occasion.FAILURE, Occasion.SLA_BREACH, Occasion.AUTO_PAUSE)

# An outage fails many tasks within seconds: the first message waits for them, the next ones for so long.
GATHERED_FOR: Final = timedelta(seconds=30)
SILENT_FOR: Final = timedelta(minutes=5)
TASKS_NAMED: Final = 20
TEXT_LENGTH: Final = 300

_TOLD: Final = {
    Occasion.FAILURE: "failed",
    Occasion.RECOVERY: "recovered",
    Occasion.SLA_BREACH: "broken an SLA",
    Occasion.AUTO_PAUSE: "been paused",
}
# What is no task's: told to the namespace in any case.
WEBHOOK_OFF: Final = "WEBHOOK_OFF"
# Found by the self-audit: the platform's own fault, told to the namespace in any case too.
SLOT_FAULT: Final = "SLOT_FAULT"


@dataclass(frozen=True, slots=True)
class Line:
    """What is told of one task in one message: how often it happened, when last, and what was said then."""

    occasion: str
    task_name: str
    count: int
    at: datetime
    text: str


def channels(
    notify_on: Sequence[Mapping[str, Any]] | None, of_namespace: dict[str, Any] | None, occasion: Occasion
) -> list[dict[str, Any]]:
    """Return by which channels people are told; `notify_on` None is the namespace's channel on failure."""
    if notify_on is None:
        wanted: list[Any] = [None] if occasion in DEFAULT_OCCASIONS else []
    else:
        wanted = [rule["channel"] for rule in notify_on if occasion in rule["outcomes"]]
    found = [channel if channel is not None else of_namespace for channel in wanted]
    told: list[dict[str, Any]] = []
    for channel in found:
        if channel is not None and channel not in told:
            told.append(channel)
    return told


def channel_key(namespace: str, channel: Mapping[str, Any]) -> str:
    """Return what says a channel of a namespace apart: all that uses the same one shares its messages."""
    return hashlib.sha256(f"{namespace}\n{json.dumps(channel, sort_keys=True)}".encode()).hexdigest()


def title(namespace: str, counts: Mapping[str, int]) -> str:
    """Return a message in one line; `counts` are tasks by occasion."""
    parts = [
        _counted(occasion, counts[occasion])
        for occasion in (*Occasion, SLOT_FAULT, WEBHOOK_OFF)
        if counts.get(occasion)
    ]
    return f"[{namespace}] {', '.join(parts)}"


def text(namespace: str, counts: Mapping[str, int], lines: Sequence[Line]) -> str:
    """Return a message for people; `lines` are the first TASKS_NAMED of what `counts` count."""
    return "\n".join([title(namespace, counts), "", *_written(lines, total=sum(counts.values()))])


def _written(lines: Sequence[Line], *, total: int) -> Iterator[str]:
    for line in lines:
        times = f", {line.count} times" if line.count > 1 else ""
        said = " ".join(line.text.split())[:TEXT_LENGTH]
        yield f"{line.task_name}: {line.occasion} at {told(line.at)}{times}" + (f": {said}" if said else "")
    if total > len(lines):
        yield f"… and {total - len(lines):,} more"


def _counted(occasion: str, count: int) -> str:
    if occasion == WEBHOOK_OFF:
        return "1 webhook is switched off" if count == 1 else f"{count:,} webhooks are switched off"
    if occasion == SLOT_FAULT:
        return f"the slots of {count:,} {'task' if count == 1 else 'tasks'} do not add up"
    told = _TOLD[Occasion(occasion)]
    return f"1 task has {told}" if count == 1 else f"{count:,} tasks have {told}"
