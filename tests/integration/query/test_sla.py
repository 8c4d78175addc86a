"""GET /api/v1/sla, its CSV, /api/v1/sla/breaches and the report to print."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from query import compliance
from query.compliance import GROUPINGS, Scope
from scheduler import breaches, connections
from scheduler.models import Breach, Execution, SlaRollUp, Task
from tests.integration.conftest import Caller
from tests.integration.query.pages.inhabited import seated

REPORT = "/admin/scheduler/breach/report/"
MONDAY = date(2026, 6, 1)


@pytest.fixture
def tasks(new_task: Callable[..., Task]) -> dict[str, Task]:
    """Three tasks of two namespaces and two teams, and what they kept in two weeks."""
    made = {
        "Invoices": new_task("Invoices", namespace="payments", labels={"team": "ada", "tier": "1"}),
        "=Reports": new_task("=Reports", namespace="payments", labels={"team": "bob"}),
        "Cleanup": new_task("Cleanup", labels={}),
    }
    _count(made["Invoices"], MONDAY, slots=10, broken=1, lateness=1)
    _count(made["Invoices"], MONDAY + timedelta(days=7), slots=10, broken=2, deadline=2, duration=1)
    _count(made["=Reports"], MONDAY + timedelta(days=6), slots=4)
    _count(made["Cleanup"], MONDAY, slots=100, broken=1, duration=1)
    return made


def _count(task: Task, day: date, **counts: int) -> None:
    SlaRollUp.objects.create(task_id=task.id, day=day, namespace=task.namespace, **counts)


def _sla(caller: Caller, **query: Any) -> dict[str, Any]:
    answer = caller.get("/api/v1/sla", {"startDate": "2026-06-01", "endDate": "2026-06-30"} | query)
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def _lines(body: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(line["key"], line["slots"], line["broken"]) for line in body["content"]]


def test_it_says_how_well_all_tasks_keep_their_sla(viewer: Caller, tasks: dict[str, Task]) -> None:
    body = _sla(viewer)

    assert (body["by"], body["from"], body["to"]) == ("namespace", "2026-06-01", "2026-06-30")
    assert body["total"] == {
        "slots": 124,
        "kept": 120,
        "broken": 4,
        "compliance": 0.967742,
        "breaches": {"LATENESS": 1, "DURATION": 2, "DEADLINE": 2},
    }


@pytest.mark.parametrize(
    ("by", "lines"),
    [
        ("namespace", [("payments", 24, 3), ("default", 100, 1)]),
        ("label", [("team:ada", 20, 3), ("tier:1", 20, 3), ("team:bob", 4, 0)]),
        ("week", [("2026-06-08", 10, 2), ("2026-06-01", 114, 2)]),
    ],
)
def test_it_counts_by(viewer: Caller, tasks: dict[str, Task], by: str, lines: list[Any]) -> None:
    assert _lines(_sla(viewer, by=by)) == lines


def test_it_counts_by_task_with_its_name(viewer: Caller, tasks: dict[str, Task]) -> None:
    content = _sla(viewer, by="task")["content"]

    assert [(line["key"], line["taskName"], line["namespace"], line["broken"]) for line in content] == [
        (str(tasks["Invoices"].id), "Invoices", "payments", 3),
        (str(tasks["Cleanup"].id), "Cleanup", "default", 1),
        (str(tasks["=Reports"].id), "=Reports", "payments", 0),
    ]


@pytest.mark.parametrize(
    ("query", "slots"),
    [
        ({"namespace": "payments"}, 24),
        ({"namespace": "nowhere"}, 0),
        ({"label": "team:ada"}, 20),
        ({"label": ["team:ada", "tier:2"]}, 0),
        ({"startDate": "2026-06-02"}, 14),
        ({"endDate": "2026-06-01"}, 110),
        ({"startDate": "2026-06-07", "endDate": "2026-06-07"}, 4),
    ],
)
def test_it_filters(viewer: Caller, tasks: dict[str, Task], query: dict[str, Any], slots: int) -> None:
    assert _sla(viewer, **query)["total"]["slots"] == slots


def test_it_filters_by_task(viewer: Caller, tasks: dict[str, Task]) -> None:
    assert _sla(viewer, taskId=str(tasks["Cleanup"].id), by="week")["total"]["slots"] == 100


def test_without_slots_there_is_no_share(viewer: Caller) -> None:
    body = _sla(viewer)

    assert (body["content"], body["total"]["slots"], body["total"]["compliance"]) == ([], 0, None)


def test_it_pages(viewer: Caller, tasks: dict[str, Task]) -> None:
    body = _sla(viewer, by="task", size=2, page=1)

    assert (len(body["content"]), body["totalElements"], body["totalPages"]) == (1, 3, 2)


def test_it_shows_this_week_and_the_four_before_by_default(viewer: Caller, now: datetime) -> None:
    body = viewer.get("/api/v1/sla").json()

    first, last = date.fromisoformat(body["from"]), date.fromisoformat(body["to"])
    assert (last, first.weekday(), (last - first).days // 7) == (now.date(), 0, 4)


@pytest.mark.parametrize("by", ["namespace", "task", "label", "week"])
@pytest.mark.parametrize(
    ("first", "last", "slots"),
    [
        ("2026-06-01", "2026-06-07", 114), ("2026-06-02", "2026-06-30", 14), ("2026-06-01", "2026-06-06", 110),
        ("2026-06-08", "2026-06-08", 10), ("2026-06-07", "2026-06-08", 14), ("2026-06-03", "2026-06-05", 0),
        ("2026-05-29", "2026-06-14", 124),
    ],
)  # fmt: skip
def test_days_count_within_whole_weeks_and_beside_them(
    viewer: Caller, tasks: dict[str, Task], by: str, first: str, last: str, slots: int
) -> None:
    assert _sla(viewer, by=by, startDate=first, endDate=last)["total"]["slots"] == slots


def test_weeks_follow_what_is_counted_later(viewer: Caller, tasks: dict[str, Task]) -> None:
    SlaRollUp.objects.filter(task_id=tasks["Cleanup"].id, day=MONDAY).update(slots=105, broken=3)

    body = _sla(viewer)

    assert (body["total"]["slots"], body["total"]["broken"]) == (129, 6)


def _plan_of(by: str) -> str:
    scope = Scope(first=MONDAY, last=MONDAY + timedelta(days=30), today=MONDAY)
    parameters = compliance._parameters(scope) | {"skipped": 0, "size": 20}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (COSTS OFF, VERBOSE) {compliance._page_of(by)}", parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize("by", GROUPINGS)
def test_of_all_lines_the_first_are_found_and_the_others_not_sorted(db: None, by: str) -> None:
    plan = _plan_of(by)

    assert re.search(r"WindowAgg\s[^>]*->(?:[^>]*->)?\s+Limit\s[^>]*->\s+Sort", plan), plan
    assert "numeric" not in plan


def test_labels_that_tasks_share_are_taken_apart_once(db: None) -> None:
    assert re.search(r"Group Key: t\.labels\s", _plan_of("label"))


def test_sums_are_exact_however_large(viewer: Caller, tasks: dict[str, Task]) -> None:
    slots = 2**52
    _count(tasks["Cleanup"], MONDAY + timedelta(days=1), slots=slots, broken=1, deadline=1)

    assert _sla(viewer, by="task")["total"]["slots"] == slots + 124


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"by": "owner"}, "by"),
        ({"startDate": "yesterday"}, "startDate"),
        ({"startDate": "2026-06-02", "endDate": "2026-06-01"}, "endDate"),
        ({"startDate": "2020-01-01", "endDate": "2026-06-01"}, "endDate"),
        ({"taskId": "7"}, "taskId"),
        ({"label": "team"}, "label"),
        ({"label": ["team:ada", "team:bob"]}, "label"),
        ({"namespace": "a\0"}, "namespace"),
        ({"size": "0"}, "size"),
        ({"week": "1"}, "week"),
    ],
)
def test_it_refuses(viewer: Caller, query: dict[str, str], field: str) -> None:
    answer = viewer.get("/api/v1/sla", query)

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (400, [field])


def test_whoever_leafs_too_far_is_told_where_all_lines_are(viewer: Caller) -> None:
    (fault,) = viewer.get("/api/v1/sla?page=51&size=200").json()["errors"]

    assert (fault["field"], fault["code"], "format=csv" in fault["message"]) == ("page", "too_deep", True)


def test_a_bound_token_gets_its_namespaces_answers(payments_editor: Caller, tasks: dict[str, Task]) -> None:
    assert _lines(_sla(payments_editor)) == [("payments", 24, 3)]
    assert _sla(payments_editor, namespace="default")["total"]["slots"] == 0
    assert _sla(payments_editor, taskId=str(tasks["Cleanup"].id))["total"]["slots"] == 0


@pytest.mark.parametrize(("query", "headers"), [({"format": "csv"}, {}), ({}, {"Accept": "text/csv"})])
def test_it_answers_as_csv(
    viewer: Caller, tasks: dict[str, Task], query: dict[str, str], headers: dict[str, str]
) -> None:
    asked = {"startDate": "2026-06-01", "endDate": "2026-06-30", "by": "task", "size": "1"} | query

    answer = viewer.get("/api/v1/sla", asked, headers=headers)

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == [
        "key", "taskName", "namespace", "slots", "kept", "broken", "compliance", "LATENESS", "DURATION", "DEADLINE"
    ]  # fmt: skip
    assert rows[1][1:] == ["Invoices", "payments", "20", "17", "3", "0.85", "1", "1", "2"]
    assert [row[1] for row in rows[1:]] == ["Invoices", "Cleanup", "'=Reports"]


def test_a_format_that_there_is_not_is_refused_by_name(viewer: Caller) -> None:
    answer = viewer.get("/api/v1/sla", {"format": "xls"})

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (400, ["format"])


def test_what_the_view_takes_is_no_table(viewer: Caller) -> None:
    answer = viewer.options("/api/v1/sla?format=csv")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


def test_what_is_refused_is_a_problem_in_csv_too(viewer: Caller) -> None:
    answer = viewer.get("/api/v1/sla", {"format": "csv", "by": "x"})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


# Breaches


@pytest.fixture
def breach(tasks: dict[str, Task]) -> Breach:
    at = datetime(2026, 6, 1, 6, tzinfo=UTC)
    return Breach.objects.create(
        task=tasks["Invoices"], namespace="payments", cause="slot:1", promise="DEADLINE", execution_id=UUID(int=7),
        scheduled_for=at - timedelta(hours=4), broken_at=at, detected_at=at + timedelta(seconds=1),
    )  # fmt: skip


def test_it_lists_what_was_broken(viewer: Caller, breach: Breach) -> None:
    assert viewer.get("/api/v1/sla/breaches").json()["content"] == [
        {
            "id": breach.id,
            "taskId": str(breach.task_id),
            "taskName": "Invoices",
            "namespace": "payments",
            "promise": "DEADLINE",
            "executionId": str(UUID(int=7)),
            "scheduledFor": "2026-06-01T02:00:00Z",
            "brokenAt": "2026-06-01T06:00:00Z",
            "detectedAt": "2026-06-01T06:00:01Z",
        }
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"promise": "DEADLINE"}, 1),
        ({"promise": "LATENESS,DURATION"}, 0),
        ({"namespace": "payments"}, 1),
        ({"namespace": "default"}, 0),
        ({"label": "team:ada"}, 1),
        ({"label": "team:bob"}, 0),
        ({"taskId": str(UUID(int=9))}, 0),
    ],
)
def test_it_filters_breaches(viewer: Caller, breach: Breach, query: dict[str, str], count: int) -> None:
    assert viewer.get("/api/v1/sla/breaches", query).json()["totalElements"] == count


def test_a_bound_token_sees_its_namespaces_breaches(
    payments_editor: Caller, breach: Breach, tasks: dict[str, Task]
) -> None:
    Breach.objects.filter(id=breach.id).update(namespace="default")

    assert payments_editor.get("/api/v1/sla/breaches").json()["totalElements"] == 0


# Executions


def test_an_execution_shows_what_it_has_promised_and_broken(
    viewer: Caller, cleanup: Task, record: Callable[..., Execution], now: datetime
) -> None:
    one = record(
        cleanup,
        now - timedelta(hours=1),
        sla={"maxLatenessSeconds": 60, "maxDurationSeconds": None, "deadlineAt": None},
        sla_look_at=now - timedelta(minutes=59),
    )
    breaches.look(connections.current(), now=now, low=UUID(int=0))

    at = (now - timedelta(minutes=59)).isoformat().replace("+00:00", "Z")
    assert viewer.get(f"/api/v1/executions/{one.id}").json()["sla"] == {
        "maxLatenessSeconds": 60,
        "maxDurationSeconds": None,
        "deadlineAt": None,
        "breaches": [{"promise": "LATENESS", "brokenAt": at}],
    }
    steps = viewer.get(f"/api/v1/executions/{one.id}/explain").json()["steps"]
    assert steps[-1] == {
        "at": at,
        "code": "sla_lateness",
        "message": "It broke its SLA: it had not begun 1 minute after it was due.",
        "data": {"maxLatenessSeconds": 60},
    }


# The report to print


def _page(client: Client, path: str = REPORT, **query: str) -> str:
    answer = client.get(path, {"startDate": "2026-06-01", "endDate": "2026-06-30"} | query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_prints_a_report(admin_client: Client, tasks: dict[str, Task]) -> None:
    page = _page(admin_client, by="task")

    assert "Invoices (payments)" in page
    assert "85.00 %" in page
    assert "96.77 %" in page
    assert "query/report.css" in page


def test_it_never_rounds_up_to_all(admin_client: Client, cleanup: Task) -> None:
    _count(cleanup, MONDAY, slots=1_000_000, broken=1, lateness=1)

    assert "99.99 %" in _page(admin_client)


def test_the_report_says_what_it_cannot_read(admin_client: Client) -> None:
    page = _page(admin_client, startDate="<b>")

    assert "startDate: This must be a date" in page
    assert "<b>" not in page


def test_the_report_needs_the_right_to_see_breaches(client: Client, tasks: dict[str, Task]) -> None:
    user = User.objects.create_user("vera", password="x" * 12, is_staff=True)
    client.force_login(user)
    assert client.get(REPORT).status_code == 403

    user.user_permissions.add(Permission.objects.get(codename="view_breach"))
    assert client.get(REPORT).status_code == 200


def test_the_report_shows_a_seat_its_namespace_only(tasks: dict[str, Task]) -> None:
    bound = seated("viewer", "payments")

    shown = {by: _page(bound, by=by) for by in ("namespace", "task")}

    assert ["payments" in shown["namespace"], "default" in shown["namespace"]] == [True, False]
    assert ["Invoices" in shown["task"], "Cleanup" in shown["task"]] == [True, False]
    assert "No slot was under an SLA" in _page(bound, namespace="default")


def test_the_console_lists_breaches(admin_client: Client, breach: Breach) -> None:
    page = admin_client.get("/admin/scheduler/breach/", {"q": "Invoices"}).content.decode()

    assert "Invoices" in page
    assert REPORT in page
