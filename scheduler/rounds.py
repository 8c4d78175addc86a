"""Rounds: what a node takes on step by step, over more than one pass can do, each pass going on where one ended."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import psycopg

from scheduler.claims import EVERYWHERE
from scheduler.records import Ready


class Advanced(Protocol):
    """What one pass has queued, and after which row the next one goes on; None: from the beginning."""

    @property
    def ready(self) -> Sequence[Ready]: ...
    @property
    def after(self) -> UUID | None: ...


class Round:
    """Passes of one kind, in the order of their rows' ids, begun again behind the last."""

    def __init__(self, advance: Callable[..., Advanced]) -> None:
        self._advance = advance
        self._after = EVERYWHERE

    def turn(self, connection: psycopg.Connection, *, now: datetime, **arguments: Any) -> Sequence[Ready]:
        """Make one pass; return what to publish. Raises PartitionMissing, and the next goes on from the same row."""
        advanced = self._advance(connection, after=self._after, now=now, **arguments)
        self._after = advanced.after or EVERYWHERE
        return advanced.ready
