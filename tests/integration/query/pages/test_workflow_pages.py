"""Workflows as graphs: by definition with their latest states, and run by run."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from scheduler.models import Execution, Task
from tests.integration.query.pages.inhabited import seated
from tests.integration.query.pages.test_task_page import text

MINUTE = timedelta(minutes=1)


@pytest.fixture
def chain(new_task: Callable[..., Task]) -> list[Task]:
    """Extract, then Clean, and Alert where that has failed."""
    first = new_task("Extract", intervalSeconds=600)
    second = new_task("Clean", dependencies=[{"taskId": str(first.id)}])
    return [first, second, new_task("Alert", dependencies=[{"taskId": str(second.id), "condition": "FAILURE"}])]


@pytest.fixture
def run(chain: list[Task], record: Callable[..., Execution], now: datetime) -> Execution:
    """A run in which Clean has failed."""
    root = record(chain[0], now - MINUTE, status="SUCCESS", start_time=now, end_time=now, execution_time_ms=5)
    Execution.objects.filter(id=root.id).update(run_id=root.id)
    failed = record(chain[1], now - MINUTE, status="FAILED", start_time=now, end_time=now, error_message="It burns")
    Execution.objects.filter(id=failed.id).update(run_id=root.id, trigger="DEPENDENCY")
    return root


def test_workflows_are_listed_by_where_they_begin(chain: list[Task]) -> None:
    page = text(seated("viewer"), "/admin/workflows/")

    assert ("Extract" in page, "Clean" in page) == (True, False)
    assert "None of this name." in text(seated("viewer"), "/admin/workflows/?search=clean")


@pytest.mark.parametrize(("part", "is_found"), [("straße", True), ("STRASSE", False), ("%00", False), ("%25", False)])
def test_a_workflow_is_found_by_part_of_its_name_as_a_task_is(
    new_task: Callable[..., Task], part: str, is_found: bool
) -> None:
    first = new_task("Straßenliste", intervalSeconds=600)
    new_task("Clean", dependencies=[{"taskId": str(first.id)}])

    page = text(seated("viewer"), f"/admin/workflows/?search={part}")

    assert ("None of this name." not in page) is is_found


def strip_of(page: str) -> str:
    """Return what the strip of last runs in a list of workflows says to those who cannot see it."""
    return page.split('aria-label="Latest first: ')[1].split('"')[0].split("\xa0")[-1]


def test_the_list_shows_what_the_last_runs_came_to(chain: list[Task], run: Execution) -> None:
    assert strip_of(text(seated("viewer"), "/admin/workflows/")) == "Failed"


def test_a_run_that_nothing_has_followed_is_as_its_first_task_is(
    chain: list[Task], record: Callable[..., Execution], now: datetime
) -> None:
    record(chain[0], now - MINUTE, status="SUCCESS", start_time=now, end_time=now, execution_time_ms=5)

    assert strip_of(text(seated("viewer"), "/admin/workflows/")) == "Success"


def test_the_list_shows_a_run_as_running_while_something_of_it_is_open(chain: list[Task], run: Execution) -> None:
    Execution.objects.filter(task=chain[1]).update(status="QUEUED", end_time=None)

    assert strip_of(text(seated("viewer"), "/admin/workflows/")) == "Running"


def test_without_any_it_says_how_there_would_be_some(db: None) -> None:
    assert "Give a task dependencies" in text(seated("viewer"), "/admin/workflows/")


def test_a_graph_shows_what_waits_for_what(chain: list[Task]) -> None:
    page = text(seated("viewer"), f"/admin/workflows/{chain[1].id}/")

    assert page.count('class="node') == 3
    assert "Alert waits for Clean (failure)" in page
    assert "It has never run." in page


def test_a_run_shows_how_far_it_has_come(chain: list[Task], run: Execution) -> None:
    page = text(seated("viewer"), f"/admin/runs/{run.id}/")

    assert 'class="node success here"' in page
    assert 'class="node failed"' in page
    assert "Clean waits for Extract: met" in page
    assert "Go on from what has failed" not in page


def test_it_goes_on_from_what_has_failed(chain: list[Task], run: Execution) -> None:
    operator = seated("operator")
    assert "Go on from what has failed" in text(operator, f"/admin/runs/{run.id}/")

    answer: Any = operator.post(f"/admin/runs/{run.id}/retry/", follow=True)

    assert "The run goes on: 1 execution tried again." in answer.content.decode()
    assert Execution.objects.get(task=chain[1], attempt=2).status == "QUEUED"


def test_a_run_that_there_is_not_is_not_found(client: Client, chain: list[Task]) -> None:
    assert seated("viewer").get(f"/admin/runs/{chain[0].id}/").status_code == 404


def listed_run(task: Task, run: Execution) -> str:
    """Return the row of a run among the latest runs of a task's workflow."""
    rows = text(seated("viewer"), f"/admin/workflows/{task.id}/").split("<tr>")
    return next(row for row in rows if f"/admin/runs/{run.id}/" in row)


def test_the_latest_runs_are_listed(chain: list[Task], run: Execution) -> None:
    assert "Extract" in listed_run(chain[0], run)


def test_a_listed_run_is_what_all_of_it_came_to(chain: list[Task], run: Execution) -> None:
    row = listed_run(chain[0], run)

    assert ("Failed" in row, "Success" in row) == (True, False)


def test_a_listed_run_is_running_while_something_of_it_is_open(chain: list[Task], run: Execution) -> None:
    Execution.objects.filter(task=chain[1]).update(status="QUEUED", end_time=None)

    assert "Running" in listed_run(chain[0], run)


def test_a_listed_run_is_as_its_last_attempts_are(
    chain: list[Task], run: Execution, record: Callable[..., Execution], now: datetime
) -> None:
    again = record(chain[1], now - MINUTE, attempt=2, status="SUCCESS", start_time=now, end_time=now)
    Execution.objects.filter(id=again.id).update(run_id=run.id, trigger="RETRY")

    assert "Success" in listed_run(chain[0], run)
