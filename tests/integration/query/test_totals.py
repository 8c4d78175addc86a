"""How many rows a list has: counted while that is quick, estimated where it is not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models.expressions import RawSQL
from django.http import QueryDict

from query.selectors import visible_executions, visible_tasks
from scheduler import filters as task_filters
from scheduler import lists, totals
from scheduler.filters import TaskFilter
from scheduler.models import Namespace, Task
from scheduler.periods import ExecutionFilter
from scheduler.totals import Counting, Total, total_of
from tests.integration.conftest import Caller

QUICK, ROWS, MANY_ROWS = Counting


@pytest.fixture
def rows(db: None) -> Any:
    for name in ("a", "b", "c"):
        Namespace.objects.create(name=name)
    return Namespace.objects.order_by("name")


def test_what_an_index_leads_to_is_counted_in_one_query(rows: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert total_of([rows]) == Total(3)


def test_what_does_not_belong_to_it_is_taken_off(rows: Any) -> None:
    assert total_of([rows], minus=[rows.filter(name="b")]) == Total(2)


def test_what_costs_little_is_counted(rows: Any) -> None:
    assert total_of([rows], counting=MANY_ROWS) == Total(3)


def test_what_costs_much_is_estimated(
    rows: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(totals, "MOST_COST", 0.0)

    # Planned, and forgotten.
    with django_assert_num_queries(2):
        assert total_of([rows], counting=MANY_ROWS).is_estimated


def test_what_is_counted_after_a_look_at_the_plan_is_planned_once(rows: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        assert total_of([rows], counting=ROWS) == Total(3)

    assert _prepared() == 0


def test_what_django_knows_to_be_empty_is_not_asked_for(rows: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert total_of([rows.none()], counting=ROWS) == Total(0)


LONGEST = "(SELECT max(name) FROM scheduler_namespaces)"


@pytest.mark.parametrize(
    ("condition", "count"),
    [(f"name < {LONGEST}", 2), (f"name = {LONGEST} OR name = ANY(ARRAY({LONGEST}))", 1), ("false", 0), ("1 = 2", 0),
     (f"EXISTS ({LONGEST})", 3), ("name < 'a' AND name > 'b'", 0)],
)  # fmt: skip
@pytest.mark.parametrize("counting", [ROWS, MANY_ROWS])
def test_it_is_counted_whatever_stands_beside_it_in_the_plan(
    rows: Any, condition: str, count: int, counting: Counting
) -> None:
    assert total_of([rows.extra(where=[condition])], counting=counting) == Total(count)  # noqa: S610 - a constant


@pytest.mark.parametrize("period", ["startDate=2099-01-01", "endDate=1980-01-01", "startDate=1970-01-01"])
def test_a_period_without_partitions_is_counted(viewer: Caller, period: str) -> None:
    answer = viewer.send("get", f"executions?label=a:b&queue=c&{period}")
    assert answer.json()["totalElements"] == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_cancelled", [True, False])
def test_no_plan_is_left_behind(rows: Any, monkeypatch: pytest.MonkeyPatch, is_cancelled: bool) -> None:
    """Whether it is not asked for, or PostgreSQL gives the counting up."""
    if is_cancelled:
        slow = rows.annotate(waited=RawSQL("pg_sleep(30)::text", [])).filter(waited="")
        _execute("SET statement_timeout = 50")
        with pytest.raises(OperationalError):
            total_of([slow], counting=ROWS)
        _execute("RESET statement_timeout")
    else:
        monkeypatch.setattr(totals, "MOST_COST", 0.0)
        total_of([rows], counting=MANY_ROWS)

    assert _prepared() == 0


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE from_sql")
        (count,) = cursor.fetchone()
    return int(count)


def test_once_a_part_is_estimated_so_are_the_others(
    rows: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(totals, "MOST_COUNTED", 2)

    # Counted, and how many are expected; of the other how many are expected.
    with django_assert_num_queries(3):
        total = total_of([rows, rows.filter(name="a")])

    assert total.is_estimated
    assert total.count > 3


@pytest.mark.parametrize(("surely_more", "cost", "is_estimated"), [(0, 0, True), (0, 1e6, False), (1e6, 0, False)])
def test_of_one_filter_it_is_estimated_where_there_are_surely_more_and_to_count_them_costs(
    rows: Any, monkeypatch: pytest.MonkeyPatch, surely_more: int, cost: float, is_estimated: bool
) -> None:
    monkeypatch.setattr(totals, "SURELY_MORE", surely_more)
    monkeypatch.setattr(totals, "SOME_COST", cost)
    monkeypatch.setattr(totals, "MOST_COST", 0.0)

    assert total_of([rows], counting=ROWS).is_estimated is is_estimated
    assert not total_of([rows]).is_estimated


@pytest.mark.parametrize(
    ("query", "bound_to", "counting"),
    [
        ("", None, QUICK), ("", "payments", QUICK), ("namespace=a", None, QUICK), ("queue=a", "payments", MANY_ROWS),
        ("namespace=a&queue=b", None, MANY_ROWS), ("nodeId=a&label=b:c", None, MANY_ROWS), ("label=a:b", None, ROWS),
        ("label=a:b&label=c:d", None, MANY_ROWS),
        ("status=SUCCESS&queue=a", None, MANY_ROWS), ("status=SUCCESS", None, QUICK),
        ("status=FAILED,SKIPPED&queue=a&nodeId=b", "payments", QUICK), ("status=RUNNING&queue=a", None, QUICK),
        ("namespace=a&queue=b&taskId=00000000-0000-0000-0000-000000000001", None, QUICK),
        ("namespace=a&queue=b&runId=00000000-0000-0000-0000-000000000001", None, QUICK),
    ],
)  # fmt: skip
def test_executions_are_counted_where_an_index_leads_to_them(
    db: None, now: datetime, query: str, bound_to: str | None, counting: Counting
) -> None:
    rows = visible_executions(namespace=bound_to)
    filters = ExecutionFilter(QueryDict(query), queryset=rows, now=now, bound_to=bound_to)

    assert filters.is_valid()
    assert filters.counting() is counting


@pytest.mark.parametrize(
    ("query", "bound_to", "counting"),
    [
        ("", None, QUICK), ("search=a", None, ROWS), ("search=a", "payments", MANY_ROWS),
        ("queue=a&label=b:c", None, MANY_ROWS),
        ("sort=name&status=PAUSED", None, QUICK), ("nextBefore=2030-01-01T00:00:00Z", None, QUICK),
        ("nextBefore=2030-01-01T00:00:00Z&queue=a", None, MANY_ROWS),
        ("late=true&nextAfter=2030-01-01T00:00:00Z", None, MANY_ROWS),
    ],
)  # fmt: skip
def test_so_are_tasks(db: None, now: datetime, query: str, bound_to: str | None, counting: Counting) -> None:
    rows = visible_tasks(namespace=bound_to)
    filters = TaskFilter(QueryDict(query), queryset=rows, now=now, bound_to=bound_to)

    assert filters.is_valid()
    assert filters.counting() is counting


@pytest.fixture
def minutely(new_task: Callable[..., Task]) -> list[Task]:
    return [new_task(name, intervalSeconds=60) for name in ("a", "b", "c")]


@pytest.mark.parametrize(("most", "is_by_claim"), [(2, True), (3, False)])
def test_much_that_fires_soon_is_counted_by_when_the_claim_looks_at_it(
    minutely: list[Task], now: datetime, monkeypatch: pytest.MonkeyPatch, most: int, is_by_claim: bool
) -> None:
    monkeypatch.setattr(task_filters, "MOST_COUNTED", most)
    soon = QueryDict(f"nextBefore={now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}")
    filters = TaskFilter(soon, queryset=visible_tasks(namespace=None), now=now)
    assert filters.is_valid()

    (counted,) = filters.counted()

    assert counted.count() == len(minutely)
    assert ('"next_execution_time" <' not in str(counted.query)) is is_by_claim


@pytest.fixture
def guessed(minutely: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tasks, of which PostgreSQL expects ninety."""
    monkeypatch.setattr(lists, "total_of", lambda *_, **__: Total(90, is_estimated=True))


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("size=3", (3, False)), ("size=2&page=1", (3, False)), ("search=nothing", (0, False)),
        ("size=3&page=1", (3, True)), ("size=2", (90, True)), ("size=1&page=1", (90, True)),
    ],
)  # fmt: skip
def test_whoever_has_seen_the_end_of_a_list_knows_its_total(
    viewer: Caller, guessed: None, query: str, total: tuple[int, bool]
) -> None:
    answer = viewer.get(f"/api/v1/tasks?{query}").json()

    assert (answer["totalElements"], answer["isTotalEstimated"]) == total


def test_what_a_cursor_leads_to_says_nothing_of_what_lies_before_it(viewer: Caller, guessed: None) -> None:
    cursor = viewer.get("/api/v1/tasks?size=1").json()["nextCursor"]

    answer = viewer.get("/api/v1/tasks", {"cursor": cursor}).json()

    assert (len(answer["content"]), answer["totalElements"], answer["isTotalEstimated"]) == (2, 90, True)
