"""Tokens at /admin/."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from register.access import create_token
from scheduler.models import ApiToken
from tests.integration.conftest import Caller

TOKENS = "/admin/scheduler/apitoken/"
NEW = {"name": "ci", "role": "editor", "namespace": "", "expires_in_days": ""}


@pytest.fixture
def token(now: datetime) -> tuple[ApiToken, str]:
    """A token and its secret."""
    return create_token("vera", role="viewer", now=now)


@pytest.fixture
def staff(db: None) -> Callable[..., Client]:
    """Somebody who may use the console, with these permissions."""

    def log_in(*codenames: str) -> Client:
        user = User.objects.create_user("sam", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return log_in


def _page(client: Client, path: str = TOKENS) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def _revoke(client: Client, *tokens: ApiToken, **more: str) -> Any:
    chosen = {"action": "revoke", "_selected_action": [str(token.id) for token in tokens]}
    return client.post(TOKENS, chosen | more, follow=True)


def test_it_lists_them(admin_client: Client, token: tuple[ApiToken, str]) -> None:
    assert "vera" in _page(admin_client)


def test_it_shows_no_secret_and_no_hash(admin_client: Client, token: tuple[ApiToken, str]) -> None:
    pages = _page(admin_client) + _page(admin_client, f"{TOKENS}{token[0].id}/change/")

    assert token[0].secret_hash not in pages
    assert token[1] not in pages


@pytest.mark.parametrize("path", ["change/", "delete/"])
def test_it_changes_none(admin_client: Client, token: tuple[ApiToken, str], path: str) -> None:
    answer = admin_client.post(f"{TOKENS}{token[0].id}/{path}", {"post": "yes", **NEW})

    assert (answer.status_code, ApiToken.objects.get().name) == (403, "vera")


def test_it_asks_before_it_revokes(admin_client: Client, token: tuple[ApiToken, str]) -> None:
    page = _revoke(admin_client, token[0]).content.decode()

    assert "Revoke 1 token?" in page
    assert ApiToken.objects.get().revoked_at is None


def test_it_revokes(admin_client: Client, token: tuple[ApiToken, str]) -> None:
    page = _revoke(admin_client, token[0], confirmed="yes").content.decode()

    assert "Vera is revoked" in page
    assert Caller(token[1]).get("/api/v1/tasks").status_code == 401


def test_it_notes_who_revoked(admin_client: Client, token: tuple[ApiToken, str]) -> None:
    _revoke(admin_client, token[0], confirmed="yes")

    entry = LogEntry.objects.get()
    assert (entry.user.get_username(), entry.object_id) == ("admin", str(token[0].id))
    assert entry.change_message == "is revoked: nobody can use it any more"


@pytest.mark.parametrize("chosen", ["vera", "a\x00b", ""])
def test_a_selection_of_no_token_does_nothing(admin_client: Client, token: tuple[ApiToken, str], chosen: str) -> None:
    selection = {"action": "revoke", "_selected_action": [chosen], "confirmed": "yes"}
    page = admin_client.post(TOKENS, selection, follow=True).content.decode()

    assert "something that is no token: nothing was done" in page
    assert ApiToken.objects.get().revoked_at is None


def test_it_leaves_those_that_are_revoked_as_they_are(
    admin_client: Client, token: tuple[ApiToken, str], now: datetime
) -> None:
    ApiToken.objects.update(revoked_at=now)

    page = _revoke(admin_client, token[0], confirmed="yes").content.decode()

    assert "Nothing was revoked" in page
    assert ApiToken.objects.get().revoked_at == now


@pytest.mark.parametrize(
    ("permissions", "offered"), [(["view_apitoken"], False), (["view_apitoken", "change_apitoken"], True)]
)
def test_it_offers_what_is_allowed(
    staff: Callable[..., Client], token: tuple[ApiToken, str], permissions: list[str], offered: bool
) -> None:
    client = staff(*permissions)

    assert ('<option value="revoke">' in _page(client)) is offered


def test_it_revokes_nothing_that_is_not_allowed(staff: Callable[..., Client], token: tuple[ApiToken, str]) -> None:
    _revoke(staff("view_apitoken"), token[0], confirmed="yes")

    assert ApiToken.objects.get().revoked_at is None


def test_it_makes_one_and_shows_its_secret(admin_client: Client) -> None:
    answer = admin_client.post(f"{TOKENS}add/", NEW | {"namespace": "payments", "expires_in_days": "30"})

    made = ApiToken.objects.get()
    secret = str(answer.context["secret"])
    assert (made.name, made.role, made.namespace) == ("ci", "editor", "payments")
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_its_secret_works_and_is_shown_once(admin_client: Client) -> None:
    answer = admin_client.post(f"{TOKENS}add/", NEW | {"expires_in_days": "30"})

    secret = str(answer.context["secret"])
    assert Caller(secret).get("/api/v1/tasks").status_code == 200
    assert secret not in _page(admin_client) + str(list(LogEntry.objects.values()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": "a\u200bb"}, {"name": "x" * 101}, {"role": "king"}, {"namespace": "a b"},
        {"namespace": "x" * 101}, {"expires_in_days": "0"}, {"expires_in_days": "36501"}, {"expires_in_days": "soon"},
        {"name": "a\0"},
    ],
)  # fmt: skip
def test_it_says_what_is_wrong(admin_client: Client, wrong: dict[str, str]) -> None:
    answer = admin_client.post(f"{TOKENS}add/", NEW | wrong)

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("permissions", [["view_apitoken"], ["view_apitoken", "change_apitoken"]])
def test_it_makes_none_without_permission(staff: Callable[..., Client], permissions: list[str]) -> None:
    assert staff(*permissions).post(f"{TOKENS}add/", NEW).status_code == 403
    assert not ApiToken.objects.exists()
