"""An hourly task without a history, and a backfill of its three latest slots."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
import redis
from celery import current_app
from kombu import Connection

from tests.hot_paths import (
    DAY,
    add_backfill,
    add_task,
)


@pytest.fixture
def hourly(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that fires every hour, tried again once, of high priority; its history is empty."""
    return add_task(
        connection, interval_seconds=3600, anchor_at=now - 30 * DAY, next_slot_for=now + timedelta(hours=1), priority=9,
        max_retry_count=1, retry_policy='{"delaySeconds": 0, "jitter": false}',
    )  # fmt: skip


@pytest.fixture
def three(connection: psycopg.Connection, hourly: UUID, now: datetime) -> UUID:
    """A backfill of its three latest slots before now, one at a time."""
    return add_backfill(connection, hourly, begin=now - timedelta(hours=3), end=now, now=now)


@pytest.fixture
def consumer(store: redis.Redis) -> Iterator[Connection]:
    """A connection that reads as Celery's workers do."""
    opened = current_app.connection_for_read()
    yield opened
    opened.release()
