"""What somebody asked for and is carried out step by step, locked: plain values, no behaviour."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class LockedAction:
    """A locked bulk action, PENDING or RUNNING, with how many of its items have been dealt with, and how."""

    id: UUID
    arguments: dict[str, Any]
    errors: list[dict[str, Any]]
    done_count: int
    failed_count: int
    skipped_count: int
    created_by: str | None
    abort_requested_at: datetime | None

    @property
    def position(self) -> int:
        """The number of the next item."""
        return self.done_count + self.failed_count + self.skipped_count


@dataclass(frozen=True, slots=True)
class LockedEvent:
    """A locked event whose listeners have not all been started yet; `position` is the last task looked at."""

    id: UUID
    name: str
    namespace: str | None
    payload: str
    received_at: datetime
    position: UUID | None


@dataclass(frozen=True, slots=True)
class LockedCatchUp:
    """A locked catch-up that has not ended; `position` is the instant up to which its budget is used."""

    id: UUID
    arguments: dict[str, Any]
    status: str
    position: datetime
    done_count: int
    skipped_count: int
    created_at: datetime
    abort_requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class LockedOperation:
    """A locked operation on a task's slots, PENDING or RUNNING; `position` is the next slot to look at."""

    id: UUID
    task_id: UUID
    arguments: dict[str, Any]
    position: datetime
    skipped_count: int
    created_at: datetime
    abort_requested_at: datetime | None
