"""POST /api/v1/tasks/{id}/skip."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from register import operating
from register.api.reading import read_skip
from scheduler import connections, firing
from scheduler.models import Execution, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller

MINUTE = timedelta(minutes=1)


@pytest.fixture
def minutely(new_task: Callable[..., Task], now: datetime) -> Task:
    """Fires each minute from `now` on, its first slot a minute later."""
    return new_task(intervalSeconds=60)


def _skip(caller: Caller, task: Task, slot: datetime) -> Any:
    return caller.send("post", f"tasks/{task.id}/skip", {"slot": instant(slot)})


def _leave_out(task: Task, slot: datetime, *, at: datetime) -> Task:
    return operating.skip_slot(task.id, read_skip({"slot": instant(slot)}), namespace=None, now=at)


def _rows() -> list[tuple[str, str | None, datetime]]:
    return list(Execution.objects.order_by("id").values_list("status", "reason", "scheduled_for"))


def test_the_next_execution_time_is_the_slot_after_it(operator: Caller, minutely: Task, now: datetime) -> None:
    answer = _skip(operator, minutely, now + MINUTE)

    assert (answer.status_code, answer.json()["nextExecutionTime"]) == (200, instant(now + 2 * MINUTE))


def test_it_is_recorded_when_its_time_comes(operator: Caller, minutely: Task, now: datetime) -> None:
    _skip(operator, minutely, now + MINUTE)

    firing.claim(connections.current(), now=now + 2 * MINUTE)

    assert _rows() == [("SKIPPED", "requested", now + MINUTE), ("QUEUED", None, now + 2 * MINUTE)]


def test_it_is_not_recorded_before(operator: Caller, minutely: Task, now: datetime) -> None:
    _skip(operator, minutely, now + MINUTE)

    firing.claim(connections.current(), now=now + 0.9 * MINUTE)

    assert _rows() == []


def test_a_later_slot_leaves_the_next_one_alone(operator: Caller, minutely: Task, now: datetime) -> None:
    _skip(operator, minutely, now + 2 * MINUTE)

    firing.claim(connections.current(), now=now + MINUTE)

    assert _rows() == [("QUEUED", None, now + MINUTE)]
    assert Task.objects.values_list("claim_at", "next_execution_time").get() == (now + 2 * MINUTE, now + 3 * MINUTE)


def test_neighbours_can_be_left_out(operator: Caller, minutely: Task, now: datetime) -> None:
    _skip(operator, minutely, now + MINUTE)

    answer = _skip(operator, minutely, now + 2 * MINUTE)

    assert answer.json()["nextExecutionTime"] == instant(now + 3 * MINUTE)


def test_to_ask_twice_says_no_more_than_once(operator: Caller, minutely: Task, now: datetime) -> None:
    _skip(operator, minutely, now + MINUTE)

    assert _skip(operator, minutely, now + MINUTE).status_code == 200
    assert Task.objects.get().skip_slots == [now + MINUTE]


def test_the_only_slot_of_a_task_can_be_left_out(
    operator: Caller, new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(runAt=instant(now + MINUTE))

    assert _skip(operator, task, now + MINUTE).json()["nextExecutionTime"] is None
    firing.claim(connections.current(), now=now + MINUTE)
    assert (_rows(), Task.objects.get().status) == ([("SKIPPED", "requested", now + MINUTE)], "COMPLETED")


def test_what_has_passed_is_forgotten(minutely: Task, now: datetime) -> None:
    _leave_out(minutely, now + MINUTE, at=now)

    _leave_out(minutely, now + 5 * MINUTE, at=now + 3 * MINUTE)

    assert Task.objects.get().skip_slots == [now + 5 * MINUTE]


def test_it_makes_no_new_version(operator: Caller, minutely: Task, now: datetime) -> None:
    assert _skip(operator, minutely, now + MINUTE)["ETag"] == '"1"'


@pytest.mark.parametrize("seconds", [-60, 0, 30, 61])
def test_an_instant_without_a_coming_slot_is_refused(
    operator: Caller, minutely: Task, now: datetime, seconds: int
) -> None:
    answer = _skip(operator, minutely, now + timedelta(seconds=seconds))

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "slot")
    assert Task.objects.get().skip_slots is None


def test_a_task_without_a_schedule_has_no_slot(operator: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    assert _skip(operator, new_task(), now + MINUTE).status_code == 422


def test_there_is_a_bound(operator: Caller, minutely: Task, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "MOST_SKIPPED", 1)
    _skip(operator, minutely, now + MINUTE)

    assert _skip(operator, minutely, now + 2 * MINUTE).status_code == 422


def test_a_slot_of_a_paused_task_can_be_left_out(operator: Caller, minutely: Task, now: datetime) -> None:
    operator.send("post", f"tasks/{minutely.id}/pause")

    answer = _skip(operator, minutely, now + MINUTE)

    assert (answer.status_code, answer.json()["nextExecutionTime"]) == (200, None)


def test_a_deleted_task_has_no_slots(editor: Caller, minutely: Task, now: datetime) -> None:
    editor.send("delete", f"tasks/{minutely.id}")

    assert _skip(editor, minutely, now + MINUTE).status_code == 409


def test_a_bound_token_finds_no_task_of_another_namespace(
    payments_editor: Caller, minutely: Task, now: datetime
) -> None:
    assert _skip(payments_editor, minutely, now + MINUTE).status_code == 404
