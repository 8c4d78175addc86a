"""What goes out to others, taken for one try: plain values, no behaviour."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A message that is being tried; `attempt_count` tells this try from others, `tries_left` come after it.

    `host` is the name of the circuit of its webhook's host.
    """

    id: UUID
    webhook_id: UUID
    event: str
    body: str
    attempt_count: int
    tries_left: int
    url: str
    secret_version: int
    secret_changed_at: datetime | None
    host: str


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A channel whose message is being tried: all notices up to `last_notice`; `attempt_count` tells tries apart."""

    key: str
    namespace: str
    channel: dict[str, Any]
    attempt_count: int
    failure_count: int
    last_notice: int
