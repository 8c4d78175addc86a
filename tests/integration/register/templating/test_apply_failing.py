"""POST /api/v1/templates/{id}/apply with a database that fails in between."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from register.templating import instances
from scheduler.models import Task
from tests.integration.conftest import Caller
from tests.integration.register.templating.cast import DEFINITION

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two(editor: Caller, template: Any, make: Callable[..., Any]) -> Any:
    """A template with a version that neither of its two tasks has."""
    make("eu")
    make("us")
    editor.send("patch", f"templates/{template['id']}", {"definition": DEFINITION | {"priority": 9}})
    return template


@pytest.fixture
def failing_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the database fail at the nth task."""
    effect = instances._effect
    calls: list[int] = []

    def at(number: int) -> None:
        def done_or_failed(*args: Any, **kwargs: Any) -> Any:
            calls.append(number)
            if len(calls) == number:
                raise OperationalError("server closed the connection unexpectedly")
            return effect(*args, **kwargs)

        monkeypatch.setattr(instances, "_effect", done_or_failed)

    return at


def _apply(editor: Caller, template: Any, **headers: str) -> Any:
    return editor.send("post", f"templates/{template['id']}/apply", {}, **headers)


def test_how_many_have_it_by_then_is_told(editor: Caller, two: Any, failing_at: Callable[[int], None]) -> None:
    failing_at(2)

    problem = _apply(editor, two)

    assert (problem.status_code, problem.json()["type"].rsplit(":", 1)[1]) == (503, "applied-in-part")
    assert "At least 1 task has the latest version; apply it again for the others." in problem.json()["detail"]
    assert sorted(Task.objects.values_list("priority", flat=True)) == [5, 9]
    assert len(_apply(editor, two).json()["tasks"]) == 1


@pytest.mark.parametrize(("number", "headers"), [(1, {}), (2, {"Idempotency_Key": "one"})])
def test_where_none_has_it_nothing_was_changed(
    editor: Caller, two: Any, failing_at: Callable[[int], None], number: int, headers: dict[str, str]
) -> None:
    failing_at(number)

    problem = _apply(editor, two, **headers)

    assert (problem.status_code, "Nothing was changed" in problem.json()["detail"]) == (503, True)
    assert set(Task.objects.values_list("priority", flat=True)) == {5}


def test_the_dashboard_says_it_too(admin_client: Any, two: Any, failing_at: Callable[[int], None]) -> None:
    failing_at(2)

    page = admin_client.post(f"/admin/scheduler/template/{two['id']}/apply/", follow=True).content.decode()

    assert "At least 1 task has the latest version" in page
