"""GET /api/v1/stats/overview."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from query import overview
from scheduler.models import Execution, Handler, Node, Task
from tests.integration.conftest import Caller
from tests.integration.query.following import listed, numbers

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def _node(role: str, beat: datetime, **load: int) -> Node:
    return Node.objects.create(
        id=uuid4(), role=role, hostname="host", pid=1, started_at=beat, heartbeat_at=beat, load=load
    )


@pytest.fixture
def platform(
    new_task: Callable[..., Task], record: Callable[..., Execution], count: Callable[[], None], now: datetime
) -> Task:
    """Tasks of every status, one of them late; executions of every status, now, within the day and before; nodes."""
    task = new_task("Busy", intervalSeconds=60)
    other = new_task("Other", namespace="payments", queue="slow", intervalSeconds=7200)
    new_task("Late", intervalSeconds=60)
    Task.objects.filter(name="Late").update(claim_at=now - MINUTE, next_execution_time=now - MINUTE)
    for status in ("PAUSED", "COMPLETED", "DELETED"):
        Task.objects.filter(id=new_task(status).id).update(status=status, claim_at=None)
    for number, status in enumerate(("SUCCESS", "SUCCESS", "FAILED", "TIMED_OUT", "LOST", "CANCELLED", "SKIPPED")):
        record(task, now - (number + 1) * MINUTE, status=status, end_time=now)
        record(other, now - (number + 2) * HOUR, status=status, end_time=now)
    record(task, now - 30 * HOUR, status="FAILED", end_time=now)
    record(task, now - 9 * MINUTE, status="QUEUED", queued_at=now - 9 * MINUTE)
    record(task, now - 8 * MINUTE, status="QUEUED", queued_at=now - 8 * MINUTE)
    record(other, now - 30 * timedelta(days=1), status="QUEUED", queued_at=now - HOUR)
    record(task, now - 10 * MINUTE, status="RUNNING")
    record(other, now - 11 * MINUTE, status="SCHEDULED", not_before=now)
    _node("scheduler", now)
    _node("worker", now, concurrency=4)
    _node("worker", now - 5 * MINUTE, concurrency=8)
    count()
    return task


def _overview(caller: Caller) -> Any:
    answer = caller.get("/api/v1/stats/overview")
    assert answer.status_code == 200, answer.content
    return answer.json()


def _counts(numbers: dict[str, Any]) -> dict[str, int]:
    return {name: number["count"] for name, number in numbers.items()}


@pytest.mark.usefixtures("platform")
class TestOverview:
    """A platform where something of everything goes on."""

    def test_it_counts_tasks_by_status(self, viewer: Caller) -> None:
        assert _counts(_overview(viewer)["tasks"]) == {"ACTIVE": 3, "PAUSED": 1, "COMPLETED": 1, "DELETED": 1}

    def test_it_counts_what_is_open(self, viewer: Caller) -> None:
        assert _counts(_overview(viewer)["executions"]) == {"SCHEDULED": 1, "QUEUED": 3, "RUNNING": 1}

    def test_it_counts_what_ended_in_the_last_hour_and_day(self, viewer: Caller) -> None:
        answer = _overview(viewer)

        ended = [
            (answer[name]["succeeded"]["count"], answer[name]["failed"]["count"]) for name in ("lastHour", "lastDay")
        ]
        assert ended == [(2, 3), (4, 6)]

    def test_it_counts_late_tasks(self, viewer: Caller) -> None:
        assert _overview(viewer)["late"]["count"] == 2

    def test_it_tells_the_depth_and_the_oldest_wait_of_each_queue(self, viewer: Caller, now: datetime) -> None:
        first, second = _overview(viewer)["queues"]

        assert (first["queue"], first["depth"]["count"], second["queue"], second["depth"]["count"]) == (
            "default", 2, "slow", 1,
        )  # fmt: skip
        assert 540 <= first["oldestWaitSeconds"] < 600

    def test_it_tells_which_queues_have_workers_and_what_the_broker_has_not_taken(
        self, viewer: Caller, now: datetime
    ) -> None:
        Node.objects.filter(role="worker").update(load={"concurrency": 4, "queues": ["slow", "platform"]})
        Execution.objects.filter(queue="slow").update(published_at=now)

        first, second = _overview(viewer)["queues"]

        assert (first["isServed"], first["oldestUnpublishedAt"]) == (False, first["oldestQueuedAt"])
        assert (second["isServed"], second["oldestUnpublishedAt"]) == (True, None)

    def test_it_names_what_fires_next_the_soonest_first(self, viewer: Caller) -> None:
        answer = _overview(viewer)

        assert [fire["taskName"] for fire in answer["nextFires"]] == ["Late", "Busy", "Other"]
        assert answer["dueWithinHour"]["count"] == 2

    def test_it_tells_which_nodes_beat(self, viewer: Caller) -> None:
        workers = _overview(viewer)["workers"]

        assert (workers["alive"]["count"], workers["silent"]["count"], workers["slots"]) == (1, 1, 4)
        assert workers["isHealthy"]

    def test_it_names_the_classes_that_no_worker_announces_any_more(
        self, viewer: Caller, payments_editor: Caller, now: datetime
    ) -> None:
        def missing(caller: Caller) -> list[str]:
            overview.kept.clear()
            return _overview(caller)["workers"]["missingClasses"]  # type: ignore[no-any-return]

        assert missing(viewer) == []
        Handler.objects.update(seen_at=now - 4 * MINUTE)
        assert missing(viewer) == missing(payments_editor) == ["platform.noop"]
        Task.objects.filter(namespace="payments").update(status="PAUSED", claim_at=None)
        assert (missing(viewer), missing(payments_editor)) == (["platform.noop"], [])

    def test_a_scheduler_that_leaves_something_due_is_not_healthy(self, viewer: Caller, now: datetime) -> None:
        schedulers = _overview(viewer)["schedulers"]

        assert (schedulers["isHealthy"], schedulers["alive"]["count"]) == (False, 1)
        assert datetime.fromisoformat(schedulers["oldestDueAt"]) == now - MINUTE

    def test_a_scheduler_that_keeps_up_is_healthy(self, viewer: Caller, now: datetime) -> None:
        Task.objects.filter(name="Late").update(claim_at=now + HOUR, next_execution_time=now + HOUR)

        assert _overview(viewer)["schedulers"]["isHealthy"]

    def test_every_number_links_to_exactly_the_rows_that_it_counts(self, viewer: Caller) -> None:
        found = list(numbers(_overview(viewer)))

        assert len(found) == 19
        assert [number["count"] for number in found] == [listed(viewer, number["link"]) for number in found]

    def test_every_number_of_a_bound_token_links_to_its_rows(self, payments_editor: Caller) -> None:
        found = list(numbers(_overview(payments_editor)))

        assert [number["count"] for number in found] == [listed(payments_editor, number["link"]) for number in found]

    def test_a_bound_token_is_told_of_its_namespace_only(self, payments_editor: Caller) -> None:
        answer = _overview(payments_editor)

        assert (answer["namespace"], answer["tasks"]["ACTIVE"]["count"]) == ("payments", 1)
        assert [queue["queue"] for queue in answer["queues"]] == ["slow"]
        assert [fire["taskName"] for fire in answer["nextFires"]] == ["Other"]
        assert answer["lastDay"]["failed"]["count"] == 3

    def test_it_is_worked_out_once_for_all_who_ask_within_two_seconds(
        self, viewer: Caller, django_assert_max_num_queries: Any
    ) -> None:
        first = _overview(viewer)
        with django_assert_max_num_queries(2):
            assert _overview(viewer) == first

    # The token, the note of its use; tasks by status and late, what is open by status, two periods, what comes and
    # what is soonest, nodes, queues.
    def test_it_asks_so_many_questions_and_no_more(self, viewer: Caller, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(19):
            _overview(viewer)

    def test_each_namespace_is_kept_apart(self, viewer: Caller, payments_editor: Caller) -> None:
        assert _overview(viewer)["tasks"] != _overview(payments_editor)["tasks"]


def test_an_empty_platform_has_an_overview(viewer: Caller) -> None:
    answer = _overview(viewer)

    assert {number["count"] for number in numbers(answer)} == {0}
    assert (answer["nextFires"], answer["queues"], answer["schedulers"]["isHealthy"]) == ([], [], False)


def test_above_ten_thousand_it_says_that_it_estimates(
    viewer: Caller, platform: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.totals.MOST_COUNTED", 1)

    tasks = _overview(viewer)["tasks"]

    assert (tasks["ACTIVE"]["isEstimated"], tasks["PAUSED"]["isEstimated"]) == (True, False)


def test_of_a_flood_the_oldest_are_counted(viewer: Caller, platform: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.queues.MOST_COUNTED", 2)

    queues = _overview(viewer)["queues"]

    assert sum(queue["depth"]["count"] for queue in queues) == 2
    assert all(queue["depth"]["isEstimated"] for queue in queues)


def test_it_takes_no_parameters(viewer: Caller) -> None:
    answer = viewer.get("/api/v1/stats/overview?namespace=default")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "namespace")


def test_strangers_are_told_nothing(nobody: Any) -> None:
    assert nobody.get("/api/v1/stats/overview").status_code == 401


class TestFlowControl:
    def test_it_tells_that_nothing_is_limited(self, viewer: Caller) -> None:
        shown = _overview(viewer)["flowControl"]
        assert (shown["mode"], shown["isLimiting"], shown["since"]) == ("NORMAL", False, None)

    def test_a_stop_is_told_with_who_and_why(self, operator: Caller) -> None:
        operator.send("put", "flow-control", {"mode": "PAUSED", "reason": "The ledger is being moved."})
        shown = _overview(operator)["flowControl"]
        assert (shown["mode"], shown["isLimiting"], shown["askedBy"], shown["reason"]) == (
            "PAUSED", True, "olaf", "The ledger is being moved.",
        )  # fmt: skip

    def test_one_paused_queue_is_a_limit(self, operator: Caller) -> None:
        operator.send("put", "flow-control", {"mode": "NORMAL", "queues": {"reports": {"mode": "PAUSED"}}})
        shown = _overview(operator)["flowControl"]
        assert (shown["mode"], shown["isLimiting"]) == ("NORMAL", True)

    def test_schedulers_that_a_stop_keeps_idle_are_healthy(self, operator: Caller, platform: Task) -> None:
        operator.send("put", "flow-control", {"mode": "PAUSED"})
        assert _overview(operator)["schedulers"]["isHealthy"] is True
