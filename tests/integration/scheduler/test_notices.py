"""What people are told: slots that have failed for good, recoveries, auto-pauses; gathered, and not too often."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import audit, notices, rollups, transitions, webhooks
from scheduler.engine.notifications import GATHERED_FOR, SILENT_FOR
from scheduler.engine.states import Status
from scheduler.models.choices import AuditVerb
from scheduler.notices import Message
from scheduler.outgoing import DueMessage
from scheduler.records import Outcome
from tests.hot_paths import MINUTE, SECOND, add_task, change, start_one

MAIL = {"kind": "EMAIL", "to": ["ops@example.com"]}
CHAT = {"kind": "CHAT", "url": "https://chat.example/x"}
LEASE = MINUTE


@pytest.fixture
def channel(connection: psycopg.Connection) -> None:
    """The people of the namespace default."""
    connection.execute(
        "INSERT INTO scheduler_namespaces (name, notify_channel) VALUES ('default', %s)", (json.dumps(MAIL),)
    )


@pytest.fixture
def report(connection: psycopg.Connection) -> UUID:
    """A task that is tried once."""
    return add_task(connection, name="report", max_retry_count=0)


def _finish(connection: psycopg.Connection, task: UUID, status: Status, *, now: datetime, text: str = "no") -> None:
    started = start_one(connection, task, now=now)
    transitions.finish(connection, [Outcome(started.id, started.fence, status, now, error_message=text)], now=now)


def _end(connection: psycopg.Connection, task: UUID, status: Status, *, now: datetime, text: str = "no") -> None:
    _finish(connection, task, status, now=now, text=text)
    _tell(connection, now=now)


def _tell(connection: psycopg.Connection, *, now: datetime) -> None:
    while rollups.take_in(connection, limit=rollups.BATCH):
        pass
    while webhooks.fan_out(connection, now=now):
        pass


def _take(connection: psycopg.Connection, *, now: datetime) -> DueMessage | None:
    return notices.take(connection, now=now, until=now + LEASE)


def _message(connection: psycopg.Connection, *, now: datetime) -> Message:
    due = _take(connection, now=now)
    assert due is not None
    message = notices.compose(connection, due)
    assert message is not None
    notices.sent(connection, due, now=now)
    return message


def _waiting(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("SELECT occasion, task_name, text FROM scheduler_notices ORDER BY id").fetchall()


@pytest.mark.usefixtures("channel")
class TestWhatIsTold:
    @pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.LOST])
    def test_it_tells_of_a_failure(
        self, connection: psycopg.Connection, report: UUID, now: datetime, status: Status
    ) -> None:
        _end(connection, report, status, now=now)

        assert _waiting(connection) == [("FAILURE", "report", f"{status} no")]

    def test_it_says_what_the_error_says_without_its_traceback(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        _end(connection, report, Status.FAILED, now=now, text="ValueError: no\nTraceback (most recent call last):")

        assert _waiting(connection) == [("FAILURE", "report", "FAILED ValueError: no")]

    @pytest.mark.parametrize("status", [Status.SUCCESS, Status.CANCELLED])
    def test_it_tells_of_nothing_else(
        self, connection: psycopg.Connection, report: UUID, now: datetime, status: Status
    ) -> None:
        _end(connection, report, status, now=now)

        assert _waiting(connection) == []

    def test_it_does_not_tell_of_what_is_tried_again(self, connection: psycopg.Connection, now: datetime) -> None:
        _end(connection, add_task(connection, max_retry_count=1), Status.FAILED, now=now)

        assert _waiting(connection) == []

    def test_it_tells_of_a_recovery_once(self, connection: psycopg.Connection, now: datetime) -> None:
        notify_on = json.dumps([{"outcomes": ["RECOVERY"], "channel": None}])
        task = add_task(connection, name="report", max_retry_count=0, notify_on=notify_on)
        for second, status in enumerate((Status.SUCCESS, Status.FAILED, Status.SUCCESS, Status.SUCCESS)):
            _end(connection, task, status, now=now + second * SECOND)

        assert [row[:2] for row in _waiting(connection)] == [("RECOVERY", "report")]

    def test_it_tells_of_a_recovery_that_is_counted_with_its_failure(
        self, connection: psycopg.Connection, now: datetime
    ) -> None:
        notify_on = json.dumps([{"outcomes": ["FAILURE", "RECOVERY"], "channel": None}])
        task = add_task(connection, name="report", max_retry_count=0, notify_on=notify_on)
        for second, status in enumerate((Status.SUCCESS, Status.FAILED, Status.SUCCESS)):
            _finish(connection, task, status, now=now + second * SECOND)

        _tell(connection, now=now)

        assert [row[0] for row in _waiting(connection)] == ["FAILURE", "RECOVERY"]

    def test_it_tells_what_the_platform_pauses(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        change(connection, "scheduler_tasks", report, status="PAUSED", pause_reason="Enough.")
        audit.record_standing(connection, [report], verb=AuditVerb.PAUSE, before="ACTIVE", now=now)

        _tell(connection, now=now)

        assert _waiting(connection) == [("AUTO_PAUSE", "report", "Enough.")]

    def test_it_does_not_tell_what_it_does_for_somebody(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        connection.execute(
            "INSERT INTO scheduler_audit (recorded_at, actor, via, reason, verb, kind, object_id)"
            " VALUES (%s, 'olaf', 'PLATFORM', 'Bulk action 7.', 'pause', 'task', %s)", (now, str(report)),
        )  # fmt: skip
        connection.execute("INSERT INTO scheduler_outbox (records) SELECT array_agg(id) FROM scheduler_audit")

        _tell(connection, now=now)

        assert _waiting(connection) == []

    def test_what_is_told_again_waits_once(self, connection: psycopg.Connection, report: UUID, now: datetime) -> None:
        _end(connection, report, Status.FAILED, now=now)
        connection.execute("INSERT INTO scheduler_outbox (executions) SELECT array_agg(id) FROM task_execution_history")

        _tell(connection, now=now)

        assert len(_waiting(connection)) == 1

    def test_a_task_may_name_its_own_people(self, connection: psycopg.Connection, now: datetime) -> None:
        notify_on = json.dumps([{"outcomes": ["FAILURE"], "channel": one} for one in (CHAT, None)])
        _end(connection, add_task(connection, max_retry_count=0, notify_on=notify_on), Status.FAILED, now=now)

        kinds = connection.execute("SELECT channel ->> 'kind' FROM scheduler_channels ORDER BY 1").fetchall()
        assert kinds == [("CHAT",), ("EMAIL",)]

    def test_a_task_of_another_namespace_is_not_told_of(self, connection: psycopg.Connection, now: datetime) -> None:
        _end(connection, add_task(connection, max_retry_count=0, namespace="payments"), Status.FAILED, now=now)

        assert _waiting(connection) == []


def test_where_nobody_is_to_be_told_nothing_is_written(
    connection: psycopg.Connection, report: UUID, now: datetime
) -> None:
    _end(connection, report, Status.FAILED, now=now)

    assert connection.execute("SELECT count(*) FROM scheduler_failing_tasks").fetchone() == (0,)


@pytest.mark.usefixtures("channel")
class TestGathering:
    def test_what_is_idle_is_forgotten(self, connection: psycopg.Connection, report: UUID, now: datetime) -> None:
        _end(connection, report, Status.FAILED, now=now)
        _message(connection, now=now + GATHERED_FOR)
        change(connection, "scheduler_tasks", report, status="DELETED")

        notices.forget(connection, now=now + notices.IDLE_KEPT)
        left = connection.execute("SELECT count(*) FROM scheduler_channels").fetchone()
        notices.forget(connection, now=now + notices.IDLE_KEPT + MINUTE)

        assert left == (1,)
        assert connection.execute("SELECT count(*) FROM scheduler_channels").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM scheduler_failing_tasks").fetchone() == (0,)

    def test_an_outage_is_one_message(self, connection: psycopg.Connection, now: datetime) -> None:
        for number in range(30):
            task = add_task(connection, name=f"task {number:02}", max_retry_count=0)
            _end(connection, task, Status.FAILED, now=now + number * SECOND / 10)

        assert _take(connection, now=now + GATHERED_FOR - SECOND) is None
        message = _message(connection, now=now + GATHERED_FOR)
        assert message.title == "[default] 30 tasks have failed"
        assert (len(message.lines), message.text.splitlines()[-1]) == (20, "… and 10 more")
        assert _waiting(connection) == []
        assert _take(connection, now=now + timedelta(days=1)) is None

    def test_a_task_that_fails_again_and_again_is_one_line(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        for second in range(3):
            _end(connection, report, Status.FAILED, now=now + second * SECOND, text=f"no {second}")

        (line,) = _message(connection, now=now + GATHERED_FOR).lines
        assert (line.count, line.at, line.text) == (3, now + 2 * SECOND, "FAILED no 2")

    def test_the_next_message_waits(self, connection: psycopg.Connection, report: UUID, now: datetime) -> None:
        _end(connection, report, Status.FAILED, now=now)
        sent_at = now + GATHERED_FOR
        _message(connection, now=sent_at)

        _end(connection, report, Status.FAILED, now=sent_at + SECOND)

        assert _take(connection, now=sent_at + SILENT_FOR - SECOND) is None
        assert _message(connection, now=sent_at + SILENT_FOR).counts == {"FAILURE": 1}

    def test_what_comes_while_it_is_sent_waits_for_the_next(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        _end(connection, report, Status.FAILED, now=now)
        due = _take(connection, now=now + GATHERED_FOR)
        assert due is not None
        _end(connection, report, Status.TIMED_OUT, now=now + GATHERED_FOR + SECOND)

        sent_at = now + GATHERED_FOR + 2 * SECOND
        notices.sent(connection, due, now=sent_at)

        assert [text for _, _, text in _waiting(connection)] == ["TIMED_OUT no"]
        assert _take(connection, now=sent_at + SILENT_FOR - SECOND) is None
        assert _take(connection, now=sent_at + SILENT_FOR) is not None

    def test_where_the_process_dies_it_is_sent_again(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        _end(connection, report, Status.FAILED, now=now)
        at = now + GATHERED_FOR
        assert _take(connection, now=at) is not None

        assert _take(connection, now=at + LEASE - SECOND) is None
        assert _message(connection, now=at + LEASE).counts == {"FAILURE": 1}

    def test_whoever_was_overtaken_forgets_nothing(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        _end(connection, report, Status.FAILED, now=now)
        slow = _take(connection, now=now + GATHERED_FOR)
        _take(connection, now=now + GATHERED_FOR + LEASE)
        assert slow is not None

        notices.sent(connection, slow, now=now + GATHERED_FOR + LEASE)

        assert len(_waiting(connection)) == 1

    def test_a_failure_is_tried_again_with_all_that_waits(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        _end(connection, report, Status.FAILED, now=now)
        due = _take(connection, now=now + GATHERED_FOR)
        assert due is not None
        _end(connection, report, Status.FAILED, now=now + GATHERED_FOR + SECOND)

        assert notices.failed(connection, due, "no", now=now + GATHERED_FOR)

        assert _take(connection, now=now + GATHERED_FOR + 10 * SECOND) is None
        assert _message(connection, now=now + GATHERED_FOR + MINUTE).lines[0].count == 2

    def test_after_the_last_try_what_waited_is_dropped(
        self, connection: psycopg.Connection, report: UUID, now: datetime
    ) -> None:
        _end(connection, report, Status.FAILED, now=now)
        goes_on, at = [], now + GATHERED_FOR
        while due := _take(connection, now=at):
            goes_on.append(notices.failed(connection, due, "no", now=at))
            at += timedelta(hours=2)

        assert goes_on == [True] * (notices.MOST_TRIES - 1) + [False]
        assert _waiting(connection) == []
