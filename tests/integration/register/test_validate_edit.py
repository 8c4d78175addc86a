"""POST /api/v1/tasks/validate: what an edit does to the coming slots."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler import clock
from scheduler.models import Calendar, Task
from tests.integration.conftest import Caller

pytestmark = pytest.mark.usefixtures("handlers", "at_noon")

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def _validate(caller: Caller, **fields: Any) -> Any:
    return caller.send("post", "tasks/validate", fields)


def _change(caller: Caller, **fields: Any) -> Any:
    return _validate(caller, **fields).json()["change"]


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon."""
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def task(new_task: Callable[..., Task]) -> Task:
    """Fires each hour, at 12:30 next."""
    return new_task("Hourly", at=NOON, cronExpression="0 30 * * * ?", timeoutSeconds=60)


def test_it_answers_what_a_change_comes_to(editor: Caller, task: Task) -> None:
    answer = _validate(editor, id=str(task.id), cronExpression="0 30 */2 * * ?", priority=9).json()

    assert (answer["task"]["id"], answer["task"]["version"], answer["task"]["priority"]) == (str(task.id), 2, 9)
    assert answer["next"][0] == "2030-01-01T12:30:00Z"
    change = answer["change"]
    assert change.pop("slotsRemoved")[:2] == ["2030-01-01T13:30:00Z", "2030-01-01T15:30:00Z"]
    assert change == {
        "taskId": str(task.id),
        "version": 1,
        "fields": [
            {"field": "cronExpression", "old": "0 30 * * * ?", "new": "0 30 */2 * * ?"},
            {"field": "priority", "old": 5, "new": 9},
        ],
        "slotsAdded": [],
        "addedCount": 0,
        "removedCount": 360,
        "until": "2030-01-31T12:00:00Z",
        "isCountBounded": False,
    }


def test_it_lists_a_hundred_slots_and_counts_all(editor: Caller, task: Task) -> None:
    change = _change(editor, id=str(task.id), cronExpression="0 0/30 * * * ?")

    assert (len(change["slotsAdded"]), change["addedCount"], change["removedCount"]) == (100, 719, 0)


def test_it_says_how_far_it_has_counted(editor: Caller, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "monotonic", lambda: 0.0)

    change = _change(editor, id=str(task.id), cronExpression="* * * * * ?")

    assert change["isCountBounded"] is True
    assert "2030-01-02" < change["until"] < "2030-01-03"
    assert change["addedCount"] > 99_000


@pytest.mark.parametrize(
    ("fields", "added", "removed"),
    [
        ({"runAt": "2030-01-02T00:00:00Z"}, 1, 720),
        ({"runAt": "2030-01-01T11:59:30Z"}, 1, 720),
        ({"cronExpression": None}, 0, 720),
        ({"endAt": "2030-01-02T00:00:00Z"}, 0, 708),
        ({"endAt": "2030-01-01T12:10:00Z"}, 0, 720),
        ({"startAt": "2030-01-03T12:00:00Z"}, 0, 48),
        ({"intervalSeconds": 1800}, 719, 0),
        ({"timeZone": "Asia/Kolkata"}, 719, 720),
        ({"timeZone": "Europe/Berlin"}, 0, 0),
        ({"priority": 9}, 0, 0),
        ({}, 0, 0),
        ({"calendar": "weekdays"}, 0, 192),
        ({"jitterSeconds": 60}, 0, 0),
    ],
)
def test_it_counts_the_slots_that_come_and_go(
    editor: Caller, task: Task, fields: dict[str, Any], added: int, removed: int
) -> None:
    Calendar.objects.create(name="weekdays", rules={"weekdays": ["SAT", "SUN"]})

    change = _change(editor, id=str(task.id), **fields)

    assert (change["addedCount"], change["removedCount"]) == (added, removed)


def test_a_fixed_delay_is_compared_as_far_as_it_is_known(editor: Caller, task: Task) -> None:
    answer = _validate(editor, id=str(task.id), intervalSeconds=3600, intervalMode="FIXED_DELAY").json()

    assert (answer["next"], answer["isEstimated"]) == (["2030-01-01T13:00:00Z"], True)
    assert (answer["change"]["addedCount"], answer["change"]["removedCount"]) == (1, 2)
    assert (answer["change"]["until"], answer["change"]["isCountBounded"]) == ("2030-01-01T14:00:00Z", True)


def test_a_slot_that_is_left_out_is_none(editor: Caller, task: Task) -> None:
    editor.send("post", f"tasks/{task.id}/skip", {"slot": "2030-01-01T12:30:00Z"})

    answer = _validate(editor, id=str(task.id), cronExpression="0 0 * * * ?").json()

    assert (answer["next"][0], answer["change"]["removedCount"]) == ("2030-01-01T13:00:00Z", 719)
