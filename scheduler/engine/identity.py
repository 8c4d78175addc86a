"""Ids of executions: worked out from their cause, so that a second copy of a firing meets the primary key."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

BACKFILL = "backfill:"
EVENT = "event:"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_HASH_BITS = 74
_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_LOW_62 = (1 << 62) - 1


def milliseconds(instant: datetime) -> int:
    """Return whole milliseconds from 1970 to `instant`, which may not lie before it."""
    return (instant - _EPOCH) // _MILLISECOND


def execution_id(task_id: UUID, *, cause: str, at: datetime, attempt: int) -> UUID:
    """Return the id of one attempt in the UUIDv7 layout (RFC 9562 §5.7).

    48 bits are the milliseconds of `at` (the slot, or the instant stored with a request), so ids sort by it and
    history can be partitioned by ranges of ids. 74 bits are SHA-256 over task, cause and attempt: equal causes
    give equal ids on every node. The trigger is not hashed: a slot is one slot, on time or caught up.
    """
    return _compose(milliseconds(at), task_id, cause, attempt)


def retry_id(execution: UUID, *, task_id: UUID, cause: str, attempt: int) -> UUID:
    """Return the id of another attempt at what `execution` tried: same cause, same milliseconds."""
    return _compose(execution.int >> 80, task_id, cause, attempt)


def _compose(at_milliseconds: int, task_id: UUID, cause: str, attempt: int) -> UUID:
    digest = hashlib.sha256(f"{task_id}|{cause}|{attempt}".encode()).digest()
    return seventh(at_milliseconds, int.from_bytes(digest[:10], "big") >> (80 - _HASH_BITS))


def seventh(at_milliseconds: int, bits: int) -> UUID:
    """Return the UUID of version 7 with these milliseconds and 74 bits."""
    high, low = bits >> 62, bits & _LOW_62
    return UUID(int=(at_milliseconds << 80) | _VERSION | (high << 64) | _VARIANT | low)


@lru_cache(maxsize=4096)
def slot_cause(slot: datetime) -> str:
    """Return the cause that SCHEDULE and CATCH_UP share: the slot itself, to the microsecond."""
    return f"slot:{slot.astimezone(UTC).isoformat(timespec='microseconds')}"


def backfill_cause(operation: UUID, slot: datetime | None = None) -> str:
    """Return the cause of a backfill's execution at a slot, or what the causes of all of them begin with."""
    at = slot.astimezone(UTC).isoformat(timespec="microseconds") if slot is not None else ""
    return f"{BACKFILL}{operation}:{at}"


def event_cause(event: UUID) -> str:
    """Return the cause of the executions that an event starts, one a task."""
    return f"{EVENT}{event}"


def event_of(cause: str) -> UUID | None:
    """Return the event that an execution was started by; None where it was none."""
    return UUID(cause.removeprefix(EVENT)) if cause.startswith(EVENT) else None


def dependency_cause(run_id: UUID, *, root_cause: str) -> str:
    """Return the cause that the executions of a run share which follow its root: the run; of a backfill, the backfill.

    Their ids hold the milliseconds of the run's (`retry_id`), so that a run lies in one partition.
    """
    return root_cause if root_cause.startswith(BACKFILL) else f"dependency:{run_id}"


def same_milliseconds(execution: UUID) -> tuple[UUID, UUID]:
    """Return the bounds, low <= id < high, of the ids that hold the milliseconds of this one."""
    low = execution.int >> 80
    return UUID(int=low << 80), UUID(int=(low + 1) << 80)


def lower_bound(instant: datetime) -> UUID:
    """Return the least id that an execution at or after `instant` can have (whole milliseconds)."""
    return UUID(int=max(milliseconds(instant), 0) << 80)


def id_bounds(executions: Collection[UUID]) -> dict[str, Any]:
    """Return the id range of a batch, `low` and `high`, and its `ids` as the text that `id_array` makes.

    Without the range a statement joined on ids visits every partition; without the ids a plan that was made while a
    partition was nearly empty reads all of the range for each batch, as long as its connection lives.
    """
    return {"low": min(executions), "high": max(executions), "ids": id_array(executions)}


def id_array(ids: Iterable[UUID]) -> str:
    """Return ids as the one text that `::text::uuid[]` turns into an array: psycopg's own costs 6 µs an id."""
    return f"{{{','.join(map(str, ids))}}}"
