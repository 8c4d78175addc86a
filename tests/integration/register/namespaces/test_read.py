"""GET /api/v1/namespaces and /namespaces/{name}."""

from typing import Any

import pytest

from scheduler.models import Namespace, Task
from tests.integration.conftest import Caller
from tests.integration.register.namespaces.conftest import NewNamespace


def _names(answer: Any) -> list[str]:
    return [namespace["name"] for namespace in answer.json()["content"]]


def test_it_lists_them_by_name(viewer: Caller, new_namespace: NewNamespace) -> None:
    new_namespace("reports")
    new_namespace("payments")

    assert _names(viewer.get("/api/v1/namespaces")) == ["payments", "reports"]


def test_it_reads_on_after_a_cursor(viewer: Caller, new_namespace: NewNamespace) -> None:
    new_namespace("b")
    new_namespace("a")
    new_namespace("c")
    first = viewer.get("/api/v1/namespaces", {"size": "2"})

    second = viewer.get("/api/v1/namespaces", {"size": "2", "cursor": first.json()["nextCursor"]})

    assert (_names(first), _names(second)) == (["a", "b"], ["c"])


def test_a_bound_token_sees_its_own(payments_editor: Caller, new_namespace: NewNamespace) -> None:
    new_namespace("payments")
    new_namespace("reports")

    assert _names(payments_editor.get("/api/v1/namespaces")) == ["payments"]
    assert payments_editor.get("/api/v1/namespaces/reports").status_code == 404


def test_one_that_only_tasks_name_has_no_settings(viewer: Caller, payroll: Task) -> None:
    assert _names(viewer.get("/api/v1/namespaces")) == []
    assert viewer.get("/api/v1/namespaces/payments").status_code == 404


def test_it_shows_one(viewer: Caller, payments: Namespace) -> None:
    answer = viewer.get("/api/v1/namespaces/payments")

    assert (answer.json()["weight"], answer["ETag"]) == (5, '"1"')


@pytest.mark.parametrize("name", ["x" * 101, "%00", "gr%C3%B6%C3%9Fe", "PAYMENTS", "payments/", "..", "a%2Fb"])
def test_there_is_no_other(viewer: Caller, payments: Namespace, name: str) -> None:
    assert viewer.get(f"/api/v1/namespaces/{name}").status_code == 404


@pytest.mark.parametrize("query", ["?name=payments", "?size=0", "?cursor=x"])
def test_it_refuses_other_parameters(viewer: Caller, query: str) -> None:
    assert viewer.get(f"/api/v1/namespaces{query}").status_code == 400
