"""GET /api/v1/tasks/{id}/upcoming."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler.models import Calendar, Execution, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller

MINUTE = timedelta(minutes=1)


@pytest.fixture
def minutely(new_task: Callable[..., Task], now: datetime) -> Task:
    """Fires each minute from `now` on, its first slot a minute later."""
    return new_task(intervalSeconds=60)


def _next(caller: Caller, task: Task, count: int = 3) -> Any:
    answer = caller.get(f"/api/v1/tasks/{task.id}/upcoming?count={count}")
    assert answer.status_code == 200, answer.content
    return answer.json()["next"]


def _minutes(now: datetime, *minutes: int) -> list[str | None]:
    return [instant(now + minute * MINUTE) for minute in minutes]


def test_it_lists_the_next_slots(viewer: Caller, minutely: Task, now: datetime) -> None:
    assert _next(viewer, minutely) == _minutes(now, 1, 2, 3)


def test_it_lists_ten_unless_asked(viewer: Caller, minutely: Task) -> None:
    assert len(viewer.get(f"/api/v1/tasks/{minutely.id}/upcoming").json()["next"]) == 10


def test_a_slot_that_nobody_has_claimed_comes_first(
    viewer: Caller, new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(intervalSeconds=60, at=now - 1.5 * MINUTE)

    assert _next(viewer, task, 1) == [instant(now - 0.5 * MINUTE)]


def test_what_is_left_out_on_request_is_not_listed(operator: Caller, minutely: Task, now: datetime) -> None:
    operator.send("post", f"tasks/{minutely.id}/skip", {"slot": instant(now + 2 * MINUTE)})

    assert _next(operator, minutely) == _minutes(now, 1, 3, 4)


def test_a_paused_task_has_none(operator: Caller, minutely: Task) -> None:
    operator.send("post", f"tasks/{minutely.id}/pause")

    assert _next(operator, minutely) == []


def test_after_a_pause_that_ends_there_are_some(operator: Caller, minutely: Task, now: datetime) -> None:
    operator.send("post", f"tasks/{minutely.id}/pause", {"until": instant(now + 3 * MINUTE)})

    assert _next(operator, minutely) == _minutes(now, 3, 4, 5)


def test_a_deleted_task_has_none(editor: Caller, minutely: Task) -> None:
    editor.send("delete", f"tasks/{minutely.id}")

    assert _next(editor, minutely) == []


def test_a_task_without_a_schedule_has_none(viewer: Caller, new_task: Callable[..., Task]) -> None:
    assert _next(viewer, new_task()) == []


def test_a_single_run_is_one(viewer: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(runAt=instant(now + MINUTE))

    assert _next(viewer, task) == _minutes(now, 1)


def test_a_definition_that_yields_no_slots_has_none(viewer: Caller, minutely: Task) -> None:
    Task.objects.update(interval_seconds=None, cron_expression="broken")

    assert _next(viewer, minutely) == []


@pytest.mark.parametrize("below", ["upcoming", "prediction"])
def test_a_calendar_that_cannot_be_read_any_more_leaves_none(
    viewer: Caller, new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime, below: str
) -> None:
    """A region of holidays that a later version does not know."""
    rules = {"holidays": [{"country": "DE", "region": "XX"}]}
    task = new_task(intervalSeconds=60)
    calendar = Calendar.objects.create(name="Closed", namespace="default", rules=rules)
    Task.objects.filter(id=task.id).update(calendar=calendar)
    for minute in range(5):
        record(task, now - (minute + 1) * MINUTE, status="SUCCESS", execution_time_ms=7)

    answer = viewer.get(f"/api/v1/tasks/{task.id}/{below}")

    assert (answer.status_code, answer.json()["next"] or None) == (200, None)


@pytest.mark.parametrize(
    ("query", "field"), [("count=0", "count"), ("count=101", "count"), ("count=x", "count"), ("size=5", "size")]
)
def test_it_refuses(viewer: Caller, minutely: Task, query: str, field: str) -> None:
    answer = viewer.get(f"/api/v1/tasks/{minutely.id}/upcoming?{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, minutely: Task) -> None:
    assert payments_editor.get(f"/api/v1/tasks/{minutely.id}/upcoming").status_code == 404
