"""GET /api/v1/tasks and /api/v1/tasks/{id}."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from scheduler import lateness, totals
from scheduler.models import Execution, LastRun, Task
from tests.integration.conftest import Caller


def _names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [task["name"] for task in answer.json()["content"]]


@pytest.fixture
def tasks(new_task: Callable[..., Task]) -> list[Task]:
    """One of each priority band, by name, in order of creation."""
    return [
        new_task("a low", priority=1, queue="slow", labels={"team": "red"}),
        new_task("b normal", priority=5, taskClass="platform.sleep", intervalSeconds=3600),
        new_task("c high", priority=7, namespace="payments", intervalSeconds=60),
        new_task("d critical", priority=10, intervalSeconds=600, labels={"team": "red", "tier": "1:a,b"}),
    ]


def test_it_answers_the_seeds_request(viewer: Caller, tasks: list[Task]) -> None:
    answer = viewer.get("/api/v1/tasks?status=ACTIVE&priority=HIGH&page=0&size=20")

    assert _names(answer) == ["c high"]


def test_it_answers_a_page(viewer: Caller, tasks: list[Task]) -> None:
    answer = viewer.get("/api/v1/tasks?page=1&size=3&sort=name").json()

    assert [task["name"] for task in answer.pop("content")] == ["d critical"]
    assert answer == {
        "page": 1, "size": 3, "totalElements": 4, "totalPages": 2, "isTotalEstimated": False, "nextCursor": None
    }  # fmt: skip


def test_it_shows_a_task_as_its_own_page_does(viewer: Caller, cleanup: Task) -> None:
    listed = viewer.get("/api/v1/tasks").json()["content"][0]

    assert listed == viewer.get(f"/api/v1/tasks/{cleanup.id}").json()


def test_a_page_beyond_the_last_is_empty(viewer: Caller, tasks: list[Task]) -> None:
    assert _names(viewer.get("/api/v1/tasks?page=50&size=200")) == []


def test_the_newest_comes_first(viewer: Caller, tasks: list[Task]) -> None:
    Task.objects.filter(name="b normal").update(created_at="2031-01-01T00:00:00Z")

    assert _names(viewer.get("/api/v1/tasks?size=1")) == ["b normal"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("priority=LOW", "a"),
        ("priority=NORMAL", "b"),
        ("priority=CRITICAL", "d"),
        ("priority=7", "c"),
        ("priority=2", ""),
        ("priority=LOW,HIGH", "ac"),
        ("priority=1,CRITICAL", "ad"),
        ("namespace=payments", "c"),
        ("namespace=nowhere", ""),
        ("taskClass=platform.sleep", "b"),
        ("queue=slow", "a"),
        ("search=HIGH", "c"),
        ("search=%25", ""),
        ("search=", "abcd"),
        ("status=ACTIVE", "abcd"),
        ("status=PAUSED", ""),
        ("status=PAUSED,ACTIVE", "abcd"),
        ("queue=slow&priority=HIGH", ""),
        ("format=json", "abcd"),
        ("label=team:red", "ad"),
        ("label=team:red&label=tier:1:a,b", "d"),
        ("label=team:red&label=team:red", "ad"),
        ("label=team:blue", ""),
        ("label=", "abcd"),
        ("nextBefore=", "abcd"),
        ("late=", "abcd"),
        ("late=true", ""),
        ("nextAfter=2000-01-01T00:00:00Z", "bcd"),
        ("nextAfter=2199-01-01T00:00:00Z", ""),
        ("nextAfter=2000-01-01T00:00:00Z&nextBefore=2001-01-01T00:00:00Z", ""),
        ("late=false", "abcd"),
    ],
)
def test_it_filters(viewer: Caller, tasks: list[Task], query: str, names: str) -> None:
    found = _names(viewer.get(f"/api/v1/tasks?sort=name&{query}"))

    assert "".join(name[0] for name in found) == names


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", "abcd"),
        ("-name", "dcba"),
        ("name,asc", "abcd"),
        ("name,desc", "dcba"),
        ("-priority", "dcba"),
        ("nextExecutionTime", "cdba"),
        ("-nextExecutionTime", "bdca"),
    ],
)
def test_it_sorts(viewer: Caller, tasks: list[Task], sort: str, names: str) -> None:
    found = _names(viewer.get(f"/api/v1/tasks?sort={sort}"))

    assert "".join(name[0] for name in found) == names


def test_it_leaves_deleted_tasks_out(viewer: Caller, tasks: list[Task]) -> None:
    Task.objects.filter(name="a low").update(status="DELETED", claim_at=None)

    assert len(_names(viewer.get("/api/v1/tasks"))) == 3


def test_it_lists_deleted_tasks_when_asked(viewer: Caller, tasks: list[Task]) -> None:
    Task.objects.filter(name="a low").update(status="DELETED", claim_at=None)

    assert _names(viewer.get("/api/v1/tasks?status=DELETED")) == ["a low"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("stauts=ACTIVE", "stauts"),
        ("status=RUNNING", "status"),
        ("status=active", "status"),
        ("status=ACTIVE,", "status"),
        ("status=ACTIVE&status=PAUSED", "status"),
        ("priority=0", "priority"),
        ("priority=11", "priority"),
        ("priority=high", "priority"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("page=1.5", "page"),
        ("page=99999999999999999999", "page"),
        ("page=%D9%A1", "page"),
        ("size=0", "size"),
        ("size=201", "size"),
        ("sort=password", "sort"),
        ("sort=name,sideways", "sort"),
        ("sort=--name", "sort"),
        ("search=" + "x" * 256, "search"),
        ("search=%00", "search"),
        ("namespace=%00", "namespace"),
        ("late=yes", "late"),
        ("nextBefore=tomorrow", "nextBefore"),
        ("nextBefore=2031-01-01", "nextBefore"),
        ("nextAfter=2031-01-01", "nextAfter"),
        ("nextBefore=2031-01-01T00:00:00", "nextBefore"),
        ("label=team", "label"),
        ("label=:a", "label"),
        ("label=team:%00", "label"),
        ("label=team:a&label=x", "label"),
        ("label=team:red&label=team:blue", "label"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "x" * 5000, "cursor"),
        ("cursor=x&page=1", "page"),
        ("page=1000000&size=200", "page"),
        ("%00=x", "\x00"),
    ],
)
def test_it_refuses(viewer: Caller, db: None, query: str, field: str) -> None:
    answer = viewer.get(f"/api/v1/tasks?{query}")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_it_tells_all_faults_at_once(viewer: Caller) -> None:
    answer = viewer.get("/api/v1/tasks?prioritty=1&size=0&status=x&sort=y")

    assert {fault["field"] for fault in answer.json()["errors"]} == {"prioritty", "size", "status", "sort"}
    assert "Did you mean 'priority'?" in answer.json()["errors"][0]["message"]


def test_a_bound_token_lists_its_namespace(payments_editor: Caller, tasks: list[Task]) -> None:
    answer = payments_editor.get("/api/v1/tasks")

    assert _names(answer) == ["c high"]
    assert answer.json()["totalElements"] == 1


def test_a_bound_token_finds_nothing_in_another_namespace(payments_editor: Caller, tasks: list[Task]) -> None:
    assert _names(payments_editor.get("/api/v1/tasks?namespace=default")) == []


# The token, the note of its use, one page, its total; with a filter, how many PostgreSQL expects. Of what is late:
# whether there is much of it.
@pytest.mark.parametrize(
    ("query", "queries"), [("", 4), ("?late=true", 6), ("?label=team:red", 5), ("?sort=nextExecutionTime&size=1", 4)]
)
def test_it_needs_no_query_for_each_task(
    viewer: Caller, tasks: list[Task], django_assert_max_num_queries: Any, query: str, queries: int
) -> None:
    with django_assert_max_num_queries(queries):
        viewer.get(f"/api/v1/tasks{query}")


def test_what_they_depend_on_is_read_together(
    viewer: Caller, new_task: Callable[..., Task], django_assert_max_num_queries: Any
) -> None:
    first, second = new_task("extract"), new_task("clean")
    upstreams = [{"name": first.name}, {"name": second.name}]
    new_task("report", dependencies=upstreams), new_task("archive", dependencies=upstreams)

    # Two more than without: the dependencies, and the tasks at their other end.
    with django_assert_max_num_queries(6):
        listed = viewer.get("/api/v1/tasks?sort=name").json()["content"]

    both = ["extract", "clean"]
    assert [[one["name"] for one in task["dependencies"]] for task in listed] == [both, [], [], both]


@pytest.fixture
def run(tasks: list[Task], now: datetime) -> list[Task]:
    """All but the first have run, the last of them first; what ended latest has not been counted yet."""
    _, b, c, d = tasks
    for minutes, task in enumerate((b, c, d)):
        began_at = now - timedelta(minutes=minutes)
        LastRun.objects.create(task=task, began_at=began_at)
        Task.objects.filter(id=task.id).update(last_executed_at=began_at)
    Task.objects.filter(id=d.id).update(last_executed_at=now + timedelta(minutes=1))
    return tasks


SORTED = ["", "sort=name", "sort=-name", "sort=priority", "sort=-nextExecutionTime", "sort=nextExecutionTime"]


@pytest.mark.parametrize("sort", [*SORTED, "sort=lastExecutedAt", "sort=-lastExecutedAt", "sort=-status"])
def test_a_cursor_reads_on_where_the_page_ended(viewer: Caller, tasks: list[Task], sort: str) -> None:
    whole = _names(viewer.get(f"/api/v1/tasks?{sort}"))
    first = viewer.get(f"/api/v1/tasks?size=2&{sort}").json()

    second = viewer.get("/api/v1/tasks", {"size": 2, "cursor": first["nextCursor"]} | _pair(sort))

    assert len(set(whole)) == 4
    assert [task["name"] for task in first["content"]] + _names(second) == whole
    assert (second.json()["nextCursor"], second.json()["page"], second.json()["totalElements"]) == (None, None, 4)


def _pair(text: str) -> dict[str, str]:
    return dict([text.split("=")]) if text else {}


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("-lastExecutedAt", ["b normal", "c high", "d critical", "a low"]),
        ("lastExecutedAt", ["d critical", "c high", "b normal", "a low"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_it_sorts_by_the_last_run_as_far_as_it_is_counted(
    viewer: Caller, run: list[Task], sort: str, names: list[str], size: int
) -> None:
    first = viewer.get(f"/api/v1/tasks?sort={sort}&size={size}").json()
    rest = viewer.get("/api/v1/tasks", {"sort": sort, "cursor": first["nextCursor"] or ""})

    paged = viewer.get(f"/api/v1/tasks?sort={sort}&size={size}&page=1")

    assert [task["name"] for task in first["content"]] == names[:size]
    assert _names(paged) == names[size : 2 * size]
    assert _names(rest) == (names[size:] or names)


def test_a_cursor_neither_misses_nor_repeats_tasks_of_one_rank(viewer: Caller, new_task: Callable[..., Task]) -> None:
    for name in "abcde":
        new_task(name, intervalSeconds=60)
    first = viewer.get("/api/v1/tasks?sort=priority&size=2").json()
    second = viewer.get("/api/v1/tasks", {"sort": "priority", "size": 2, "cursor": first["nextCursor"]}).json()
    third = viewer.get("/api/v1/tasks", {"sort": "priority", "size": 2, "cursor": second["nextCursor"]}).json()

    assert sorted(task["name"] for page in (first, second, third) for task in page["content"]) == list("abcde")


def test_a_cursor_of_another_order_is_refused(viewer: Caller, tasks: list[Task]) -> None:
    cursor = viewer.get("/api/v1/tasks?sort=name&size=1").json()["nextCursor"]

    answer = viewer.get("/api/v1/tasks", {"sort": "-name", "cursor": cursor})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")


def test_a_cursor_shows_nobody_another_namespace(viewer: Caller, payments_editor: Caller, tasks: list[Task]) -> None:
    cursor = viewer.get("/api/v1/tasks?sort=name&size=1").json()["nextCursor"]

    assert _names(payments_editor.get("/api/v1/tasks", {"sort": "name", "cursor": cursor})) == ["c high"]


def test_a_long_list_is_estimated(viewer: Caller, tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST_COUNTED", 3)

    answer = viewer.get("/api/v1/tasks?size=3").json()

    assert answer["isTotalEstimated"]
    assert answer["totalElements"] >= 4


def test_a_task_whose_slot_nobody_claims_is_late(viewer: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    new_task("late", intervalSeconds=60, at=now - timedelta(seconds=70))
    new_task("nearly", intervalSeconds=60, at=now - timedelta(seconds=62))

    assert _names(viewer.get("/api/v1/tasks?late=true")) == ["late"]


@pytest.mark.parametrize("few", [0, 5_000])
def test_what_is_late_is_found_whether_it_is_little_or_much(
    viewer: Caller, new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime,
    monkeypatch: pytest.MonkeyPatch, few: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(lateness, "FEW", few)
    new_task("a late", intervalSeconds=60, at=now - timedelta(seconds=70))
    waits = new_task("b late", queue="slow")
    for minutes in (2, 3):
        record(waits, now - timedelta(minutes=minutes), queued_at=now - timedelta(seconds=70))
    new_task("c early", intervalSeconds=3600)
    new_task("d gone", intervalSeconds=3600)
    Task.objects.filter(name="d gone").update(status="DELETED", claim_at=None, next_slot_for=None)

    late, punctual, slow = (
        viewer.get(f"/api/v1/tasks?{query}") for query in ("late=true&sort=name", "late=false", "late=true&queue=slow")
    )

    assert (_names(late), late.json()["totalElements"]) == (["a late", "b late"], 2)
    assert (_names(punctual), punctual.json()["totalElements"]) == (["c early"], 1)
    assert (_names(slow), slow.json()["totalElements"]) == (["b late"], 1)


def test_a_task_whose_execution_waits_long_is_late(
    viewer: Caller, new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime
) -> None:
    record(new_task("late"), now, queued_at=now - timedelta(seconds=70))
    record(new_task("nearly"), now, queued_at=now - timedelta(seconds=50))
    record(new_task("ran"), now, queued_at=now - timedelta(seconds=70), status="RUNNING")

    assert _names(viewer.get("/api/v1/tasks?late=true")) == ["late"]
    assert _names(viewer.get("/api/v1/tasks?late=false&sort=name")) == ["nearly", "ran"]


def test_it_finds_what_fires_before_an_instant(viewer: Caller, tasks: list[Task], now: datetime) -> None:
    soon = f"{now + timedelta(minutes=11):%Y-%m-%dT%H:%M:%SZ}"

    assert _names(viewer.get(f"/api/v1/tasks?sort=name&nextBefore={soon}")) == ["c high", "d critical"]


def test_it_asks_for_a_token(nobody: Client) -> None:
    assert nobody.get("/api/v1/tasks").status_code == 401


def test_it_shows_one_task_with_its_version(viewer: Caller, cleanup: Task) -> None:
    answer = viewer.get(f"/api/v1/tasks/{cleanup.id}")

    assert (answer.json()["name"], answer["ETag"]) == ("Daily Data Cleanup", '"1"')


def test_a_head_has_no_body(viewer: Caller, cleanup: Task) -> None:
    answer = viewer.head(f"/api/v1/tasks/{cleanup.id}")

    assert (answer.status_code, answer.content, answer["ETag"]) == (200, b"", '"1"')


def test_an_unknown_task_is_not_found(viewer: Caller) -> None:
    assert viewer.get(f"/api/v1/tasks/{uuid4()}").status_code == 404


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, cleanup: Task) -> None:
    assert payments_editor.get(f"/api/v1/tasks/{cleanup.id}").status_code == 404


def test_one_task_takes_no_parameters(viewer: Caller, cleanup: Task) -> None:
    answer = viewer.send("get", f"tasks/{cleanup.id}?bogus=1")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "bogus")
