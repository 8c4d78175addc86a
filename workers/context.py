"""What a handler is told of the execution that it runs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from scheduler.engine.states import Trigger
from workers.masking import Mask


@dataclass(frozen=True, slots=True)
class Event:
    """What has started an execution; `payload` is what came with it."""

    id: UUID
    name: str
    payload: dict[str, Any]
    received_at: datetime


def no_event() -> Event | None:
    """Return that no event has started the execution."""
    return None


@dataclass(frozen=True)
class Context:
    """One attempt at one slot. Instants are UTC; `fence` grows over all slots and attempts of a task.

    `time_zone` is the task's. `mask` hides the secrets of the task data in a text: results, errors and logs are masked
    anyway; `mask.cut` is for a text that the handler cuts itself, where half a secret may be left at the end.
    """

    execution_id: UUID
    task_id: UUID
    task_name: str
    namespace: str
    scheduled_for: datetime
    started_at: datetime
    attempt: int
    fence: int
    trigger: Trigger
    run_id: UUID | None
    timeout_seconds: int
    find_previous_success: Callable[[], datetime | None] = field(repr=False, compare=False)
    find_event: Callable[[], Event | None] = field(default=no_event, repr=False, compare=False)
    time_zone: str = "UTC"
    mask: Mask = field(default_factory=Mask, repr=False, compare=False)

    @property
    def log(self) -> logging.Logger:
        """Where lines for this execution's log go; what other loggers say during the run goes there too."""
        return logging.getLogger("workers.execution")

    @cached_property
    def previous_success_for(self) -> datetime | None:
        """The slot of the task's latest earlier SUCCESS, asked from the database when it is first read."""
        return self.find_previous_success()

    @cached_property
    def event(self) -> Event | None:
        """The event that has started this slot, all attempts alike; asked from the database when it is first read.

        None where it was none, or where it is no longer kept.
        """
        return self.find_event()
