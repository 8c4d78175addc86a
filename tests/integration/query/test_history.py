"""GET /api/v1/tasks/{id}/history."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from query.selectors import history_of
from scheduler.models import Task
from scheduler.periods import HistoryFilter
from tests.integration.conftest import Caller


def _days(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [int(execution["scheduledFor"][8:10]) for execution in answer.json()["content"]]


@pytest.mark.usefixtures("january")
class TestHistory:
    """Slots of 2023-01-15, 16 and 17, each at midnight UTC."""

    def test_it_answers_the_seeds_request(self, viewer: Caller, cleanup: Task) -> None:
        answer = viewer.get(
            f"/api/v1/tasks/{cleanup.id}/history?startDate=2023-01-01&endDate=2023-01-31&status=SUCCESS"
        )

        assert _days(answer) == [17, 15]

    def test_the_latest_slot_comes_first(self, viewer: Caller, cleanup: Task) -> None:
        assert _days(viewer.get(f"/api/v1/tasks/{cleanup.id}/history")) == [17, 16, 15]

    def test_it_answers_a_page(self, viewer: Caller, cleanup: Task) -> None:
        answer = viewer.get(f"/api/v1/tasks/{cleanup.id}/history?page=1&size=2").json()

        assert len(answer.pop("content")) == 1
        assert answer == {
            "page": 1, "size": 2, "totalElements": 3, "totalPages": 2, "isTotalEstimated": False, "nextCursor": None,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("query", "days"),
        [
            ("startDate=2023-01-16", [17, 16]),
            ("endDate=2023-01-16", [16, 15]),
            ("startDate=2023-01-16&endDate=2023-01-16", [16]),
            ("startDate=2023-01-15T00:00:00Z&endDate=2023-01-16T00:00:00Z", [16, 15]),
            ("startDate=2023-01-15T00:00:00.000001Z", [17, 16]),
            ("startDate=2023-01-16T02:00:00%2B02:00", [17, 16]),
            ("startDate=2023-01-16T02:00:00+02:00", [17, 16]),
            ("startDate=2023-01-16&timeZone=Europe/Berlin", [17, 16]),
            ("startDate=2023-01-16&timeZone=America/New_York", [17]),
            ("endDate=2023-01-16&timeZone=America/New_York", [17, 16, 15]),
            ("startDate=1970-01-01&endDate=2199-12-31", [17, 16, 15]),
            ("status=FAILED", [16]),
            ("status=FAILED,SUCCESS", [17, 16, 15]),
            ("status=LOST", []),
            ("startDate=2024-01-01", []),
        ],
    )
    def test_it_filters(self, viewer: Caller, cleanup: Task, query: str, days: list[int]) -> None:
        assert _days(viewer.get(f"/api/v1/tasks/{cleanup.id}/history?{query}")) == days

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("startDate=yesterday", "startDate"),
            ("startDate=2023-02-30", "startDate"),
            ("startDate=2023-W01", "startDate"),
            ("startDate=2023-01-01T00:00:00", "startDate"),
            ("startDate=1969-12-31", "startDate"),
            ("endDate=2200-01-01", "endDate"),
            ("endDate=9999-12-31T23:59:59-23:59", "endDate"),
            ("endDate=0001-01-01T00:00:00%2B23:59", "endDate"),
            ("startDate=%00", "startDate"),
            ("startDate=2023-01-17&endDate=2023-01-16", "endDate"),
            ("timeZone=Mars/Olympus", "timeZone"),
            ("timeZone=../../etc/passwd", "timeZone"),
            ("status=GOOD", "status"),
            ("start=2023-01-17", "start"),
            ("size=1000", "size"),
            ("cursor=x", "cursor"),
            ("label=a:b", "label"),
        ],
    )
    def test_it_refuses(self, viewer: Caller, cleanup: Task, query: str, field: str) -> None:
        answer = viewer.get(f"/api/v1/tasks/{cleanup.id}/history?{query}")

        assert answer.status_code == 400
        assert [fault["field"] for fault in answer.json()["errors"]] == [field]

    def test_a_cursor_reads_on_where_the_page_ended(self, viewer: Caller, cleanup: Task) -> None:
        first = viewer.get(f"/api/v1/tasks/{cleanup.id}/history?size=2")

        second = viewer.get(f"/api/v1/tasks/{cleanup.id}/history", {"size": 2, "cursor": first.json()["nextCursor"]})

        assert (_days(first), _days(second)) == ([17, 16], [15])
        assert second.json()["nextCursor"] is None

    def test_it_stays_readable_after_the_task_is_deleted(self, editor: Caller, cleanup: Task) -> None:
        editor.send("delete", f"tasks/{cleanup.id}")

        assert _days(editor.get(f"/api/v1/tasks/{cleanup.id}/history")) == [17, 16, 15]

    def test_it_shows_no_other_tasks_executions(self, viewer: Caller, payroll: Task) -> None:
        assert _days(viewer.get(f"/api/v1/tasks/{payroll.id}/history")) == []

    def test_a_bound_token_finds_no_history_of_another_namespace(self, payments_editor: Caller, cleanup: Task) -> None:
        assert payments_editor.get(f"/api/v1/tasks/{cleanup.id}/history").status_code == 404

    def test_it_needs_no_query_for_each_execution(
        self, viewer: Caller, cleanup: Task, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(6):
            viewer.get(f"/api/v1/tasks/{cleanup.id}/history")


def test_a_period_reads_its_own_partitions_only(cleanup: Task, now: datetime) -> None:
    period = {"startDate": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "endDate": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    query, parameters = HistoryFilter(period, queryset=history_of(cleanup), now=now).qs.query.sql_with_params()

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}", parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    # Two of them where the hour holds a midnight; each is scanned twice where a bitmap leads to its rows.
    assert len(set(re.findall(r"task_execution_history_(?:first|p\d{8})\b", plan))) <= 2, plan
