"""`manage.py create_token`, and the tokens that it makes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from register.access import create_token
from scheduler import tokens
from scheduler.models import ApiToken


def _secret(*arguments: str) -> str:
    out = StringIO()
    call_command("create_token", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_it_prints_a_secret_that_works(now: datetime) -> None:
    secret = _secret("--name", "ci", "--role", "editor", "--namespace", "payments", "--expires-in", "30")

    token = tokens.authenticate(secret, now)

    assert token is not None
    assert (token.name, token.role, token.namespace) == ("ci", "editor", "payments")
    assert token.expires_at is not None
    assert token.expires_at - token.created_at == timedelta(days=30)


def test_it_stores_no_secret(now: datetime) -> None:
    secret = _secret("--name", "ci", "--role", "viewer")

    assert secret not in str(ApiToken.objects.values().get())


@pytest.mark.parametrize("days", ["0", "-1", "1000000000"])
def test_it_refuses_an_expiry_that_is_none(db: None, days: str) -> None:
    with pytest.raises(CommandError):
        _secret("--name", "ci", "--role", "viewer", f"--expires-in={days}")


def test_it_refuses_an_unknown_role(db: None) -> None:
    with pytest.raises(CommandError):
        _secret("--name", "ci", "--role", "king")


def test_it_refuses_an_empty_name(db: None) -> None:
    with pytest.raises(CommandError):
        _secret("--name", " ", "--role", "viewer")


@pytest.mark.parametrize("namespace", ["", "a b", "größe", "x" * 101])
def test_it_refuses_a_namespace_that_no_task_can_have(db: None, namespace: str) -> None:
    with pytest.raises(CommandError):
        _secret("--name", "ci", "--role", "viewer", "--namespace", namespace)


@pytest.fixture
def token(now: datetime) -> Callable[..., str]:
    """Makes a token with these columns and returns its secret."""

    def make(**columns: Any) -> str:
        made, secret = create_token("tess", role="viewer", now=now)
        ApiToken.objects.filter(id=made.id).update(**columns)
        return secret

    return make


def test_an_expired_token_is_nobodys(token: Callable[..., str], now: datetime) -> None:
    assert tokens.authenticate(token(expires_at=now), now) is None


def test_a_revoked_token_is_nobodys(token: Callable[..., str], now: datetime) -> None:
    assert tokens.authenticate(token(revoked_at=now), now) is None


def test_an_unknown_secret_is_nobodys(now: datetime) -> None:
    assert tokens.authenticate("psk_unknown", now) is None


@pytest.mark.parametrize(("age", "noted"), [(None, True), (59, False), (60, True)])
def test_use_is_noted_once_a_minute(token: Callable[..., str], now: datetime, age: int | None, noted: bool) -> None:
    before = None if age is None else now - timedelta(seconds=age)
    secret = token(last_used_at=before)

    tokens.authenticate(secret, now)

    assert (ApiToken.objects.get().last_used_at == now) is noted


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer psk_wrong", "Token x", "Basic eDp5", "Bearer \xe9", "Bearer " + "x" * 9000],
)
def test_other_credentials_are_refused(db: None, header: str) -> None:
    answer = Client().get("/api/v1/tasks", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"


def test_the_scheme_is_written_in_any_case(token: Callable[..., str]) -> None:
    assert Client().get("/api/v1/tasks", headers={"Authorization": f"bearer {token()}"}).status_code == 200


@pytest.mark.parametrize("columns", [{"role": "king"}, {"role": ""}])
def test_a_role_that_is_none_may_do_nothing(token: Callable[..., str], columns: dict[str, str]) -> None:
    secret = token(**columns)

    assert Client().get("/api/v1/tasks", headers={"Authorization": f"Bearer {secret}"}).status_code == 403
