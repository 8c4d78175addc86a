"""Start and end one execution, as its worker does."""

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from scheduler import transitions
from scheduler.engine.states import Status
from scheduler.records import Outcome, Started
from tests.hot_paths import LEASE


def end(connection: psycopg.Connection, started: Started, *, now: datetime, **values: Any) -> set[UUID]:
    outcome = Outcome(started.id, started.fence, values.pop("status", Status.SUCCESS), **values)
    return set(transitions.finish(connection, [outcome], now=now))


def start(connection: psycopg.Connection, execution_id: UUID, *, now: datetime) -> Started | None:
    return transitions.start(connection, execution_id, node_id="node-1", lease_expires_at=now + LEASE, now=now)
