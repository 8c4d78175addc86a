"""DELETE /api/v1/tokens/{id}."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from register.access import create_token, revoke_token
from register.errors import TokenNotFound
from scheduler import clock
from scheduler.models import ApiToken
from tests.integration.conftest import Caller
from tests.integration.register.test_races import at_once

__all__ = ["at_once"]


@pytest.fixture
def edda(now: datetime) -> tuple[ApiToken, str]:
    """An editor's token of payments, and its secret."""
    return create_token("edda", role="editor", namespace="payments", now=now)


def test_it_is_refused_at_once(admin: Caller, edda: tuple[ApiToken, str]) -> None:
    caller = Caller(edda[1])
    before = caller.get("/api/v1/tasks").status_code

    answer = admin.send("delete", f"tokens/{edda[0].id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert (before, caller.get("/api/v1/tasks").status_code) == (200, 401)


def test_it_stays_to_be_seen(admin: Caller, edda: tuple[ApiToken, str]) -> None:
    admin.send("delete", f"tokens/{edda[0].id}")

    assert admin.get(f"/api/v1/tokens/{edda[0].id}").json()["revokedAt"] is not None


def test_a_second_time_finds_nothing_and_changes_nothing(admin: Caller, edda: tuple[ApiToken, str]) -> None:
    admin.send("delete", f"tokens/{edda[0].id}")
    first = ApiToken.objects.get(name="edda").revoked_at

    assert admin.send("delete", f"tokens/{edda[0].id}").status_code == 404
    assert ApiToken.objects.get(name="edda").revoked_at == first


def test_an_expired_one_can_be_revoked(admin: Caller, edda: tuple[ApiToken, str], now: datetime) -> None:
    ApiToken.objects.filter(name="edda").update(expires_at=now)

    assert admin.send("delete", f"tokens/{edda[0].id}").status_code == 204


def test_who_revokes_the_token_he_uses_is_out(admin: Caller) -> None:
    answer = admin.send("delete", f"tokens/{ApiToken.objects.get().id}")

    assert (answer.status_code, admin.get("/api/v1/tokens").status_code) == (204, 401)


def test_a_bound_admin_revokes_those_of_its_namespace(payments_admin: Caller, edda: tuple[ApiToken, str]) -> None:
    assert payments_admin.send("delete", f"tokens/{edda[0].id}").status_code == 204


@pytest.mark.parametrize("namespace", ["reports", None])
def test_a_bound_admin_finds_no_others(payments_admin: Caller, now: datetime, namespace: str | None) -> None:
    other, _ = create_token("other", role="viewer", namespace=namespace, now=now)

    assert payments_admin.send("delete", f"tokens/{other.id}").status_code == 404
    assert ApiToken.objects.get(id=other.id).revoked_at is None


def test_it_logs_who_did(admin: Caller, edda: tuple[ApiToken, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="register.access")

    admin.send("delete", f"tokens/{edda[0].id}")

    assert f"Token {edda[0].id} was revoked by ada" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_finds_it(edda: tuple[ApiToken, str], at_once: Callable[..., list[Any]]) -> None:
    def revoke() -> None:
        revoke_token(edda[0].id, actor="ada", namespace=None, now=clock.now())

    assert at_once(*[revoke] * 4).count(TokenNotFound) == 3
