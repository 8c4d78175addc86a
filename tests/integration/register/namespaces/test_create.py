"""POST /api/v1/namespaces."""

from collections.abc import Callable
from typing import Any

import pytest

from scheduler.models import Namespace, Task
from tests.integration.conftest import Caller

NAMES = [f"S{number}" for number in range(201)]
NOT_TEXT = [5, 1.5, True, [], {}, ["a"]]
NOT_WHOLE = ["5", 1.5, True, [], {}, "", None, 10**400]
NOT_SECRETS: list[Any] = [5, None, "", [], {}, "a b", "../etc", "-x", "x" * 101, "ä", "a\0", "a\nb"]
REFUSED: list[tuple[str, list[Any]]] = [
    ("name", [*NOT_TEXT, None, "", "   ", "x" * 101, "a b", "a/b", "größe", ".x", "a\0"]),
    ("weight", [*NOT_WHOLE, 0, -1, 101]),
    ("description", [*NOT_TEXT, "x" * 10_001, "a\0b"]),
    ("secretNames", [5, "TOKEN", {}, None, True, NAMES]),
    ("secretNames[0]", [[value] for value in NOT_SECRETS]),
    ("notifyChannel", ["#ops", [], 5]),
    ("retentionDays", ["30", 30.5, True, [], {}, "", 9, 61]),
    ("version", [7]),
    ("createdBy", ["me"]),
    ("Weight", [5]),
    ("", ["x"]),
]  # fmt: skip
CASES = [
    pytest.param(field, value, id=f"{field}-{number}")
    for field, values in REFUSED
    for number, value in enumerate(values)
]


def test_it_creates_one(admin: Caller) -> None:
    body = {"name": "payments", "weight": 7, "description": "Money", "secretNames": ["BILLING", "LEDGER", "BILLING"]}

    answer = admin.send("post", "namespaces", body)

    assert answer.status_code == 201
    shown = answer.json()
    assert (answer["Location"], answer["ETag"]) == ("/api/v1/namespaces/payments", '"1"')
    assert shown == {
        "name": "payments", "weight": 7, "description": "Money", "secretNames": ["BILLING", "LEDGER"],
        "notifyChannel": None, "retentionDays": None, "version": 1, "createdAt": shown["createdAt"],
        "createdBy": "ada", "updatedAt": shown["createdAt"],
    }  # fmt: skip


def test_the_rest_has_its_default(admin: Caller) -> None:
    shown = admin.send("post", "namespaces", {"name": "payments"}).json()

    assert (shown["weight"], shown["description"], shown["secretNames"]) == (1, None, [])


def test_its_tasks_may_be_there_already(admin: Caller, payroll: Task) -> None:
    assert admin.send("post", "namespaces", {"name": payroll.namespace}).status_code == 201


def test_there_is_one_of_a_name(admin: Caller) -> None:
    admin.send("post", "namespaces", {"name": "payments", "weight": 7})

    answer = admin.send("post", "namespaces", {"name": "payments", "weight": 1})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "taken")
    assert Namespace.objects.get().weight == 7


@pytest.mark.parametrize(("field", "value"), CASES)
def test_it_refuses_what_a_field_is_not(admin: Caller, field: str, value: Any) -> None:
    answer = admin.send("post", "namespaces", {"name": "fine", field.removesuffix("[0]"): value})

    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not Namespace.objects.exists()


@pytest.mark.parametrize("name", ["payments", "reports"])
def test_a_bound_admin_creates_none(payments_admin: Caller, name: str) -> None:
    answer = payments_admin.send("post", "namespaces", {"name": name})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (403, "namespace")
    assert not Namespace.objects.exists()


def test_a_task_needs_none(new_task: Callable[..., Task]) -> None:
    assert new_task(namespace="nowhere").namespace == "nowhere"
