"""Executions by class and label, too many to be sorted and far apart: the tasks that match are gathered beforehand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from query.selectors import visible_executions
from scheduler import lists, periods
from scheduler.models import Execution, Task
from scheduler.periods import ExecutionFilter
from scheduler.totals import SURELY_MORE, Total
from tests.integration.conftest import Caller

HOUR = timedelta(hours=1)


@pytest.fixture
def sparse(
    new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tasks that take turns by the hour, for twelve hours and a month before; PostgreSQL expects many of each."""
    tasks = [
        new_task("a", labels={"team": "red"}), new_task("b", labels={"team": "red", "tier": "1"}, namespace="payments"),
        new_task("c", taskClass="platform.sleep"),
    ]  # fmt: skip
    for begin in (now, now - timedelta(days=30)):
        for hour in range(1, 13):
            status = "FAILED" if hour % 4 == 1 else "SUCCESS"
            record(tasks[hour % 3], begin - hour * HOUR, status=status)
    monkeypatch.setattr(lists, "total_of", lambda *_, **__: Total(SURELY_MORE, is_estimated=True))


def _filters(query: str, now: datetime, **options: Any) -> ExecutionFilter:
    filters = ExecutionFilter(QueryDict(query), queryset=visible_executions(namespace=None), now=now, **options)
    assert filters.is_valid(), filters.errors
    return filters


def _plan(filters: ExecutionFilter) -> str:
    return filters.parts(is_sparse=True)[-1].values("id").order_by("-id")[:21].explain()


@pytest.mark.parametrize(
    ("query", "tasks"),
    [
        ("label=team:red", "babababa"),
        ("label=team:red&label=tier:1", "bbbb"),
        ("label=team:red&status=FAILED", "ba"),
        ("label=team:red&size=3", "bab"),
        ("label=team:red&size=3&page=2", "ba"),
        ("label=team:red&size=5&startDate=2020-01-01&page=2", "bababa"[:5]),
        ("label=team:red&namespace=payments", "bbbb"),
        ("taskClass=platform.sleep", "cccc"),
        ("taskClass=platform.sleep&startDate=2020-01-01", "cccccccc"),
        ("taskClass=platform.sleep&label=team:red", ""),
    ],
)
def test_it_lists_the_same(viewer: Caller, sparse: None, query: str, tasks: str) -> None:
    answer = viewer.get(f"/api/v1/executions?{query}").json()

    assert "".join(row["taskName"] for row in answer["content"]) == tasks


def test_a_cursor_leads_through_all_of_it(viewer: Caller, sparse: None) -> None:
    query = {"label": "team:red", "startDate": "2020-01-01", "size": "3"}
    seen: list[str] = []
    cursor = None
    while cursor or not seen:
        answer = viewer.get("/api/v1/executions", query | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in answer["content"]]
        cursor = answer["nextCursor"]

    wanted = Execution.objects.filter(task__labels__contains={"team": "red"}).order_by("-id")
    assert seen == [str(one) for one in wanted.values_list("id", flat=True)]


@pytest.mark.parametrize("query", ["label=team:red", "taskClass=platform.sleep", "label=team:red&status=SUCCESS"])
def test_no_task_is_looked_for_by_itself(sparse: None, now: datetime, query: str) -> None:
    plan = _plan(_filters(query, now))

    assert "hashed SubPlan" in plan, plan
    assert "Join" not in plan, plan
    assert "Nested Loop" not in plan, plan


@pytest.mark.parametrize(
    ("query", "bound_to"),
    [
        ("label=team:red&namespace=payments", None), ("label=team:red&queue=default", None),
        ("label=team:red", "payments"),
    ],
)  # fmt: skip
def test_what_an_index_narrows_is_left_to_postgresql(
    sparse: None, now: datetime, query: str, bound_to: str | None
) -> None:
    assert "hashed" not in _plan(_filters(query, now, bound_to=bound_to))


def test_many_tasks_are_not_gathered(sparse: None, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periods, "MOST_GATHERED", 0)

    assert "hashed" not in _plan(_filters("label=team:red", now))


def test_a_list_that_is_so_is_read_so(viewer: Caller, sparse: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        viewer.get("/api/v1/executions?label=team:red")

    assert any(" IS TRUE" in one["sql"] for one in asked), [one["sql"] for one in asked]


@pytest.mark.parametrize(
    ("total", "is_sparse"),
    [
        (Total(SURELY_MORE, is_estimated=True), True),
        (Total(SURELY_MORE + 1, is_estimated=True), False),
        (Total(10), False),
    ],
)
def test_it_is_so_where_there_are_too_many_to_count_and_not_surely_more(total: Total, is_sparse: bool) -> None:
    assert total.is_sparse is is_sparse
