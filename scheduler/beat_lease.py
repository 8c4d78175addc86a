"""The lease under which one node beats: held by the database's clock, believed in by this process's own."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from scheduler import clock, leases

NAME = "beat"
TTL = timedelta(seconds=15)
# Stop believing in the lease before others may take it.
TRUST = 0.8


class BeatLease:
    """One node's view of it; `epoch` grows with each new holder, and is None while another node holds it."""

    def __init__(self, holder: UUID) -> None:
        self._holder = holder
        self.epoch: int | None = None
        self._trusted_until = 0.0

    @property
    def is_held(self) -> bool:
        """Tell whether this node holds it, by its own monotonic clock and with a margin."""
        return self.epoch is not None and clock.monotonic() < self._trusted_until

    def renew(self, connection: psycopg.Connection, now: datetime) -> None:
        """Take it or keep it, where no other node has it."""
        asked_at = clock.monotonic()
        self.epoch = leases.acquire(connection, NAME, holder=self._holder, ttl=TTL, now=now)
        self._trusted_until = asked_at + TTL.total_seconds() * TRUST

    def give_up(self, connection: psycopg.Connection) -> None:
        """Let another node beat at once."""
        self.epoch = None
        leases.release(connection, NAME, holder=self._holder)
