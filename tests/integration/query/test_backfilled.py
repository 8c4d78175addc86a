"""What a backfill has run, in lists by slot and in metrics: its ids hold the instant at which it was asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from query.metrics import measured
from query.selectors import history_of, visible_executions
from scheduler import connections, transitions
from scheduler.engine.identity import backfill_cause, execution_id
from scheduler.engine.states import Status, Trigger
from scheduler.models import Execution, Task
from scheduler.periods import ExecutionFilter, HistoryFilter
from scheduler.records import NewExecution
from tests.integration.conftest import Caller
from tests.integration.query.asked import asked_backfill

DAY = timedelta(days=1)
IN_JANUARY = "startDate=2023-01-01&endDate=2023-01-31"


@pytest.fixture
def backfilled(now: datetime) -> Callable[..., Execution]:
    """Records an execution of a backfill that was asked for an hour ago, and sets further columns."""

    def insert(task: Task, slot: datetime, *, asked_at: datetime | None = None, **columns: Any) -> Execution:
        at = asked_at or now - timedelta(hours=1)
        cause = backfill_cause(asked_backfill(task, slot, at=at).id, slot)
        row = NewExecution(
            id=execution_id(task.id, cause=cause, at=at, attempt=1), task_id=task.id, cause=cause, attempt=1,
            trigger=Trigger.BACKFILL, status=Status.QUEUED, scheduled_for=slot, due_at=at, namespace=task.namespace,
            queue=task.queue, priority=1, timeout_seconds=60, revision=1,
        )  # fmt: skip
        transitions.record(connections.current(), [row], now=at)
        Execution.objects.filter(id=row.id).update(**columns)
        return Execution.objects.get(id=row.id)

    return insert


@pytest.fixture
def twelfth(backfilled: Callable[..., Execution], cleanup: Task, january: list[Execution]) -> Execution:
    """The slot of 12 January of an example, which has run on 15, 16 and 17 by itself."""
    return backfilled(cleanup, datetime(2023, 1, 12, tzinfo=UTC), status=Status.SUCCESS)


def listed(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [execution["scheduledFor"][8:10] for execution in answer.json()["content"]]


@pytest.mark.usefixtures("twelfth")
class TestLists:
    @pytest.mark.parametrize(
        ("query", "days"),
        [
            (IN_JANUARY, ["12", "17", "16", "15"]),
            ("startDate=2023-01-01", ["12", "17", "16", "15"]),
            ("", ["12", "17", "16", "15"]),
            ("endDate=2023-01-15", ["12", "15"]),
            ("startDate=2023-01-12&endDate=2023-01-12", ["12"]),
            ("startDate=2023-01-13&endDate=2023-01-31", ["17", "16", "15"]),
            ("startDate=2023-01-01&endDate=2023-01-11", []),
            (f"{IN_JANUARY}&status=SUCCESS", ["12", "17", "15"]),
            (f"{IN_JANUARY}&status=FAILED", ["16"]),
        ],
    )
    def test_a_history_has_it_in_the_period_of_its_slot(
        self, viewer: Caller, cleanup: Task, query: str, days: list[str]
    ) -> None:
        assert listed(viewer.get(f"/api/v1/tasks/{cleanup.id}/history?{query}")) == days

    @pytest.mark.parametrize(
        ("query", "days"),
        [
            ("trigger=BACKFILL", ["12"]),
            ("trigger=SCHEDULE", ["17", "16", "15"]),
            ("namespace=payments", []),
            ("queue=default", ["12", "17", "16", "15"]),
        ],
    )
    def test_a_list_across_tasks_has_it_too(self, viewer: Caller, query: str, days: list[str]) -> None:
        assert listed(viewer.get(f"/api/v1/executions?{IN_JANUARY}&{query}")) == days

    @pytest.mark.parametrize(
        ("query", "count"), [("", 4), ("&status=SUCCESS", 3), ("&trigger=BACKFILL", 1), ("&queue=slow", 0)]
    )
    def test_so_has_the_list_of_the_console(self, admin_client: Client, query: str, count: int) -> None:
        page = admin_client.get(f"/admin/scheduler/execution/?{IN_JANUARY}{query}")

        assert page.context["cl"].result_count == count

    def test_a_bound_token_does_not_see_that_of_another_namespace(self, payments_editor: Caller) -> None:
        assert listed(payments_editor.get(f"/api/v1/executions?{IN_JANUARY}")) == []

    @pytest.mark.parametrize(
        ("page", "size", "days"),
        [
            (0, 1, ["12"]), (1, 1, ["17"]), (3, 1, ["15"]), (4, 1, []), (0, 2, ["12", "17"]), (1, 2, ["16", "15"]),
            (1, 3, ["15"]), (2, 3, []), (0, 4, ["12", "17", "16", "15"]),
        ],
    )  # fmt: skip
    def test_it_counts_on_every_page(
        self, viewer: Caller, cleanup: Task, page: int, size: int, days: list[str]
    ) -> None:
        answer = viewer.get(f"/api/v1/tasks/{cleanup.id}/history?{IN_JANUARY}&page={page}&size={size}")

        assert (listed(answer), answer.json()["totalElements"]) == (days, 4)

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_a_cursor_reads_on_behind_it(self, viewer: Caller, cleanup: Task, size: int) -> None:
        path = f"/api/v1/tasks/{cleanup.id}/history?{IN_JANUARY}"
        first = viewer.get(f"{path}&size={size}")

        second = viewer.get(path, {"size": 4, "cursor": first.json()["nextCursor"]})

        assert listed(first) + listed(viewer.get(f"{path}&size=4&cursor={first.json()['nextCursor']}")) == [
            "12", "17", "16", "15",
        ]  # fmt: skip
        assert second.status_code == 200

    def test_a_cursor_of_another_list_is_refused(self, viewer: Caller, cleanup: Task) -> None:
        assert viewer.get(f"/api/v1/tasks/{cleanup.id}/history?{IN_JANUARY}&cursor=x").status_code == 400

    def test_the_last_page_has_no_cursor(self, viewer: Caller, cleanup: Task) -> None:
        answer = viewer.get(f"/api/v1/tasks/{cleanup.id}/history?{IN_JANUARY}&size=4")

        assert answer.json()["nextCursor"] is None


def test_it_is_listed_once_where_it_was_asked_for_within_the_period(
    viewer: Caller, cleanup: Task, backfilled: Callable[..., Execution]
) -> None:
    slot = datetime(2023, 1, 12, tzinfo=UTC)
    backfilled(cleanup, slot, asked_at=slot + 2 * DAY)

    assert listed(viewer.get(f"/api/v1/tasks/{cleanup.id}/history?{IN_JANUARY}")) == ["12"]


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("startDate=2023-01-13&endDate=2023-01-31", ["17", "16", "15"]),
        ("startDate=2023-01-13", ["17", "16", "15"]),
        ("endDate=2023-01-16", ["16", "15", "12"]),
        ("endDate=2023-01-16T00:00:00Z", ["16", "15", "12"]),
        ("startDate=2023-01-13&endDate=2023-01-31&status=FAILED", ["16"]),
    ],
)
def test_only_its_slot_counts(
    viewer: Caller, cleanup: Task, january: list[Execution], backfilled: Callable[..., Execution], period: str,
    days: list[str],
) -> None:  # fmt: skip
    backfilled(cleanup, datetime(2023, 1, 12, tzinfo=UTC), asked_at=datetime(2023, 1, 14, tzinfo=UTC))

    of_task, across = (
        viewer.get(f"/api/v1/{path}{period}") for path in (f"tasks/{cleanup.id}/history?", "executions?")
    )

    assert listed(of_task) == days
    assert of_task.json()["totalElements"] == len(days)
    assert across.json()["totalElements"] == len(listed(across))


def explained(rows: Any) -> str:
    """Return the plan where a scan of a whole partition is the last resort."""
    query, parameters = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {query}", parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_it_is_found_by_an_index_of_its_own(cleanup: Task, now: datetime) -> None:
    asked_backfill(cleanup, datetime(2023, 1, 12, tzinfo=UTC), at=now)
    period = {"startDate": "2023-01-01", "endDate": "2023-01-31"}
    filters = HistoryFilter(period, queryset=history_of(cleanup), now=now)
    assert filters.is_valid()

    plan = explained(filters.parts()[0])

    assert "Seq Scan" not in plan, plan
    assert plan.count("scheduled_for <=") == plan.count("Index Cond"), plan


@pytest.mark.parametrize(
    ("slot", "asked", "is_looked_for", "is_taken_off"),
    [
        (None, None, False, False),
        ("2022-12-31T23:59:58", "2023-02-14", False, False),
        ("2023-01-01T00:00:00", "2023-02-14", True, False),
        ("2023-01-31T23:59:59", "2023-02-14", True, False),
        ("2023-02-01T00:00:00", "2023-02-14", False, False),
        ("2022-12-31T23:59:58", "2023-01-14", False, True),
        ("2023-01-12T00:00:00", "2023-01-14", True, False),
    ],
)
def test_it_is_looked_for_where_somebody_has_asked_for_slots_of_the_period(
    cleanup: Task, now: datetime, slot: str | None, asked: str, is_looked_for: bool, is_taken_off: bool
) -> None:
    """For to plan a look through all later partitions takes as long as a list of its own."""
    if slot is not None:
        at, of = (datetime.fromisoformat(f"{text}+00:00") for text in (f"{asked}T00:00:00", slot))
        asked_backfill(cleanup, of, at=at)
    filters = HistoryFilter({"startDate": "2023-01-01", "endDate": "2023-01-31"}, queryset=history_of(cleanup), now=now)
    assert filters.is_valid()

    assert (len(filters.counted()) == 2, bool(filters.overcounted())) == (is_looked_for, is_taken_off)


def test_a_list_across_tasks_that_reaches_to_now_reads_nothing_more(now: datetime) -> None:
    filters = ExecutionFilter({}, queryset=visible_executions(namespace=None), now=now)
    assert filters.is_valid()

    assert len(filters.parts()) == 1


# Metrics


def test_it_counts_when_it_was_asked_for(
    cleanup: Task, twelfth: Execution, count: Callable[[], None], now: datetime
) -> None:
    count()
    assert measured(cleanup, begin=now - DAY, end=now).counts["SUCCESS"] == 1


def test_it_tells_nothing_of_lateness(
    cleanup: Task, backfilled: Callable[..., Execution], count: Callable[[], None], now: datetime
) -> None:
    backfilled(cleanup, now - 9 * DAY, status=Status.SUCCESS, start_time=now, execution_time_ms=7)
    count()

    metrics = measured(cleanup, begin=now - DAY, end=now)

    assert (metrics.lateness.p50, metrics.duration.p50) == (None, 7)


def test_its_own_lateness_counts_from_when_it_was_recorded(
    viewer: Caller, cleanup: Task, backfilled: Callable[..., Execution], now: datetime
) -> None:
    execution = backfilled(cleanup, now - 9 * DAY, start_time=now - timedelta(minutes=59))

    assert viewer.get(f"/api/v1/executions/{execution.id}").json()["latenessMs"] == 60_000
