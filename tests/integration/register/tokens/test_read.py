"""GET /api/v1/tokens and /tokens/{id}."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from register.access import create_token
from scheduler.models import ApiToken
from tests.integration.conftest import Caller


@pytest.fixture
def three(now: datetime) -> list[tuple[ApiToken, str]]:
    """An editor and an admin of payments, and a viewer that is revoked; made after the callers, one after the other."""
    made = [
        create_token("edda", role="editor", namespace="payments", now=now + timedelta(seconds=1)),
        create_token("anna", role="admin", namespace="payments", now=now + timedelta(seconds=2)),
        create_token("vera", role="viewer", now=now + timedelta(seconds=3)),
    ]
    ApiToken.objects.filter(name="vera").update(revoked_at=now)
    return made


def _names(answer: Any) -> list[str]:
    return [token["name"] for token in answer.json()["content"]]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["vera", "anna", "edda", "ada"]),
        ("?role=editor", ["edda"]),
        ("?role=viewer,editor", ["vera", "edda"]),
        ("?namespace=payments", ["anna", "edda"]),
        ("?namespace=reports", []),
        ("?revoked=true", ["vera"]),
        ("?revoked=false", ["anna", "edda", "ada"]),
        ("?revoked=false&role=admin&namespace=payments", ["anna"]),
        ("?size=1&page=1", ["anna"]),
    ],
)
def test_it_lists_the_latest_first(
    admin: Caller, three: list[tuple[ApiToken, str]], query: str, names: list[str]
) -> None:
    assert _names(admin.get(f"/api/v1/tokens{query}")) == names


def test_it_reads_on_after_a_cursor(admin: Caller, now: datetime) -> None:
    ApiToken.objects.bulk_create(
        ApiToken(name=str(number), role="viewer", secret_hash=str(number), created_at=now) for number in range(12)
    )
    first = admin.get("/api/v1/tokens", {"size": "11"})

    second = admin.get("/api/v1/tokens", {"size": "11", "cursor": first.json()["nextCursor"]})

    assert {*_names(first), *_names(second)} == {"ada", *map(str, range(12))}
    assert second.json()["nextCursor"] is None


@pytest.mark.parametrize(
    "query", ["role=king", "revoked=yes", "revoked=1", "namespace=a%00", "page=-1", "name=ada", "sort=name", "cursor=x"]
)
def test_it_refuses_other_parameters(admin: Caller, query: str) -> None:
    assert admin.get(f"/api/v1/tokens?{query}").status_code == 400


def test_a_bound_admin_sees_those_of_its_namespace(payments_admin: Caller, three: list[tuple[ApiToken, str]]) -> None:
    assert _names(payments_admin.get("/api/v1/tokens")) == ["anna", "edda", "pia"]


def test_it_shows_one(admin: Caller, three: list[tuple[ApiToken, str]]) -> None:
    assert admin.get(f"/api/v1/tokens/{three[0][0].id}").json()["name"] == "edda"


def test_it_shows_neither_secrets_nor_hashes(admin: Caller, three: list[tuple[ApiToken, str]]) -> None:
    token, secret = three[0]

    pages = admin.get("/api/v1/tokens").content + admin.get(f"/api/v1/tokens/{token.id}").content

    assert secret.encode() not in pages
    assert token.secret_hash.encode() not in pages
    assert b"secret" not in pages


def test_it_shows_the_last_use(admin: Caller) -> None:
    token = ApiToken.objects.get()

    assert admin.get(f"/api/v1/tokens/{token.id}").json()["lastUsedAt"] is not None


@pytest.mark.parametrize("token_id", ["0", "9" * 30, "9" * 5000, "-1", "x", "1.0", "%00", "1/"])
def test_there_is_no_other(admin: Caller, token_id: str) -> None:
    assert admin.get(f"/api/v1/tokens/{token_id}").status_code == 404


def test_the_number_of_queries_does_not_grow(
    admin: Caller, three: list[tuple[ApiToken, str]], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(5):
        admin.get("/api/v1/tokens")
