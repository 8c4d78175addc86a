"""GET /api/v1/stats/slot-faults, its page, and what the overview says of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler.models import SlotFault, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller
from tests.integration.query.pages.inhabited import seated
from tests.integration.query.pages.test_task_page import text

PAGE = "/admin/scheduler/slotfault/"
HOUR = timedelta(hours=1)


@pytest.fixture
def faults(new_task: Callable[..., Task], now: datetime) -> list[SlotFault]:
    """One of each kind, found one hour after the other; the last a moment ago, in another namespace."""
    invoices, reports = new_task("Invoices"), new_task("Reports", namespace="payments")
    rows: list[dict[str, Any]] = [
        {"task": invoices, "kind": "MISSED"},
        {"task": invoices, "kind": "LATE", "late_seconds": 90.5},
        {"task": reports, "kind": "DOUBLED"},
    ]
    return SlotFault.objects.bulk_create(
        SlotFault(
            namespace=row["task"].namespace, scheduled_for=now - 3 * HOUR, found_at=now - (2 - number) * HOUR, **row
        )
        for number, row in enumerate(rows)
    )  # fmt: skip


def _list(caller: Caller, query: str = "") -> Any:
    return caller.send("get", f"stats/slot-faults{query}")


def _kinds(caller: Caller, query: str = "") -> list[str]:
    answer = _list(caller, query)
    assert answer.status_code == 200, answer.content
    return [one["kind"] for one in answer.json()["content"]]


def test_it_lists_the_last_one_found_first(admin: Caller, faults: list[SlotFault]) -> None:
    assert _kinds(admin) == ["DOUBLED", "LATE", "MISSED"]


def test_it_says_which_slot_of_which_task(admin: Caller, faults: list[SlotFault]) -> None:
    late = faults[1]
    assert _list(admin, "?kind=LATE").json()["content"] == [
        {
            "id": late.pk,
            "taskId": str(late.task_id),
            "taskName": "Invoices",
            "namespace": "default",
            "kind": "LATE",
            "scheduledFor": instant(late.scheduled_for),
            "lateSeconds": 90.5,
            "foundAt": instant(late.found_at),
        }
    ]


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("?kind=MISSED,DOUBLED", ["DOUBLED", "MISSED"]),
        ("?namespace=payments", ["DOUBLED"]),
        ("?size=1&page=1", ["LATE"]),
    ],
)
def test_it_filters(admin: Caller, faults: list[SlotFault], query: str, kinds: list[str]) -> None:
    assert _kinds(admin, query) == kinds


def test_it_filters_by_task_and_time(admin: Caller, faults: list[SlotFault]) -> None:
    since = instant(faults[1].found_at)
    assert _kinds(admin, f"?taskId={faults[0].task_id}&foundSince={since}") == ["LATE"]


def test_it_goes_on_after_a_cursor(admin: Caller, faults: list[SlotFault]) -> None:
    cursor = _list(admin, "?size=2").json()["nextCursor"]
    assert _kinds(admin, f"?size=2&cursor={cursor}") == ["MISSED"]


@pytest.mark.parametrize("query", ["?kind=late", "?taskId=7", "?foundSince=yesterday", "?foundsince=x", "?size=0"])
def test_it_refuses_what_it_does_not_know(admin: Caller, query: str) -> None:
    answer = _list(admin, query)
    assert (answer.status_code, bool(answer.json()["errors"])) == (400, True)


def test_a_bound_admin_sees_those_of_the_namespace(payments_admin: Caller, faults: list[SlotFault]) -> None:
    assert _kinds(payments_admin) == ["DOUBLED"]
    assert _kinds(payments_admin, "?namespace=default") == []


def test_nobody_below_an_admin_sees_any(editor: Caller, faults: list[SlotFault]) -> None:
    assert _list(editor).status_code == 403


def test_its_page_shows_them(faults: list[SlotFault]) -> None:
    page = text(seated("admin"), PAGE)
    assert all(word in page for word in ("Invoices", "Reports", "Missed", "Doubled", "Late", "1 min"))


def test_its_page_is_bound_as_the_seat_is(faults: list[SlotFault]) -> None:
    page = text(seated("admin", "payments"), PAGE)
    assert ("Reports" in page, "Invoices" in page) == (True, False)


@pytest.mark.parametrize(
    ("term", "found"), [("payments", (True, False)), ("{task}", (False, True)), ("x", (False,) * 2)]
)
def test_its_page_is_searched_by_namespace_and_task(
    faults: list[SlotFault], term: str, found: tuple[bool, bool]
) -> None:
    page = text(seated("admin"), f"{PAGE}?q={term.format(task=faults[0].task_id)}")
    assert ("Reports" in page, "Invoices" in page) == found


def test_the_overview_tells_an_admin_of_the_last_hour(faults: list[SlotFault]) -> None:
    assert "1 slot fault within the hour" in text(seated("admin"), "/admin/")
    assert "no slot faults" in text(seated("admin", "default"), "/admin/")
    assert "slot fault" not in text(seated("editor"), "/admin/")
