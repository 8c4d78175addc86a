"""A task that is tried again once, at once, and what it has left behind."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import backfills, firing, ranges, releases, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Reason, Status
from tests.hot_paths import DAY, MINUTE, add_backfill, add_task, queue_one, start_one
from tests.integration.scheduler.lifecycle import end, start
from tests.integration.scheduler.rollups.counting import run

HOUR = timedelta(hours=1)


@pytest.fixture
def hourly(connection: psycopg.Connection, now: datetime) -> UUID:
    """Fires every hour, next in an hour; tried again once."""
    return add_task(
        connection, interval_seconds=3600, anchor_at=now - 30 * DAY, next_slot_for=now + HOUR, max_retry_count=1,
        retry_policy='{"delaySeconds": 0, "jitter": false}',
    )  # fmt: skip


@pytest.fixture
def mixed(connection: psycopg.Connection, hourly: UUID, now: datetime) -> UUID:
    """Two successes, a failure and its retry, one cancelled, nine that were missed, and a backfill's of yesterday."""
    for at in (now, now + MINUTE):
        run(connection, hourly, at=at)
    failed = start_one(connection, hourly, now=now + 2 * MINUTE)
    end(connection, failed, now=now + 3 * MINUTE, status=Status.FAILED)
    for released in releases.release(connection, now=now + 4 * MINUTE, low=EVERYWHERE):
        started = start(connection, released.id, now=now + 4 * MINUTE)
        assert started is not None
        end(connection, started, now=now + 5 * MINUTE, status=Status.TIMED_OUT)
    waiting = queue_one(connection, hourly, now=now + 6 * MINUTE)
    transitions.cancel_waiting(connection, [waiting], reason=Reason.REQUESTED, now=now + 7 * MINUTE)
    add_task(connection, next_slot_for=now - 10 * MINUTE, misfire_policy="SKIP", namespace="payments")
    firing.claim(connection, now=now)
    ranges.RangeCounter().count(connection)
    add_backfill(connection, hourly, begin=now - DAY, end=now - DAY + HOUR, now=now)
    for ready in backfills.advance(connection, after=EVERYWHERE, now=now).ready:
        started = start(connection, ready.id, now=now)
        assert started is not None
        end(connection, started, now=now + MINUTE)
    return hourly
