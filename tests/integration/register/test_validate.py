"""POST /api/v1/tasks/validate."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from scheduler import clock, dispatch
from scheduler.models import Execution, Handler, Task
from tests.integration.conftest import SEED, Caller
from tests.integration.register.test_bad_input import CASES, GOOD, _sent

pytestmark = [pytest.mark.anywhere, pytest.mark.usefixtures("handlers")]

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOOP = {"name": "New", "taskClass": "platform.noop"}


def _validate(caller: Caller, **fields: Any) -> Any:
    return caller.send("post", "tasks/validate", fields)


def _change(caller: Caller, **fields: Any) -> Any:
    return _validate(caller, **fields).json()["change"]


def _codes(answer: Any) -> list[str]:
    return [warning["code"] for warning in answer.json()["warnings"]]


def _everything() -> list[Any]:
    return [*Task.objects.order_by("id").values(), *Execution.objects.order_by("id").values()]


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon."""
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def task(new_task: Callable[..., Task]) -> Task:
    """Fires each hour, at 12:30 next."""
    return new_task("Hourly", at=NOON, cronExpression="0 30 * * * ?", timeoutSeconds=60)


@pytest.mark.usefixtures("at_noon")
def test_it_answers_what_would_be_stored(editor: Caller) -> None:
    stored = editor.send("post", "tasks", SEED).json()
    Task.objects.all().delete()

    answer = _validate(editor, **SEED)

    assert answer.status_code == 200
    assert answer.json()["task"] == stored | {"id": None}


@pytest.mark.usefixtures("at_noon")
def test_it_answers_words_slots_and_warnings(editor: Caller) -> None:
    answer = _validate(editor, **NOOP, cronExpression="0 0 9 * * ?", timeZone="Europe/Berlin").json()

    assert answer["valid"] is True
    assert answer["description"] == "At 09:00, every day, Europe/Berlin time"
    assert (len(answer["next"]), answer["next"][0]) == (10, "2030-01-02T08:00:00Z")
    assert (answer["nextLocal"][0], answer["timeZone"]) == ("2030-01-02T09:00:00+01:00", "Europe/Berlin")
    assert (answer["isEstimated"], answer["change"]) == (False, None)
    assert [warning["code"] for warning in answer["warnings"]] == ["crowded_minute"]


def test_it_takes_a_handlers_presets(editor: Caller) -> None:
    task = _validate(editor, name="Report", taskClass="reports.monthly").json()["task"]

    assert (task["timeoutSeconds"], task["priority"]) == (120, 8)


def test_it_knows_no_jitter_of_a_task_without_an_id(editor: Caller) -> None:
    answer = _validate(editor, **NOOP, cronExpression="0 7 9 * * ?", jitterSeconds=60)

    assert answer.json()["task"]["nextExecutionTime"] is None
    assert _codes(answer) == ["jitter"]


def test_the_name_of_a_task_stands_for_its_id(editor: Caller, task: Task) -> None:
    assert _change(editor, name="Hourly", priority=9)["taskId"] == str(task.id)


def test_the_name_counts_in_its_namespace(editor: Caller, payroll: Task) -> None:
    assert _change(editor, name="Payroll", taskClass="platform.noop") is None
    assert _change(editor, name="Payroll", namespace="payments")["taskId"] == str(payroll.id)


def test_a_bound_token_means_its_own_namespace(payments_editor: Caller, payroll: Task) -> None:
    assert _change(payments_editor, name="Payroll", priority=1)["taskId"] == str(payroll.id)


def test_a_bound_token_finds_nothing_elsewhere(payments_editor: Caller, task: Task) -> None:
    assert _validate(payments_editor, id=str(task.id), priority=1).status_code == 404
    assert _validate(payments_editor, name="Hourly", namespace="default", taskClass="platform.noop").status_code == 403


@pytest.mark.parametrize(("field", "value"), CASES)
def test_it_refuses_as_a_registration_does(editor: Caller, field: str, value: Any) -> None:
    fields = GOOD | _sent(field, value)
    stored = editor.send("post", "tasks", fields)

    answer = editor.send("post", "tasks/validate", fields)

    refusals = {(400, "id"), (404, "id"), (stored.status_code, field)}
    assert (answer.status_code, field) in refusals
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"cronExpression": "0 0 0 30 2 ?"}, 422),
        ({"cronExpression": "nonsense"}, 400),
        ({"runAt": "2020-01-01T00:00:00Z"}, 422),
        ({"taskClass": "no.such"}, 422),
        ({"namespace": "payments"}, 422),
        ({"jitterSeconds": 3600}, 422),
        ({"calendar": "nowhere"}, 422),
        ({"name": "Daily Data Cleanup"}, 409),
        ({"version": 1}, 400),
    ],
)
def test_it_refuses_as_a_change_does(
    editor: Caller, task: Task, cleanup: Task, fields: dict[str, Any], status: int
) -> None:
    before = _everything()

    answer = _validate(editor, id=str(task.id), **fields)

    assert (answer.status_code, answer.json()) == (status, editor.send("patch", f"tasks/{task.id}", fields).json())
    assert _everything() == before


@pytest.mark.parametrize("body", [None, [], "x", 5, {}, {"id": None}, {"name": None}, {"id": "x"}, {"id": 5}])
def test_it_refuses_what_is_no_task(editor: Caller, body: Any) -> None:
    assert editor.send("post", "tasks/validate", body).status_code == 400


def test_it_finds_no_task_that_is_not_there(editor: Caller) -> None:
    assert _validate(editor, id=str(uuid4()), priority=1).status_code == 404


def test_a_deleted_task_cannot_change(editor: Caller, task: Task) -> None:
    editor.send("delete", f"tasks/{task.id}")

    assert _validate(editor, id=str(task.id), priority=1).status_code == 409
    assert _change(editor, name="Hourly", taskClass="platform.noop") is None


@pytest.mark.parametrize(("tag", "status"), [('"1"', 200), ('"2"', 412), ("*", 200), ("x", 400)])
def test_it_compares_the_version(editor: Caller, task: Task, tag: str, status: int) -> None:
    body = {"id": str(task.id), "priority": 1}

    assert editor.send("post", "tasks/validate", body, if_match=tag).status_code == status


def test_it_needs_no_version_where_changes_do(editor: Caller, task: Task, settings: Any) -> None:
    settings.REQUIRE_IF_MATCH = True

    assert _validate(editor, id=str(task.id), priority=1).status_code == 200


def test_it_changes_nothing(editor: Caller, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[Any] = []
    monkeypatch.setattr(dispatch, "publish_after_commit", lambda ready, **_: published.append(ready))
    late = new_task(intervalSeconds=60, at=clock.now() - timedelta(seconds=90))
    before = _everything()

    assert _validate(editor, id=str(late.id), intervalSeconds=7200).status_code == 200
    assert _validate(editor, **NOOP, intervalSeconds=60).status_code == 200

    assert (_everything(), published) == (before, [])


def test_it_says_what_the_past_slots_of_a_paused_task_are(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(intervalSeconds=60, timeoutSeconds=5, at=clock.now() - timedelta(hours=1))
    editor.send("post", f"tasks/{task.id}/pause")
    before = _everything()

    answer = _validate(editor, id=str(task.id), intervalSeconds=120)

    assert (answer.json()["task"]["status"], _codes(answer), len(answer.json()["next"])) == ("PAUSED", ["paused"], 10)
    assert _everything() == before


def test_it_answers_for_a_stored_schedule_that_cannot_be_read_any_more(editor: Caller, task: Task) -> None:
    Task.objects.update(time_zone="Nowhere/Gone", claim_at=None, next_slot_for=None)

    answer = _validate(editor, id=str(task.id), priority=9)

    assert (answer.status_code, _codes(answer)) == (200, ["never_fires"])


def test_it_refuses_a_viewer(viewer: Caller, handlers: dict[str, Handler]) -> None:
    assert _validate(viewer, **NOOP).status_code == 403
