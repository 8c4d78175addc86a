"""Reads that go to a copy of the database; it lacks what the test's own transaction has not committed."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import LazySettings
from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS

from platform_scheduler import replica
from platform_scheduler.replica import ALIAS, LAG_HEADER
from query import attention, coming, lanes
from query.api.stream import StreamView
from scheduler import clock, tokens
from scheduler.models import ApiToken, Execution, Task
from tests.hot_paths import add_task, connection, now, open_connection
from tests.integration.conftest import Caller

__all__ = ["connection", "now", "open_connection"]


HOUR = timedelta(hours=1)


class Hand:
    """The monotonic clock, moved by the test."""

    second = 1_000.0


@pytest.fixture(autouse=True)
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(clock, "monotonic", lambda: hand.second)
    return hand


@pytest.fixture
def copy(db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The settings of the copy: a connection to the same database, beside that of the test."""
    settings.ROOT_URLCONF = "tests.integration.query.replica_urls"
    own = dict(connections["default"].settings_dict)
    connections.settings[ALIAS] = own
    _open()
    monkeypatch.setattr(replica._Standing, "left_alone_until", 0.0)
    monkeypatch.setattr(replica._Standing, "is_in_doubt", False)
    replica._Standing.lag.clear()
    yield own
    connections[ALIAS].close()
    del connections[ALIAS]
    del connections.settings[ALIAS]
    replica._Standing.lag.clear()


def _open() -> None:
    """Give this thread a connection to the copy."""
    wrapper = connections.create_connection(ALIAS)
    wrapper.alias = NO_DB_ALIAS  # any other that it does not know Django's test case keeps from connecting
    connections[ALIAS] = wrapper


@pytest.fixture
def old(connection: psycopg.Connection) -> UUID:
    """A task that the copy has."""
    return add_task(connection, name="Old")


def _names(caller: Caller) -> set[str]:
    return {task["name"] for task in caller.get("/api/v1/tasks").json()["content"]}


def test_it_reads_from_the_copy_and_says_by_how_much_that_lags(
    copy: dict[str, Any], viewer: Caller, cleanup: Task, old: UUID
) -> None:
    answer = viewer.get("/api/v1/tasks")

    assert [task["name"] for task in answer.json()["content"]] == ["Old"]
    assert answer[LAG_HEADER] == "0.000"


@pytest.mark.parametrize("below", ["", "/history", "/metrics", "/upcoming", "/graph"])
def test_what_the_copy_lacks_is_read_from_the_primary(
    copy: dict[str, Any], viewer: Caller, cleanup: Task, below: str
) -> None:
    answer = viewer.get(f"/api/v1/tasks/{cleanup.id}{below}")

    assert (answer.status_code, LAG_HEADER in answer) == (200, False)


@pytest.mark.parametrize("below", ["", "/log", "/explain"])
def test_so_are_executions_and_runs(copy: dict[str, Any], admin: Caller, cleanup: Task, below: str) -> None:
    admin.send("post", f"tasks/{cleanup.id}/trigger")
    ApiToken.objects.update(last_write_at=None)

    assert admin.get(f"/api/v1/executions/{Execution.objects.get().id}{below}").status_code == 200


def test_what_neither_has_is_404(copy: dict[str, Any], viewer: Caller) -> None:
    assert viewer.get(f"/api/v1/tasks/{uuid4()}").status_code == 404


def test_whoever_has_written_reads_it(
    copy: dict[str, Any], editor: Caller, viewer: Caller, old: UUID, handlers: Any
) -> None:
    editor.send("post", "tasks", {"name": "New", "taskClass": "platform.noop"})

    assert _names(editor) == {"Old", "New"}
    assert _names(viewer) == {"Old"}


@pytest.mark.parametrize(("seconds", "names"), [(5, {"Old", "Daily Data Cleanup"}), (6, {"Old"})])
def test_he_does_so_for_some_seconds(
    copy: dict[str, Any], viewer: Caller, cleanup: Task, old: UUID, seconds: int, names: set[str]
) -> None:
    ApiToken.objects.update(last_write_at=clock.now() - timedelta(seconds=seconds))

    assert _names(viewer) == names


def test_a_write_that_is_refused_is_noted_too(copy: dict[str, Any], editor: Caller) -> None:
    editor.send("post", "tasks", {})

    assert ApiToken.objects.get().last_write_at is not None


def test_reads_are_not_noted(copy: dict[str, Any], viewer: Caller) -> None:
    viewer.get("/api/v1/tasks")

    assert ApiToken.objects.get().last_write_at is None


def test_writes_are_noted_once_a_second(viewer: Caller, now: datetime) -> None:
    instants = []
    for milliseconds in (0, 999, 1_000):
        tokens.note_write(ApiToken.objects.get(), now + timedelta(milliseconds=milliseconds))
        noted = ApiToken.objects.get().last_write_at
        assert noted is not None
        instants.append(noted - now)

    assert instants == [timedelta(0), timedelta(0), timedelta(seconds=1)]


def test_a_copy_that_does_not_answer_is_left_alone_for_a_while(
    copy: dict[str, Any], viewer: Caller, cleanup: Task, old: UUID, hand: Hand
) -> None:
    port, copy["PORT"] = copy["PORT"], "1"
    connections[ALIAS].settings_dict["PORT"] = "1"

    assert _names(viewer) == {"Old", "Daily Data Cleanup"}

    connections[ALIAS].settings_dict["PORT"] = port
    hand.second += 4.9
    assert _names(viewer) == {"Old", "Daily Data Cleanup"}
    hand.second += 0.2
    assert _names(viewer) == {"Old"}


def test_one_that_is_still_down_is_left_alone_again(
    copy: dict[str, Any], viewer: Caller, cleanup: Task, old: UUID, hand: Hand
) -> None:
    connections[ALIAS].settings_dict["PORT"] = "1"
    for _ in range(2):
        assert _names(viewer) == {"Old", "Daily Data Cleanup"}
        hand.second += 5.1
    connections[ALIAS].settings_dict["PORT"] = connections["default"].settings_dict["PORT"]

    assert _names(viewer) == {"Old"}
    assert _names(viewer) == {"Old"}


@pytest.fixture
def asking(copy: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], threading.Thread]]:
    """Begins to ask the copy by how much it lags in another thread, which takes it long to say."""
    monkeypatch.setattr(replica, "_LAG", "SELECT 0::float8 FROM pg_sleep(3)")
    threads: list[threading.Thread] = []

    def ask() -> None:
        _open()
        replica.lag_seconds()
        connections[ALIAS].close()

    def begin() -> threading.Thread:
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
        with connections["default"].cursor() as cursor:
            while True:
                cursor.execute("SELECT pg_sleep(0.01), pg_stat_clear_snapshot()")
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE query = %s", (replica._LAG,))
                if cursor.fetchall() != [(0,)]:
                    return threads[-1]

    yield begin
    for thread in threads:
        thread.join()


def test_nobody_waits_for_another_who_asks_by_how_much_it_lags(
    viewer: Caller, cleanup: Task, old: UUID, asking: Callable[[], threading.Thread]
) -> None:
    other = asking()

    assert _names(viewer) == {"Old"}
    assert other.is_alive()


def test_one_alone_finds_out_whether_it_is_back(
    copy: dict[str, Any], viewer: Caller, cleanup: Task, old: UUID, hand: Hand, asking: Callable[[], threading.Thread]
) -> None:
    port = connections[ALIAS].settings_dict["PORT"]
    connections[ALIAS].settings_dict["PORT"] = "1"
    _names(viewer)
    connections[ALIAS].settings_dict["PORT"] = port
    hand.second += 5.1
    other = asking()

    assert _names(viewer) == {"Old", "Daily Data Cleanup"}
    assert other.is_alive()
    other.join()
    assert _names(viewer) == {"Old"}


def test_a_copy_that_lags_behind_a_migration_is_left_alone(
    copy: dict[str, Any], viewer: Caller, cleanup: Task, old: UUID
) -> None:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE scheduler_tasks (id uuid)")

    answer = viewer.get("/api/v1/tasks")

    assert (answer.status_code, LAG_HEADER in answer) == (200, False)


@pytest.mark.parametrize(
    "read",
    [
        lambda now: [slot.task for slot in coming.coming(namespace=None, now=now, count=1).slots],
        lambda now: attention.attention(namespace=None, now=now).running,
        lambda now: [
            lane.task for lane in lanes.lanes(namespace=None, now=now, back=2 * HOUR, ahead=HOUR, count=5).lanes
        ],
    ],
)
def test_what_is_kept_of_the_copy_is_not_shown_to_whoever_reads_the_primary(
    copy: dict[str, Any], new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime, read: Any
) -> None:
    task = new_task("New", intervalSeconds=60, at=now)
    record(task, now - HOUR, status="RUNNING", start_time=now - HOUR)

    with replica.reading():
        assert list(read(now)) == []
    assert len(read(now)) == 1


def test_a_refusal_comes_from_the_copy_as_from_the_primary(copy: dict[str, Any], viewer: Caller) -> None:
    answer = viewer.get("/api/v1/tasks", {"status": "GONE"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "status")


def test_the_thread_has_its_own_connection_back(copy: dict[str, Any], viewer: Caller, old: UUID) -> None:
    primary = connections["default"]
    for path in ("tasks", f"tasks/{uuid4()}", "tasks?status=GONE"):
        viewer.get(f"/api/v1/{path}")
        assert connections["default"] is primary


def test_the_stream_is_not_read_from_a_copy() -> None:
    assert replica.routed({"stream": StreamView}) == {"stream": StreamView}


def test_readiness_says_how_the_copy_stands(copy: dict[str, Any], viewer: Caller) -> None:
    checks = viewer.get("/health/ready").json()["checks"]
    assert (checks["replica"], checks["replicaLagSeconds"]) == ("up", 0.0)

    connections[ALIAS].close()
    connections[ALIAS].settings_dict["PORT"] = "1"
    replica._Standing.lag.clear()
    answer = viewer.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]["replica"]) == (200, "down")


def test_readiness_does_not_ask_one_that_is_left_alone(copy: dict[str, Any], viewer: Caller, hand: Hand) -> None:
    """A probe has to be answered in time, whatever the copy does."""
    port = connections[ALIAS].settings_dict["PORT"]
    connections[ALIAS].settings_dict["PORT"] = "1"
    viewer.get("/api/v1/tasks")
    connections[ALIAS].settings_dict["PORT"] = port

    assert viewer.get("/health/ready").json()["checks"]["replica"] == "down"
    hand.second += 5.1
    assert viewer.get("/health/ready").json()["checks"]["replica"] == "up"


def test_without_a_copy_readiness_says_nothing_of_one(viewer: Caller) -> None:
    assert set(viewer.get("/health/ready").json()["checks"]) == {"database", "migrations"}
