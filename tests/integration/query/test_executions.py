"""GET /api/v1/executions: across tasks."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from query.selectors import visible_executions
from scheduler.models import Execution, Task
from scheduler.periods import ExecutionFilter
from tests.integration.conftest import Caller

RUN = UUID(int=7)
HOUR = timedelta(hours=1)


def _tasks(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [execution["taskName"] for execution in answer.json()["content"]]


@pytest.fixture
def today(new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime) -> list[Execution]:
    """Three tasks, an hour between their slots: a is the latest; and one of b a month ago."""
    a = new_task("a", queue="slow", labels={"team": "red"})
    b = new_task("b", taskClass="platform.sleep")
    c = new_task("c", namespace="payments", labels={"team": "red", "tier": "1"})
    return [
        record(a, now - HOUR, status="FAILED", node_id="node-1"),
        record(b, now - 2 * HOUR, status="SUCCESS", run_id=RUN),
        record(c, now - 3 * HOUR, status="SKIPPED", trigger="MANUAL"),
        record(b, now - timedelta(days=30), status="FAILED"),
    ]


def test_it_lists_a_week_the_latest_slot_first(viewer: Caller, today: list[Execution]) -> None:
    assert _tasks(viewer.get("/api/v1/executions")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("query", "tasks"),
    [
        ("status=FAILED", "a"),
        ("status=FAILED,SKIPPED", "ac"),
        ("status=FAILED&startDate=2020-01-01", "ab"),
        ("namespace=payments", "c"),
        ("namespace=nowhere", ""),
        ("taskClass=platform.sleep", "b"),
        ("queue=slow", "a"),
        ("trigger=MANUAL", "c"),
        ("trigger=MANUAL,SCHEDULE", "abc"),
        ("nodeId=node-1", "a"),
        (f"runId={RUN}", "b"),
        ("label=team:red", "ac"),
        ("label=team:red&label=tier:1", "c"),
        ("endDate=2020-01-01", ""),
        ("status=FAILED&queue=default", ""),
    ],
)
def test_it_filters(viewer: Caller, today: list[Execution], query: str, tasks: str) -> None:
    assert "".join(_tasks(viewer.get(f"/api/v1/executions?{query}"))) == tasks


def test_of_one_task_it_lists_all_that_is_kept(viewer: Caller, today: list[Execution]) -> None:
    assert _tasks(viewer.get(f"/api/v1/executions?taskId={today[1].task_id}")) == ["b", "b"]


def test_a_cursor_reads_on_where_the_page_ended(viewer: Caller, today: list[Execution]) -> None:
    cursor = viewer.get("/api/v1/executions?size=2").json()["nextCursor"]

    answer = viewer.get("/api/v1/executions", {"size": 2, "cursor": cursor})

    assert (_tasks(answer), answer.json()["nextCursor"]) == (["c"], None)


@pytest.mark.parametrize(
    "query", ["", "?namespace=default", "?taskId={a}", "?label=team:red", "?status=FAILED", "?nodeId=node-1"]
)
def test_a_bound_token_sees_its_namespace_only(payments_editor: Caller, today: list[Execution], query: str) -> None:
    found = _tasks(payments_editor.get(f"/api/v1/executions{query.format(a=today[0].task_id)}"))

    assert set(found) <= {"c"}


def test_a_bound_token_counts_its_namespace_only(payments_editor: Caller, today: list[Execution]) -> None:
    assert payments_editor.get("/api/v1/executions").json()["totalElements"] == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=DONE", "status"),
        ("trigger=CRON", "trigger"),
        ("taskId=7", "taskId"),
        ("runId=x", "runId"),
        ("nodeId=%00", "nodeId"),
        ("namespace=%00", "namespace"),
        ("taskClass=%00", "taskClass"),
        ("label=x", "label"),
        ("startDate=soon", "startDate"),
        ("endDate=2020-01-01&startDate=2020-01-02", "endDate"),
        ("timeZone=Mars", "timeZone"),
        ("cursor=x", "cursor"),
        ("size=0", "size"),
        ("page=600&size=200", "page"),
        ("late=true", "late"),
        ("status=FAILED&status=LOST", "status"),
    ],
)
def test_it_refuses(viewer: Caller, db: None, query: str, field: str) -> None:
    answer = viewer.get(f"/api/v1/executions?{query}")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


# The token, the note of its use, one page with its tasks, its total.
def test_it_needs_no_query_for_each_execution(
    viewer: Caller, today: list[Execution], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(4):
        viewer.get("/api/v1/executions?status=FAILED,SUCCESS")


def test_it_reads_the_partitions_of_its_period_only(db: None, now: datetime) -> None:
    period = {"startDate": f"{now - HOUR:%Y-%m-%dT%H:%M:%SZ}", "endDate": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    rows = ExecutionFilter(period, queryset=visible_executions(namespace=None), now=now).qs
    query, parameters = rows.order_by("-id").query.sql_with_params()

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}", parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert plan.count("on task_execution_history") <= 2, plan
