"""PUT and PATCH /api/v1/namespaces/{name}."""

from typing import Any

import pytest

from scheduler import clock, connections
from scheduler.claims import namespaces_due
from scheduler.models import Namespace, Task
from tests.integration.conftest import Caller

pytestmark = pytest.mark.usefixtures("payments")


@pytest.mark.parametrize("method", ["put", "patch"])
def test_it_changes_what_is_given(admin: Caller, method: str) -> None:
    answer = admin.send(method, "namespaces/payments", {"weight": 9, "description": "Money"})

    shown = answer.json()
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')
    assert (shown["weight"], shown["description"], shown["secretNames"]) == (9, "Money", ["BILLING", "LEDGER"])
    assert shown["updatedAt"] > shown["createdAt"]


@pytest.mark.parametrize("body", [{}, {"weight": 5}, {"name": "payments", "secretNames": ["BILLING", "LEDGER"]}])
def test_what_changes_nothing_makes_no_version(admin: Caller, body: dict[str, Any]) -> None:
    assert admin.send("patch", "namespaces/payments", body).json()["version"] == 1


def test_it_takes_the_version_that_was_read(admin: Caller) -> None:
    assert admin.send("patch", "namespaces/payments", {"weight": 9}, if_match='"1"').status_code == 200


def test_it_refuses_a_stale_version(admin: Caller) -> None:
    answer = admin.send("patch", "namespaces/payments", {"weight": 9}, if_match='"2"')

    assert (answer.status_code, Namespace.objects.get().weight) == (412, 5)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "reports"}, 422, "name"),
        ({"weight": 0}, 400, "weight"),
        ({"weight": None}, 400, "weight"),
        ({"secretNames": ["a b"]}, 400, "secretNames[0]"),
        ({"retentionDays": 5}, 400, "retentionDays"),
        ([], 400, ""),
    ],
)
def test_it_refuses_what_cannot_be(admin: Caller, body: Any, status: int, field: str) -> None:
    answer = admin.send("patch", "namespaces/payments", body)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (status, [field])
    assert Namespace.objects.get().version == 1


def test_one_without_settings_is_not_found(admin: Caller) -> None:
    assert admin.send("patch", "namespaces/reports", {"weight": 2}).status_code == 404


def test_a_bound_admin_changes_the_description(payments_admin: Caller) -> None:
    answer = payments_admin.send("patch", "namespaces/payments", {"description": "Ours", "weight": 5})

    assert (answer.status_code, answer.json()["description"]) == (200, "Ours")


@pytest.mark.parametrize("body", [{"weight": 100}, {"secretNames": ["BILLING", "LEDGER", "ROOT"]}])
def test_a_bound_admin_gives_itself_neither_share_nor_secrets(payments_admin: Caller, body: dict[str, Any]) -> None:
    answer = payments_admin.send("patch", "namespaces/payments", body)

    assert (answer.status_code, Namespace.objects.get().version) == (403, 1)


def test_the_next_claim_shares_by_it(admin: Caller, payroll: Task) -> None:
    Task.objects.update(claim_at=clock.now())

    admin.send("patch", "namespaces/payments", {"weight": 9})

    due = namespaces_due(connections.current(), priority=payroll.priority, now=clock.now())
    assert due == {"payments": 9}
