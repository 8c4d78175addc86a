"""Forged, stolen and mangled tokens: whoever has no valid one is nobody."""

from datetime import datetime, timedelta

import pytest
from django.test import Client

from register.access import create_token
from scheduler.models import ApiToken, Task
from tests.integration.conftest import Caller

TASKS = "/api/v1/tasks"


def ask(authorization: str) -> int:
    return Client().get(TASKS, headers={"Authorization": authorization}).status_code


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer psk_" + "A" * 43,
        "Bearer " + "A" * 100_000,
        "Bearer ' OR '1'='1",
        "Bearer psk_\x00",
        "Bearer null",
        "Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW4ifQ.",
        "Basic YWRtaW46YWRtaW4=",
        "Token psk_x",
        "Bearer a b",
        "Bearer \xff\xfe",
    ],
)
def test_it_takes_no_made_up_token(db: None, viewer: Caller, authorization: str):
    assert ask(authorization) == 401


def test_it_takes_no_part_and_no_other_spelling_of_one(viewer: Caller):
    secret = viewer.secret
    for forged in (secret[:-1], secret + "A", secret.lower(), secret.upper(), f"{secret}\x00", secret[4:]):
        assert ask(f"Bearer {forged}") == 401
    assert ask(f"Bearer {secret}") == 200


def test_what_the_database_holds_opens_nothing(viewer: Caller):
    stored = ApiToken.objects.get()
    texts = [str(value) for value in vars(stored).values() if isinstance(value, str | bytes)]
    assert viewer.secret not in texts
    assert {ask(f"Bearer {text}") for text in texts} == {401}


def test_one_that_has_expired_is_none(db: None, now: datetime):
    _, secret = create_token("old", role="admin", now=now - timedelta(days=10), expires_at=now - timedelta(seconds=1))
    assert ask(f"Bearer {secret}") == 401


def test_it_is_taken_from_no_other_place(viewer: Caller):
    client = Client()
    assert client.get(f"{TASKS}?access_token={viewer.secret}").status_code in (400, 401)
    client.cookies["Authorization"] = f"Bearer {viewer.secret}"
    assert client.get(TASKS).status_code == 401


def test_a_login_of_the_dashboard_is_no_token(admin_client: Client):
    assert admin_client.get(TASKS).status_code == 401


def test_no_role_is_taken_from_a_request(viewer: Caller, cleanup: Task):
    for name in ("X-Role", "X-Forwarded-User", "X-Remote-User", "X-HTTP-Method-Override"):
        answer = viewer.send("post", f"tasks/{cleanup.id}/pause", {}, **{name.replace("-", "_"): "admin"})
        assert answer.status_code == 403
