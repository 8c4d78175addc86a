"""POST /api/v1/tokens."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.models import ApiToken
from tests.integration.conftest import Caller

GOOD = {"name": "ci", "role": "editor"}

_NOT_TEXT = [5, 1.5, True, [], {}, ["a"]]
_NOT_INSTANT = [5, True, [], {}, "", "soon", "2031-01-01", "2031-01-01T00:00:00", "2200-01-01T00:00:00Z", "x" * 10_000]
REFUSED: list[tuple[str, list[Any]]] = [
    ("name", [*_NOT_TEXT, None, "", "   ", "x" * 101, "a\0b", "a\nb", "a\u2028b", "a\u200bb", "\u202eci"]),
    ("role", [*_NOT_TEXT, None, "", "king", "ADMIN", "admin\0"]),
    ("namespace", [*_NOT_TEXT, "", "x" * 101, "a b", "a/b", "größe", ".x", "a\0"]),
    ("expiresInDays", ["5", 1.5, True, [], {}, "", 0, -1, 36_501, 10**400]),
    ("expiresAt", _NOT_INSTANT),
    ("id", [1]),
    ("secret", ["psk_mine"]),
    ("secretHash", ["00"]),
    ("", ["x"]),
]
CASES = [
    pytest.param(field, value, id=f"{field}-{number}")
    for field, values in REFUSED
    for number, value in enumerate(values)
]


def test_it_shows_the_secret_of_a_new_token(admin: Caller) -> None:
    answer = admin.send("post", "tokens", GOOD | {"namespace": "payments", "expiresAt": "2099-01-01T00:00:00Z"})

    assert answer.status_code == 201
    shown = answer.json()
    made = ApiToken.objects.get(name="ci")
    assert (answer["Location"], answer["Cache-Control"]) == (f"/api/v1/tokens/{made.id}", "no-store")
    assert shown == {
        "id": made.id, "name": "ci", "role": "editor", "namespace": "payments", "createdAt": shown["createdAt"],
        "expiresAt": "2099-01-01T00:00:00Z", "revokedAt": None, "lastUsedAt": None, "secret": shown["secret"],
    }  # fmt: skip


def test_its_secret_works(admin: Caller) -> None:
    secret = admin.send("post", "tokens", GOOD).json()["secret"]

    assert Caller(secret).get("/api/v1/tasks").status_code == 200


def test_it_keeps_no_secret(admin: Caller) -> None:
    secret = admin.send("post", "tokens", GOOD).json()["secret"]

    assert secret not in str(list(ApiToken.objects.values()))


def test_it_expires_after_some_days(admin: Caller) -> None:
    admin.send("post", "tokens", GOOD | {"expiresInDays": 30})

    made = ApiToken.objects.get(name="ci")
    assert made.expires_at == made.created_at + timedelta(days=30)


def test_it_never_expires_unless_asked(admin: Caller) -> None:
    shown = admin.send("post", "tokens", GOOD | {"expiresInDays": None, "expiresAt": None}).json()

    assert (shown["namespace"], shown["expiresAt"]) == (None, None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2099-01-01T00:00:00Z", "expiresInDays": 5}, "expiresInDays"),
    ],
)
def test_it_refuses_an_end_that_cannot_be(admin: Caller, fields: dict[str, Any], field: str) -> None:
    answer = admin.send("post", "tokens", GOOD | fields)

    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])
    assert not ApiToken.objects.filter(name="ci").exists()


@pytest.mark.parametrize(("field", "value"), CASES)
def test_it_refuses_what_a_field_is_not(admin: Caller, field: str, value: Any) -> None:
    answer = admin.send("post", "tokens", GOOD | {field: value})

    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert ApiToken.objects.count() == 1


def test_a_bound_admin_makes_tokens_of_its_namespace(payments_admin: Caller) -> None:
    assert payments_admin.send("post", "tokens", GOOD).json()["namespace"] == "payments"


@pytest.mark.parametrize("namespace", ["reports", None])
def test_a_bound_admin_makes_no_others(payments_admin: Caller, namespace: str | None) -> None:
    answer = payments_admin.send("post", "tokens", GOOD | {"namespace": namespace})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (403, "namespace")
    assert not ApiToken.objects.filter(name="ci").exists()


def test_two_tokens_may_have_one_name(admin: Caller) -> None:
    admin.send("post", "tokens", GOOD)

    assert admin.send("post", "tokens", GOOD).status_code == 201


def test_it_logs_who_made_it_without_its_secret(admin: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="register.access")

    secret = admin.send("post", "tokens", GOOD).json()["secret"]

    assert "made by ada" in caplog.text
    assert secret not in caplog.text


def test_it_is_made_now(admin: Caller) -> None:
    before = datetime.now(UTC)  # noqa: TID251 - what the answer is compared with

    admin.send("post", "tokens", GOOD)

    assert ApiToken.objects.get(name="ci").created_at >= before
