"""REQUIRE_IF_MATCH=1: no change without the version that it is of."""

from typing import Any

import pytest

from scheduler.models import Task
from tests.integration.conftest import Caller


@pytest.fixture(autouse=True)
def required(settings: Any) -> None:
    """Sets it."""
    settings.REQUIRE_IF_MATCH = True


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_change_without_a_version_is_428(editor: Caller, cleanup: Task, method: str) -> None:
    answer = editor.send(method, f"tasks/{cleanup.id}", {"priority": 9})

    assert (answer.status_code, answer["Content-Type"]) == (428, "application/problem+json")
    assert Task.objects.values_list("priority", "status").get() == (3, "ACTIVE")


@pytest.mark.parametrize("tag", ['"1"', "*"])
def test_a_change_of_a_version_goes_through(editor: Caller, cleanup: Task, tag: str) -> None:
    assert editor.send("patch", f"tasks/{cleanup.id}", {"priority": 9}, if_match=tag).status_code == 200


def test_what_operators_do_needs_no_version(operator: Caller, cleanup: Task) -> None:
    assert operator.send("post", f"tasks/{cleanup.id}/pause").status_code == 200
