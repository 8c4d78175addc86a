"""An answer that holds a secret: repeated as it was, and not to be read in the database."""

from typing import Any

import pytest

from scheduler.models import ApiToken, IdempotencyKey, Webhook
from tests.integration.conftest import Caller
from tests.integration.register.idempotency.repeating import KEY

TOKEN = {"name": "pipeline", "role": "viewer"}
WEBHOOK = {"url": "https://pager.example/hook", "events": ["*"]}


def ask(admin: Caller, path: str, body: dict[str, Any]) -> Any:
    return admin.send("post", path, body, Idempotency_Key=KEY)


@pytest.mark.parametrize(("path", "body"), [("tokens", TOKEN), ("webhooks", WEBHOOK)])
def test_it_gives_the_secret_again(admin: Caller, path: str, body: dict[str, Any]) -> None:
    first, second = ask(admin, path, body), ask(admin, path, body)

    assert (second.status_code, second.content) == (201, first.content)
    assert second["Idempotency-Replayed"] == "true"
    assert second["Cache-Control"] == first["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("path", "body"), [("tokens", TOKEN), ("webhooks", WEBHOOK)])
def test_it_keeps_no_secret_in_clear(admin: Caller, path: str, body: dict[str, Any]) -> None:
    secret = ask(admin, path, body).json()["secret"]

    kept = bytes(IdempotencyKey.objects.get().answer_body or b"")
    assert kept
    assert secret.encode() not in kept


def test_it_keeps_no_rotated_secret_in_clear(admin: Caller) -> None:
    webhook = admin.send("post", "webhooks", WEBHOOK).json()["id"]
    first, second = (ask(admin, f"webhooks/{webhook}/rotate", {}) for _ in range(2))

    assert second.content == first.content
    assert first.json()["secret"].encode() not in bytes(IdempotencyKey.objects.get().answer_body or b"")
    assert Webhook.objects.get().version == 2


def test_it_says_that_an_answer_was_sealed_with_another_key(admin: Caller, settings: Any) -> None:
    ask(admin, "tokens", TOKEN)
    settings.SECRET_KEY = "another-" * 8

    again = ask(admin, "tokens", TOKEN)

    assert (again.status_code, again.json()["type"]) == (409, "urn:platform-scheduler:problem:answer-sealed")
    assert ApiToken.objects.filter(name="pipeline").count() == 1


def test_it_keeps_other_answers_as_they_are(admin: Caller) -> None:
    first = ask(admin, "schedules/preview", {"cronExpression": "0 0 3 * * ?", "from": "2030-01-01T00:00:00Z"})

    assert bytes(IdempotencyKey.objects.get().answer_body or b"") == first.content
