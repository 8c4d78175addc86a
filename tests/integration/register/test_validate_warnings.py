"""POST /api/v1/tasks/validate: the warnings."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler import clock
from scheduler.models import Calendar, Task
from tests.integration.conftest import Caller

pytestmark = pytest.mark.usefixtures("handlers", "at_noon")

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


NOOP = {"name": "New", "taskClass": "platform.noop"}


def _validate(caller: Caller, **fields: Any) -> Any:
    return caller.send("post", "tasks/validate", fields)


def _codes(answer: Any) -> list[str]:
    return [warning["code"] for warning in answer.json()["warnings"]]


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon."""
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def task(new_task: Callable[..., Task]) -> Task:
    """Fires each hour, at 12:30 next."""
    return new_task("Hourly", at=NOON, cronExpression="0 30 * * * ?", timeoutSeconds=60)


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"intervalSeconds": 60}, ["may_overlap"]),
        ({"intervalSeconds": 60, "overlapPolicy": "SKIP"}, []),
        ({"intervalSeconds": 60, "timeoutSeconds": 60}, []),
        ({"cronExpression": "0 7 9 * * ?", "misfirePolicy": "SKIP"}, ["misfire_skip"]),
        ({"cronExpression": "0 7 * * * ?", "misfirePolicy": "SKIP"}, []),
        ({"runAt": "2030-01-02T00:00:00Z", "misfirePolicy": "SKIP", "misfireGraceSeconds": 0}, ["misfire_skip"]),
        ({"runAt": "2030-01-01T11:59:30Z"}, []),
        ({"queue": "defualt"}, ["unknown_queue"]),
        ({"taskClass": "no.such", "allowUnknownTaskClass": True}, ["unknown_task_class"]),
        ({"cronExpression": "0 0 9 * * ?"}, ["crowded_minute"]),
        (
            {"cronExpression": "0 30 2 * * ?", "timeZone": "Europe/Berlin"},
            ["missing_local_time", "repeated_local_time"],
        ),
        ({"cronExpression": "0 7 9 * * ?", "calendar": "closed"}, ["calendar_closed"]),
        ({"cronExpression": "0 7 9 * * ?", "calendar": "closed", "calendarPolicy": "NEXT_OPEN"}, []),
        ({"intervalSeconds": 60, "intervalMode": "FIXED_DELAY"}, []),
        ({}, []),
    ],
)
def test_it_warns(editor: Caller, fields: dict[str, Any], codes: list[str]) -> None:
    Calendar.objects.create(name="closed", rules={"dates": ["2030-01-02"]})

    answer = _validate(editor, **NOOP | fields)

    assert (answer.status_code, _codes(answer)) == (200, codes)


def test_it_warns_of_an_end_before_the_next_slot(editor: Caller, task: Task) -> None:
    answer = _validate(editor, id=str(task.id), endAt="2030-01-01T12:10:00Z")

    assert (answer.json()["task"]["status"], answer.json()["next"], _codes(answer)) == (
        "COMPLETED",
        [],
        ["never_fires"],
    )
