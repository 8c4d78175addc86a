"""The platform on RabbitMQ with real processes: connections closed by force, queues emptied, queues gone."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest
from kombu import Connection

from tests.acceptance.brokers import Noted, noting, on_rabbitmq
from tests.rabbitmq import close_connections, delete_queues, needs_rabbitmq, needs_rabbitmqctl, rabbitmqctl, vhost_of

pytestmark = [pytest.mark.acceptance, needs_rabbitmq]

CHILDREN = 2
PRIORITIES = range(1, 11)
TIMES = 20


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """PostgreSQL and RabbitMQ, both the tests' own."""
    with on_rabbitmq() as environment:
        yield environment


@pytest.fixture(scope="module")
def noted(environment: dict[str, str]) -> Iterator[Noted]:
    """A platform on them, whose worker has two children."""
    with noting(environment, children=CHILDREN) as noted:
        yield noted


def test_it_needs_no_redis(noted: Noted) -> None:
    assert "REDIS_URL=''" in (noted.platform.data_dir / "environment").read_text()
    assert not (noted.platform.data_dir / "valkey").exists()


def test_it_runs_every_slot_once(noted: Noted) -> None:
    task = noted.register("each-second", intervalSeconds=1)

    noted.platform.wait_for(lambda: len(noted.platform.history(task)) >= 8, seconds=40)
    assert noted.platform.call("DELETE", f"/api/v1/tasks/{task}").status == 204

    slots = [datetime.fromisoformat(row["scheduledFor"]) for row in noted.platform.history(task)]
    assert slots == [slots[0] + number * timedelta(seconds=1) for number in range(len(slots))]
    assert noted.notes.count("each-second") >= 7


@needs_rabbitmqctl
def test_it_loses_and_doubles_nothing_though_connections_are_closed(noted: Noted) -> None:
    tasks = [noted.register(f"mixed-{priority}", priority=priority, seconds=0.02) for priority in PRIORITIES]

    first = [noted.trigger(task) for task in tasks * (TIMES // 2)]
    close_connections(noted.broker_url)
    second = [noted.trigger(task) for task in tasks * (TIMES // 2)]
    close_connections(noted.broker_url)

    noted.platform.wait_for(lambda: _ended(noted, tasks) == len(first + second), seconds=90)
    rows = [row for task in tasks for row in noted.platform.history(task)]
    assert {row["id"] for row in rows} == {*first, *second}
    assert {(row["status"], row["attempt"]) for row in rows} == {("SUCCESS", 1)}
    assert [noted.notes.count(f"mixed-{priority}") for priority in PRIORITIES] == [TIMES] * len(PRIORITIES)


def _ended(noted: Noted, tasks: list[str]) -> int:
    rows = [row for task in tasks for row in noted.platform.history(task)]
    return sum(row["endTime"] is not None for row in rows)


@needs_rabbitmqctl
@pytest.mark.parametrize("timeout_seconds", [60, 3_600])
def test_it_ends_once_what_ran_while_connections_were_closed(noted: Noted, timeout_seconds: int) -> None:
    """A late acknowledgement is lost with its connection, and the message comes again; an early one has been made."""
    line = f"for-{timeout_seconds}"
    execution = noted.trigger(noted.register(line, seconds=4, timeoutSeconds=timeout_seconds))
    noted.platform.wait_for(lambda: noted.statuses([execution]) == ["RUNNING"], seconds=30)

    close_connections(noted.broker_url)

    noted.platform.wait_for(lambda: noted.statuses([execution]) == ["SUCCESS"], seconds=30)
    after = noted.trigger(noted.register(f"after-{timeout_seconds}"))
    noted.platform.wait_for(lambda: noted.statuses([after]) == ["SUCCESS"], seconds=30)
    assert (noted.shown(execution)["attempt"], noted.notes.count(line)) == (1, 1)


def test_it_sends_again_what_was_purged(noted: Noted, environment: dict[str, str]) -> None:
    task = noted.register("purged")
    blockers = noted.block(CHILDREN, name="before a purge")
    executions = [noted.trigger(task) for _ in range(5)]
    with Connection(noted.broker_url) as connection:
        assert connection.default_channel.queue_purge("default") == 5  # type: ignore[attr-defined]
    noted.unblock(blockers)

    # Five minutes pass.
    with psycopg.connect(environment["DATABASE_URL"]) as database:
        database.execute(
            "UPDATE task_execution_history SET published_at = published_at - interval '6 minutes' "
            "WHERE status = 'QUEUED' AND task_id = %s",
            (task,),
        )

    noted.platform.wait_for(lambda: noted.statuses(executions) == ["SUCCESS"] * 5, seconds=90)
    assert noted.notes.count("purged") == 5


def test_it_sends_everything_again_where_rabbitmq_has_lost_its_data(noted: Noted) -> None:
    task = noted.register("lost")
    blockers = noted.block(CHILDREN, name="before the loss")
    executions = [noted.trigger(task) for _ in range(5)]
    delete_queues(noted.broker_url, "platform-scheduler:generation", "default", "platform")
    noted.unblock(blockers)

    noted.platform.wait_for(lambda: noted.statuses(executions) == ["SUCCESS"] * 5, seconds=60)
    assert noted.notes.count("lost") == 5


@needs_rabbitmqctl
def test_it_declares_the_queues_that_it_needs_and_no_others(noted: Noted) -> None:
    """Whatever Celery would declare for events, mingling or remote control is switched off."""
    listed = rabbitmqctl("list_queues", "-p", vhost_of(noted.broker_url), "name", "durable", "--no-table-headers")
    assert sorted(line.split("\t") for line in listed.splitlines()) == [
        ["default", "true"],
        ["platform", "true"],
        ["platform-scheduler:generation", "true"],
    ]
