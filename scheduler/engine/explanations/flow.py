"""Flow control in words: what holds an execution or a slot, since when, why, and by whose order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduler.engine.schedules.instants import told, written

_KINDS = {"queue": "the queue", "class": "the task class", "namespace": "the namespace"}


@dataclass(frozen=True, slots=True)
class Flow:
    """What flow control says of one key: nothing goes, so many a second or at once, or all again (`is_lifted`)."""

    key: str
    is_paused: bool = False
    per_second: float | None = None
    at_once: int | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    asked_by: str | None = None

    @property
    def is_lifted(self) -> bool:
        """Tell whether nothing is limited any more."""
        return not self.is_paused and self.per_second is None and self.at_once is None

    @property
    def words(self) -> str:
        """What it does to whom, since when and why, as a sentence without its full stop."""
        named = subject(self.key)
        if self.is_lifted:
            return f"Flow control limits {named} no more"
        if self.is_paused:
            does = f"has paused {named}"
        elif self.per_second is not None:
            does = f"lets {self.per_second:g} a second go of {named}"
        else:
            does = f"lets {self.at_once} run at once of {named}"
        since = f" since {told(self.since)}" if self.since is not None else ""
        until = f" until {told(self.until)}" if self.until is not None else ""
        by = f", as {self.asked_by} has asked" if self.asked_by else ""
        why = f" ({self.reason})" if self.reason else ""
        return f"Flow control {does}{since}{until}{by}{why}"

    @property
    def data(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "heldBy": self.key,
            "isPaused": self.is_paused,
            "maxDispatchPerSecond": self.per_second,
            "maxConcurrency": self.at_once,
            "flowReason": self.reason,
            "since": written(self.since) if self.since is not None else None,
            "until": written(self.until) if self.until is not None else None,
            "askedBy": self.asked_by,
        }


def subject(key: str) -> str:
    """Return whom a key means."""
    kind, _, name = key.partition(":")
    return f"{_KINDS[kind]} {name}" if kind in _KINDS else "everything"
