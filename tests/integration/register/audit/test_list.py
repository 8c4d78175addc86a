"""GET /api/v1/audit, and one record."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from register import services
from register.api.reading import read_changes
from scheduler.models import AuditRecord, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller


@pytest.fixture
def written(cleanup: Task, now: datetime) -> list[AuditRecord]:
    """Four records of a day: three on cleanup, one on payments."""
    common = {"via": "API", "kind": "task", "object_id": str(cleanup.id), "namespace": "default"}
    rows = [
        {"actor": "edda", "verb": "pause"},
        {"actor": "olaf", "verb": "resume"},
        {"actor": "olaf (console)", "verb": "trigger", "via": "CONSOLE"},
        {"actor": "paula", "verb": "change", "kind": "namespace", "object_id": "payments", "namespace": "payments"},
    ]
    return AuditRecord.objects.bulk_create(
        AuditRecord(recorded_at=now + timedelta(hours=number + 1), **common | row) for number, row in enumerate(rows)
    )


def _list(caller: Caller, query: str = "") -> Any:
    return caller.send("get", f"audit{query}")


def _actors(answer: Any) -> list[str]:
    return [one["actor"] for one in answer.json()["content"]]


def test_it_lists_the_latest_first(admin: Caller, written: list[AuditRecord]) -> None:
    assert _actors(_list(admin, "?size=4")) == ["paula", "olaf (console)", "olaf", "edda"]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?actor=olaf", [1]),
        ("?via=CONSOLE", [2]),
        ("?verb=pause,resume", [1, 0]),
        ("?kind=namespace", [3]),
        ("?objectId=payments", [3]),
        ("?namespace=payments", [3]),
        ("?verb=pause&actor=olaf", []),
    ],
)
def test_it_filters(admin: Caller, written: list[AuditRecord], query: str, numbers: list[int]) -> None:
    assert [one["id"] for one in _list(admin, query).json()["content"]] == [written[number].id for number in numbers]


def test_it_filters_by_time(admin: Caller, written: list[AuditRecord]) -> None:
    begin, end = instant(written[1].recorded_at), instant(written[2].recorded_at)

    assert _actors(_list(admin, f"?from={begin}&to={end}")) == ["olaf"]


def test_it_goes_on_after_a_cursor(admin: Caller, written: list[AuditRecord]) -> None:
    first = _list(admin, "?size=2").json()

    assert _actors(_list(admin, f"?size=2&cursor={first['nextCursor']}")) == ["olaf", "edda"]


@pytest.mark.parametrize(
    "query",
    ["?verb=fly", "?kind=tasks", "?via=api", "?from=yesterday", "?to=2026-01-01", "?sort=actor", "?size=0",
     "?actor=a%00b", "?objectId=" + "x" * 256, "?cursor=x"],
)  # fmt: skip
def test_it_refuses_what_it_does_not_know(admin: Caller, query: str) -> None:
    answer = _list(admin, query)

    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_a_bound_admin_sees_the_records_of_his_namespace(payments_admin: Caller, written: list[AuditRecord]) -> None:
    assert _actors(_list(payments_admin, "?kind=task,namespace")) == ["paula"]


def test_a_bound_admin_does_not_find_others(payments_admin: Caller, written: list[AuditRecord]) -> None:
    assert payments_admin.send("get", f"audit/{written[0].id}").status_code == 404


@pytest.mark.parametrize("path", ["audit", "audit/1"])
def test_it_needs_an_admin(editor: Caller, path: str) -> None:
    assert editor.send("get", path).status_code == 403


@pytest.mark.parametrize("record_id", [0, 10**30])
def test_there_is_no_such_record(admin: Caller, record_id: int) -> None:
    assert admin.send("get", f"audit/{record_id}").status_code == 404


def test_it_shows_one(admin: Caller, written: list[AuditRecord]) -> None:
    assert admin.send("get", f"audit/{written[1].id}").json() == {
        "id": written[1].id,
        "recordedAt": instant(written[1].recorded_at),
        "actor": "olaf",
        "via": "API",
        "tokenId": None,
        "address": None,
        "verb": "resume",
        "kind": "task",
        "objectId": written[1].object_id,
        "objectName": None,
        "namespace": "default",
        "version": None,
        "before": None,
        "after": None,
        "reason": None,
    }


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_writes_it(admin: Caller, written: list[AuditRecord], method: str) -> None:
    assert admin.send(method, f"audit/{written[0].id}").status_code == 405


def _only(caller: Caller, verb: str) -> Any:
    return _list(caller, f"?kind=task&verb={verb}").json()["content"][0]


def test_a_change_of_a_task_is_told_by_what_differs(admin: Caller, cleanup: Task, now: datetime) -> None:
    given = read_changes({"priority": 9, "labels": {"team": "data"}})
    services.change_task(cleanup.id, given, namespace=None, now=now)

    record = _only(admin, "change")
    assert record["before"] == {"priority": 3, "labels.team": None}
    assert record["after"] == {"priority": 9, "labels.team": "data"}


def test_a_creation_is_told_by_the_whole_definition(admin: Caller, cleanup: Task) -> None:
    record = _only(admin, "create")

    assert record["before"] is None
    assert record["after"]["cronExpression"] == "0 0 0 * * ?"


def test_a_restoration_is_told_with_the_version_that_came_back(admin: Caller, cleanup: Task, now: datetime) -> None:
    services.change_task(cleanup.id, read_changes({"priority": 9}), namespace=None, now=now)
    admin.send("post", f"tasks/{cleanup.id}/revisions/1/restore")

    record = _only(admin, "restore")
    assert (record["before"], record["after"]) == ({"priority": 9}, {"priority": 3, "restoredFrom": 1})


def test_it_costs_the_same_however_many_there_are(
    admin: Caller, new_task: Callable[..., Task], django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        new_task(f"Task {number}")

    with django_assert_max_num_queries(4):
        _list(admin)
