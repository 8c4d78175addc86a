"""The stable spread of a task's slots: the same task and slot shift alike on every node, at every restart."""

import hashlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from scheduler.engine.schedules.instants import written

_HASH_BYTES: Final = 8
_HASH_BITS: Final = 8 * _HASH_BYTES
_MILLISECONDS: Final = 1000


def jitter(task_id: UUID, slot: datetime, jitter_seconds: int) -> timedelta:
    """Return how long after its slot a task is due: 0 <= jitter < jitter_seconds, in whole milliseconds.

    SHA-256 over task and slot spreads tasks evenly; `jitter_seconds` 0 gives no jitter. Raises ValueError below 0.
    """
    if jitter_seconds < 0:
        raise ValueError("jitter_seconds is negative")
    digest = hashlib.sha256(f"jitter|{task_id}|{written(slot)}".encode()).digest()
    share = int.from_bytes(digest[:_HASH_BYTES], "big")
    return timedelta(milliseconds=(share * jitter_seconds * _MILLISECONDS) >> _HASH_BITS)
