"""POST /api/v1/calendars."""

from datetime import datetime
from typing import Any

import pytest

from scheduler.models import Calendar
from scheduler.representations import instant
from tests.integration.conftest import Caller
from tests.integration.register.calendars.conftest import WEEKENDS, NewCalendar

BAVARIA = {
    "name": "Bavaria",
    "description": "Our office in Munich",
    "rules": {
        "timeZone": "Europe/Berlin",
        "dates": ["2026-12-31", "2026-12-24", "2026-12-24"],
        "weekdays": ["SUN", "sat"],
        "holidays": [{"country": "DE", "region": "BY"}],
        "recurringDates": [],
    },
}


def test_it_creates_a_shared_calendar(editor: Caller) -> None:
    answer = editor.send("post", "calendars", BAVARIA)

    assert answer.status_code == 201
    shown = answer.json()
    assert answer["Location"] == f"/api/v1/calendars/{shown['id']}"
    assert answer["ETag"] == '"1"'
    times = {"createdAt": shown["createdAt"], "updatedAt": shown["createdAt"]}
    assert shown == times | {
        "id": str(Calendar.objects.get().id), "name": "Bavaria", "namespace": None,
        "description": "Our office in Munich",
        "rules": {
            "timeZone": "Europe/Berlin", "dates": ["2026-12-24", "2026-12-31"], "weekdays": ["SAT", "SUN"],
            "holidays": [{"country": "DE", "region": "BY"}],
        },
        "version": 1, "createdBy": "edda", "taskCount": 0, "pendingTaskCount": 0,
    }  # fmt: skip


def test_it_says_when(editor: Caller, now: datetime) -> None:
    assert editor.send("post", "calendars", BAVARIA).json()["createdAt"] >= str(instant(now))


def test_a_bound_token_creates_in_its_own_namespace(payments_editor: Caller) -> None:
    assert payments_editor.send("post", "calendars", BAVARIA).json()["namespace"] == "payments"


@pytest.mark.parametrize("namespace", ["reports", None])
def test_a_bound_token_creates_nowhere_else(payments_editor: Caller, namespace: str | None) -> None:
    answer = payments_editor.send("post", "calendars", BAVARIA | {"namespace": namespace})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (403, "namespace")
    assert not Calendar.objects.exists()


@pytest.mark.parametrize("namespace", ["payments", None])
def test_a_name_is_there_once(editor: Caller, new_calendar: NewCalendar, namespace: str | None) -> None:
    new_calendar("Bavaria", namespace=namespace)

    answer = editor.send("post", "calendars", BAVARIA | {"namespace": namespace})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "taken")


@pytest.mark.parametrize("namespace", ["reports", None])
def test_two_namespaces_may_have_one_name(editor: Caller, new_calendar: NewCalendar, namespace: str | None) -> None:
    new_calendar("Bavaria", namespace="payments")

    assert editor.send("post", "calendars", BAVARIA | {"namespace": namespace}).status_code == 201


def test_the_name_of_a_deleted_one_is_free(editor: Caller, shared: Calendar) -> None:
    editor.send("delete", f"calendars/{shared.id}")

    assert editor.send("post", "calendars", BAVARIA).status_code == 201


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_it_needs_an_editor(request: pytest.FixtureRequest, role: str) -> None:
    caller: Caller = request.getfixturevalue(role)

    assert caller.send("post", "calendars", BAVARIA).status_code == 403


def test_it_needs_a_token(nobody: Any) -> None:
    assert nobody.post("/api/v1/calendars", BAVARIA, content_type="application/json").status_code == 401


def test_rules_that_exclude_nothing_are_rules(editor: Caller) -> None:
    assert editor.send("post", "calendars", {"name": "Open", "rules": {}}).json()["rules"] == {}


class TestByName:
    """Tasks name calendars: a namespace's own comes first."""

    def test_a_task_uses_the_shared_one(self, new_task: Any, shared: Calendar) -> None:
        assert new_task(calendar="Bavaria").calendar == shared

    def test_a_task_uses_its_namespaces_own_first(
        self, new_task: Any, shared: Calendar, new_calendar: NewCalendar
    ) -> None:
        own = new_calendar("Bavaria", namespace="payments", rules=WEEKENDS)

        assert new_task(calendar="Bavaria", namespace="payments").calendar == own
        assert new_task(calendar="Bavaria").calendar == shared

    def test_a_task_does_not_see_another_namespaces(self, editor: Caller, handlers: Any, paydays: Calendar) -> None:
        body = {"name": "x", "taskClass": "platform.noop", "calendar": "Paydays"}

        answer = editor.send("post", "tasks", body)

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "calendar")
