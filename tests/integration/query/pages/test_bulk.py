"""Acting in bulk from the lists: the number before, the operation and its progress after, the audit."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from scheduler import bulkactions, claims, connections
from scheduler.models import AuditRecord, Execution, Operation, Task
from tests.integration.query.pages.inhabited import seated
from tests.integration.query.pages.test_task_page import text

PAUSE = "/admin/bulk/tasks/?search=report&action=pause"


@pytest.fixture
def reports(new_task: Callable[..., Task]) -> list[Task]:
    """Three reports, and something else."""
    new_task("Something else", intervalSeconds=60)
    return [new_task(f"Report {number}", intervalSeconds=60) for number in range(3)]


def confirm(client: Client, path: str, expected: int, **arguments: str) -> str:
    body = {"action": path.rpartition("action=")[2], "expected": str(expected)}
    answer: Any = client.post(path, body | {f"argument.{name}": text for name, text in arguments.items()}, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_it_tells_how_many_match_before_it_does_anything(reports: list[Task]) -> None:
    page = text(seated("operator"), PAUSE)

    assert '<span class="count">3</span> tasks' in page
    assert "Pause 3 tasks" in page
    assert not Operation.objects.exists()


def test_it_starts_an_operation_whose_progress_is_shown(reports: list[Task], now: datetime) -> None:
    operator = seated("operator")
    page = confirm(operator, PAUSE, 3, reason="Stocktaking")
    operation = Operation.objects.get()
    assert "pause tasks: search=report" in page
    assert "0 % of 3" in page

    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)

    page = text(operator, f"/admin/operation/{operation.id}/")
    assert "100 % of 3" in page
    assert {task.pause_reason for task in Task.objects.filter(status="PAUSED")} == {"Stocktaking"}
    assert Task.objects.filter(status="PAUSED").count() == 3


def test_it_is_audited(reports: list[Task]) -> None:
    confirm(seated("operator"), PAUSE, 3)

    record = AuditRecord.objects.get(kind="operation")
    assert (record.verb, record.via, record.actor.endswith("(console)")) == ("pause", "CONSOLE", True)


def test_more_than_were_confirmed_are_not_acted_on(reports: list[Task]) -> None:
    page = confirm(seated("operator"), PAUSE, 2)

    assert "More match by now" in page
    assert not Operation.objects.exists()


def test_it_is_aborted(reports: list[Task]) -> None:
    operator = seated("operator")
    confirm(operator, PAUSE, 3)
    operation = Operation.objects.get()

    answer: Any = operator.post(f"/admin/operation/{operation.id}/abort/", follow=True)

    assert "begins nothing more" in answer.content.decode()
    operation.refresh_from_db()
    assert operation.abort_requested_at is not None


def test_a_selection_is_acted_on(reports: list[Task]) -> None:
    path = f"/admin/bulk/tasks/?ids={reports[0].id}&ids={reports[1].id}&action=trigger"
    page = text(seated("operator"), path)

    assert "The 2 that were chosen." in page
    assert "Run now 2 tasks" in page


def test_nothing_chosen_is_refused(reports: list[Task]) -> None:
    assert "Choose rows of the list, or filter it first." in text(seated("operator"), "/admin/bulk/tasks/?action=pause")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=ASLEEP", "filter.status: "), ("colour=red", "filter.colour: "), ("ids=x", "This must be an id"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(reports: list[Task], query: str, said: str) -> None:
    page = text(seated("operator"), f"/admin/bulk/tasks/?action=pause&{query}")

    assert 'class="errornote"' in page
    assert "Pause 0" not in page


def test_fields_are_set_on_all(reports: list[Task], now: datetime) -> None:
    path = "/admin/bulk/tasks/?search=report&action=set"
    confirm(seated("editor"), path, 3, priority="9", labels="team: finance")
    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)

    found = Task.objects.filter(priority=9).values_list("labels", flat=True)
    assert list(found) == [{"team": "finance"}] * 3


def test_nothing_to_set_is_refused(reports: list[Task]) -> None:
    page = confirm(seated("editor"), "/admin/bulk/tasks/?search=report&action=set", 3, colour="red")

    assert "errornote" in page
    assert not Operation.objects.exists()


def test_failed_executions_are_tried_again(cleanup: Task, record: Callable[..., Execution], now: datetime) -> None:
    record(cleanup, now, status="FAILED", start_time=now, end_time=now)
    confirm(seated("operator"), "/admin/bulk/executions/?status=FAILED&action=retry", 1)
    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)

    assert Execution.objects.filter(attempt=2).count() == 1


def test_a_filtered_list_leads_to_it(reports: list[Task]) -> None:
    operator = seated("operator")

    assert '/admin/bulk/tasks/?status=ACTIVE"' in text(operator, "/admin/scheduler/task/?status=ACTIVE")
    assert "/admin/bulk/executions/?status=FAILED" in text(operator, "/admin/scheduler/execution/?status=FAILED")
    assert "/admin/bulk/" not in text(operator, "/admin/scheduler/task/")
    assert "/admin/bulk/" not in text(seated("viewer"), "/admin/scheduler/task/?status=ACTIVE")


@pytest.mark.parametrize("chosen", ["retry", "cancel"])
def test_chosen_executions_are_asked_about(
    cleanup: Task, record: Callable[..., Execution], now: datetime, chosen: str
) -> None:
    row = record(cleanup, now, status="QUEUED")
    answer: Any = seated("operator").post(
        "/admin/scheduler/execution/", {"action": chosen, "_selected_action": [str(row.id)]}
    )

    assert answer["Location"] == f"/admin/bulk/executions/?ids={row.id}&action={chosen}"


# Catch-ups


@pytest.fixture
def held(db: None, now: datetime) -> Operation:
    """A catch-up that waits until somebody approves it."""
    arguments = {"group": "default/default", "maxPerSecond": 5, "approvedAt": None}
    return Operation.objects.create(
        kind="CATCH_UP", status="HELD", arguments=arguments, total_count=20_000, created_at=now, position=now
    )


def test_a_catch_up_that_waits_is_approved(held: Operation) -> None:
    operator = seated("operator")
    assert "it waits until somebody approves it" in text(operator, f"/admin/operation/{held.id}/")

    answer: Any = operator.post(f"/admin/operation/{held.id}/approve/", follow=True)

    assert "The catch-up goes on." in answer.content.decode()
    held.refresh_from_db()
    assert held.arguments["approvedAt"] is not None


def test_a_catch_up_is_throttled(held: Operation) -> None:
    answer: Any = seated("operator").post(f"/admin/operation/{held.id}/throttle/", {"maxPerSecond": "2.5"}, follow=True)

    assert "The catch-up lets 2.5 a second go." in answer.content.decode()
    held.refresh_from_db()
    assert held.arguments["maxPerSecond"] == 2.5


def test_a_rate_that_is_none_is_refused(held: Operation) -> None:
    answer: Any = seated("operator").post(
        f"/admin/operation/{held.id}/throttle/", {"maxPerSecond": "fast"}, follow=True
    )

    assert "MaxPerSecond: " in answer.content.decode()


def test_operations_of_every_kind_are_listed(held: Operation, reports: list[Task]) -> None:
    operator = seated("operator")
    confirm(operator, PAUSE, 3)

    page = text(operator, "/admin/scheduler/operation/")
    assert ("pause tasks" in page, "Catch Up" in page or "Catch up" in page) == (True, True)
    assert "group: default/default" in text(operator, f"/admin/scheduler/operation/{held.id}/change/")
