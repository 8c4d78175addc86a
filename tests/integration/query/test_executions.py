"""GET /api/v1/executions: across tasks."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from query.selectors import visible_executions
from scheduler import connections, transitions
from scheduler.engine.identity import backfill_cause, execution_id, slot_cause
from scheduler.engine.states import Status, Trigger
from scheduler.models import Breach, Execution, Task
from scheduler.periods import LATEST_FIRST, ExecutionFilter
from scheduler.records import NewExecution
from tests.integration.conftest import Caller
from tests.integration.query.asked import asked_backfill

RUN = UUID(int=7)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


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


def test_a_cursor_of_another_list_in_an_order_of_the_same_name_is_refused(
    viewer: Caller, today: list[Execution], now: datetime
) -> None:
    for number in (1, 2):
        Breach.objects.create(
            task=today[0].task, namespace="default", cause=f"slot:{number}", promise="DURATION",
            execution_id=today[0].id, scheduled_for=now, broken_at=now, detected_at=now,
        )  # fmt: skip
    lists = ("executions", "sla/breaches")
    cursors = {name: viewer.get(f"/api/v1/{name}?size=1").json()["nextCursor"] for name in lists}

    answers = [viewer.get(f"/api/v1/{one}", {"cursor": cursors[other]}) for one, other in (lists, lists[::-1])]

    assert [(one.status_code, one.json()["errors"][0]["field"]) for one in answers] == [(400, "cursor")] * 2


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
        ("label=team:red&label=team:blue", "label"),
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


@pytest.mark.parametrize("query", ["", "?queue=none", "?namespace=none&queue=none&startDate=1970-01-01"])
def test_it_does_not_look_for_what_is_not_there(viewer: Caller, db: None, query: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        answer = viewer.get(f"/api/v1/executions{query}")

    assert (answer.json()["content"], answer.json()["totalElements"]) == ([], 0)
    assert not [query["sql"] for query in asked.captured_queries if 'ORDER BY "task_execution_history"' in query["sql"]]


def test_it_reads_the_partitions_of_its_period_only(db: None, now: datetime) -> None:
    period = {"startDate": f"{now - HOUR:%Y-%m-%dT%H:%M:%SZ}", "endDate": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    rows = ExecutionFilter(period, queryset=visible_executions(namespace=None), now=now).qs
    query, parameters = rows.order_by("-id").query.sql_with_params()

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}", parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    # Two of them where the hour holds a midnight; each is named twice where a bitmap leads to its rows.
    assert len(set(re.findall(r"task_execution_history_(?:first|p\d{8})\b", plan))) <= 2, plan


@pytest.fixture
def usual_history(cleanup: Task, now: datetime) -> None:
    """Some of what nobody asks for, of every usual status, in each partition, and nothing else, counted anew.

    A plan is chosen by what PostgreSQL has counted, and pages: those of what other tests have stored outlive it.
    """
    slots = [now + timedelta(days=day, seconds=-second) for day in (-60, -3, 0, 1) for second in range(30)]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE task_execution_history")
        rows = [
            NewExecution(
                id=execution_id(cleanup.id, cause=slot_cause(slot), at=slot, attempt=1), task_id=cleanup.id, attempt=1,
                cause=slot_cause(slot), trigger=Trigger.SCHEDULE, status=Status.QUEUED, scheduled_for=slot, due_at=slot,
                namespace=cleanup.namespace, queue=cleanup.queue, priority=5, timeout_seconds=60, revision=1,
            )
            for slot in slots
        ]  # fmt: skip
        transitions.record(connections.current(), rows, now=now)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for number, status in enumerate(("SUCCESS", "FAILED", "SKIPPED", "TIMED_OUT")):
            Execution.objects.filter(id__in=[row.id for row in rows[number::5]]).update(status=status)
        cursor.execute("ANALYZE task_execution_history")


def _plan(query: str, now: datetime, *, is_count: bool = False) -> str:
    """Return the plan of a list where partitions are not scanned as a whole unless nothing else is to be had."""
    filters = ExecutionFilter(QueryDict(query), queryset=visible_executions(namespace=None), now=now)
    assert filters.is_valid(), filters.errors
    rows = (
        filters.parts()[-1].order_by()[:10_001].values("id") if is_count else filters.parts()[-1].order_by("-id")[:21]
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        if is_count:
            cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        # So that it is not the primary key that is gone along, which is as good in a table so small.
        cursor.execute("SET LOCAL cpu_tuple_cost = 1000")
        plan: str = rows.explain()
        # A partition that was made anew has indexes that PostgreSQL has named.
        cursor.execute(_NAMED_LIKE)
        names: dict[str, str] = dict(cursor.fetchall())
    return re.sub(r"(?<=using )\w+", lambda index: names.get(index[0], index[0]), plan)


_NAMED_LIKE = """
SELECT part.relname, parted.relname FROM pg_inherits
JOIN pg_class part ON part.oid = inhrelid JOIN pg_class parted ON parted.oid = inhparent
WHERE parted.relkind = 'I'
"""


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("namespace=payments", "within_namespace|namespace"),
        ("queue=slow", "queue"),
        ("nodeId=node-1", "node"),
        ("runId=00000000-0000-0000-0000-000000000001", "run"),
        ("trigger=EVENT", "trigger"),
        ("status=LOST", "unusual"),
        ("status=SKIPPED&queue=slow&nodeId=node-1", "unusual|node"),
        ("taskId=00000000-0000-0000-0000-000000000001", "task"),
        ("taskId=00000000-0000-0000-0000-000000000001&status=FAILED", "task_unusual|unusual"),
    ],
)
def test_an_index_leads_to_what_each_filter_leaves(now: datetime, query: str, index: str, usual_history: None) -> None:
    plan = _plan(query, now)

    assert "Seq Scan on task_execution_history" not in plan, plan
    assert re.search(rf"history_({index})\b", plan), plan


@pytest.mark.parametrize("query", ["namespace=payments", "queue=slow", "nodeId=node-1", "trigger=EVENT", "status=LOST"])
def test_it_is_counted_within_an_index(now: datetime, query: str, usual_history: None) -> None:
    if connections.current().info.server_version < 18_00_00:
        pytest.skip(
            "There is no forbidding index scans alone before PostgreSQL 18; the indexes are the same everywhere."
        )
    plan = _plan(query, now, is_count=True)

    assert "Index Only Scan" in plan, plan
    assert not re.search(r" (Bitmap Heap|Index|Seq) Scan .*on task_execution_history_p", plan), plan


@pytest.mark.parametrize("query", ["", "status=FAILED&label=a:b", "namespace=payments&taskClass=x", "nodeId=node-1"])
def test_a_list_of_some_days_reads_no_partition_of_others(now: datetime, query: str, db: None) -> None:
    filters = ExecutionFilter(QueryDict(query), queryset=visible_executions(namespace=None), now=now)
    assert filters.is_valid()

    plan = filters.parts()[-1].order_by("-id")[:21].explain()

    # Seven days back lies all in the first of a test's partitions; today's and tomorrow's are the others, and
    # yesterday's, of a suite that runs past midnight.
    assert len(set(re.findall(r"(?<!Bitmap Index) Scan.* on (task_execution_history_\w+)", plan))) <= 4, plan


def test_backfills_of_older_slots_are_listed_while_nobody_names_a_period(
    viewer: Caller, cleanup: Task, now: datetime
) -> None:
    slot = now - 40 * DAY
    cause = backfill_cause(asked_backfill(cleanup, slot, at=now).id, slot)
    row = NewExecution(
        id=execution_id(cleanup.id, cause=cause, at=now, attempt=1), task_id=cleanup.id, cause=cause, attempt=1,
        trigger=Trigger.BACKFILL, status=Status.QUEUED, scheduled_for=slot, due_at=now, namespace="default",
        queue="default", priority=1, timeout_seconds=60, revision=1,
    )  # fmt: skip
    transitions.record(connections.current(), [row], now=now)

    listed = [
        viewer.get(f"/api/v1/executions?{query}").json()["totalElements"] for query in ("", f"startDate={now:%F}")
    ]

    assert listed == [1, 0]


@pytest.mark.parametrize("is_few", [True, False])
def test_the_order_is_the_same_whether_an_index_gives_it(today: list[Execution], is_few: bool) -> None:
    order = replace(LATEST_FIRST, is_few=is_few)

    assert [row.id for row in order.sort(Execution.objects.all())] == sorted((row.id for row in today), reverse=True)


def test_what_is_little_is_sorted(viewer: Caller, today: list[Execution]) -> None:
    with CaptureQueriesContext(connection) as asked:
        viewer.get("/api/v1/executions?taskClass=platform.noop")

    assert any("uuid_send" in query["sql"] for query in asked.captured_queries)
