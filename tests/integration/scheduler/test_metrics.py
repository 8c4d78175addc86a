"""What Prometheus reads of a scheduler node: each pass of its loops counted, as text on its health port."""

import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import ThreadingHTTPServer

import psycopg
import pytest
import redis

from scheduler import clock, firing, health
from scheduler.errors import BrokerUnavailable
from scheduler.metrics import NodeMetrics
from scheduler.node import SchedulerNode
from tests.hot_paths import MINUTE, SECOND, Open, add_task, change, queue_one, set_clock, start_one


@pytest.fixture
def node(now: datetime, store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> SchedulerNode:
    """A node whose passes the test makes, a second past noon."""
    set_clock(monkeypatch, lambda: now + SECOND)
    return SchedulerNode()


@pytest.fixture
def served(node: SchedulerNode) -> Iterator[ThreadingHTTPServer]:
    """Its health port."""
    server = health.serve("127.0.0.1", 0, live=node.live, ready=node.ready, metrics=node.metrics.render)
    yield server
    server.shutdown()
    server.server_close()


def value(metrics: NodeMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"platform_scheduler_{name}", labels)


def test_it_counts_what_a_claim_records(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now)
    add_task(connection, next_slot_for=now)
    node._claim(connection)
    assert value(node.metrics, "claims_total") == 1
    assert value(node.metrics, "tasks_claimed_total") == 2
    assert value(node.metrics, "executions_recorded_total", status="QUEUED", trigger="SCHEDULE") == 2
    assert value(node.metrics, "claim_duration_seconds_count") == 1


def test_it_measures_how_late_a_slot_was_claimed(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now)
    node._claim(connection)
    assert value(node.metrics, "claim_lateness_seconds_sum") == 1
    assert value(node.metrics, "claim_lateness_seconds_bucket", le="0.5") == 0
    assert value(node.metrics, "claim_lateness_seconds_bucket", le="1.0") == 1


def test_it_does_not_take_catch_up_for_lateness(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now - timedelta(hours=1), misfire_grace_seconds=0)
    node._claim(connection)
    assert value(node.metrics, "executions_recorded_total", status="QUEUED", trigger="CATCH_UP") == 1
    assert value(node.metrics, "claim_lateness_seconds_count") == 0


def test_it_counts_a_claim_that_finds_nothing_and_measures_it_not(node: SchedulerNode, connection: psycopg.Connection):
    node._claim(connection)
    assert value(node.metrics, "claims_total") == 1
    assert value(node.metrics, "claim_duration_seconds_count") == 0


def test_it_counts_a_row_that_another_copy_has_recorded(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime
):
    task_id = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)
    change(connection, "scheduler_tasks", task_id, next_slot_for=now, claim_at=now)
    node._claim(connection)
    assert value(node.metrics, "claim_conflicts_total") == 1
    assert value(node.metrics, "executions_recorded_total", status="QUEUED", trigger="SCHEDULE") is None


def test_it_counts_what_the_broker_takes(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now)
    node._claim(connection)
    node.publisher.turn(connection)
    assert value(node.metrics, "executions_dispatched_total") == 1
    assert value(node.metrics, "publish_failures_total") == 0


def test_it_counts_and_shows_a_broker_that_is_away(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise BrokerUnavailable("away")

    add_task(connection, next_slot_for=now)
    node._claim(connection)
    monkeypatch.setattr(node.publisher.outlet._broker, "publish", refuse)
    node.publisher.turn(connection)
    node.sweeping.turn(connection)
    assert value(node.metrics, "publish_failures_total") == 1
    assert value(node.metrics, "executions_dispatched_total") == 0
    assert value(node.metrics, "broker_reachable") == 0
    assert value(node.metrics, "unpublished_executions") == 1


def test_it_counts_what_the_sweep_publishes(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    queue_one(connection, add_task(connection), now=now - MINUTE)
    node.publisher.turn(connection)
    assert value(node.metrics, "executions_swept_total", cause="unpublished") == 1
    assert value(node.metrics, "executions_dispatched_total") == 1


def test_it_counts_what_is_released(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    execution_id = queue_one(connection, add_task(connection), now=now)
    change(connection, "task_execution_history", execution_id, status="SCHEDULED", not_before=now)
    node._claim(connection)
    assert value(node.metrics, "executions_released_total") == 1


def test_it_counts_what_is_lost(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    start_one(connection, add_task(connection), now=now - MINUTE)
    node.sweeping.loop.steady_since = 0.0
    node.sweeping.loop.last_pass_at = 20.0
    monkeypatch.setattr(clock, "monotonic", lambda: 21.0)
    node.sweeping._lose(connection, now + SECOND)
    assert value(node.metrics, "executions_lost_total") == 1


def test_it_shows_who_beats(node: SchedulerNode, connection: psycopg.Connection, open_connection: Open):
    other = SchedulerNode()
    node._claim(connection)
    other._claim(open_connection())
    assert value(node.metrics, "beat_lease_held") == 1
    assert value(other.metrics, "beat_lease_held") == 0


def test_it_serves_them_on_the_health_port(served: ThreadingHTTPServer):
    with urllib.request.urlopen(f"http://127.0.0.1:{served.server_port}/metrics") as answer:
        text = answer.read().decode()
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'platform_scheduler_build_info{profile="test"' in text
    assert "platform_scheduler_claim_age_seconds " in text


def test_it_speaks_openmetrics_where_that_is_asked_for(served: ThreadingHTTPServer):
    request = urllib.request.Request(
        f"http://127.0.0.1:{served.server_port}/metrics",
        headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own address
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.read().endswith(b"# EOF\n")
