"""What a webhook has been told: listed, shown, sent again."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from scheduler.engine.webhooks import MOST_TRIES
from scheduler.models import AuditRecord, Delivery, Webhook
from tests.integration.conftest import Caller


def test_the_log_tells_how_each_try_went(editor: Caller, failed: Delivery) -> None:
    answer = editor.send("get", f"webhooks/{failed.webhook_id}/deliveries").json()

    (shown,) = answer["content"]
    assert (shown["id"], shown["status"], shown["attemptCount"]) == (str(failed.id), "FAILED", 14)
    assert shown["attempts"] == failed.attempts
    assert (shown["body"], shown["nextAttemptAt"]) == ({"type": "execution.failed"}, None)
    assert editor.send("get", f"webhooks/{failed.webhook_id}/deliveries/{failed.id}").json() == shown


@pytest.mark.parametrize(
    ("query", "count"),
    [("status=FAILED", 1), ("status=DELIVERED,PENDING", 0), ("event=execution.failed", 1), ("event=task.created", 0)],
)
def test_the_log_is_filtered(editor: Caller, failed: Delivery, query: str, count: int) -> None:
    answer = editor.get(f"/api/v1/webhooks/{failed.webhook_id}/deliveries?{query}").json()

    assert len(answer["content"]) == count


@pytest.mark.parametrize("query", ["status=LOST", "event=x", "webhook=1"])
def test_it_refuses_other_filters(editor: Caller, failed: Delivery, query: str) -> None:
    assert editor.get(f"/api/v1/webhooks/{failed.webhook_id}/deliveries?{query}").status_code == 400


@pytest.mark.parametrize("status", ["FAILED", "DELIVERED"])
def test_it_is_sent_again_under_its_own_id(editor: Caller, failed: Delivery, status: str) -> None:
    Delivery.objects.update(status=status)

    answer = editor.send("post", f"webhooks/{failed.webhook_id}/deliveries/{failed.id}/replay")

    again = Delivery.objects.get()
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (202, str(failed.id), "PENDING")
    assert (again.tries_left, again.ended_at, again.body) == (MOST_TRIES, None, failed.body)
    assert AuditRecord.objects.get(verb="send").after == {"deliveryId": str(failed.id)}


def test_what_is_still_tried_is_not_sent_again(editor: Caller, failed: Delivery) -> None:
    Delivery.objects.update(status="PENDING")

    answer = editor.send("post", f"webhooks/{failed.webhook_id}/deliveries/{failed.id}/replay")

    assert (answer.status_code, answer.json()["type"][-16:]) == (409, "delivery-pending")


@pytest.mark.parametrize("verb", ["deliveries/{id}/replay", "test"])
def test_one_that_is_switched_off_is_sent_nothing(editor: Caller, failed: Delivery, verb: str) -> None:
    Webhook.objects.update(is_active=False)

    answer = editor.send("post", f"webhooks/{failed.webhook_id}/{verb.format(id=failed.id)}")

    assert (answer.status_code, answer.json()["type"][-11:]) == (409, "webhook-off")


def test_a_test_is_sent_whatever_it_wants(editor: Caller, hook: Webhook) -> None:
    answer = editor.send("post", f"webhooks/{hook.id}/test")

    assert (answer.status_code, answer.json()["event"], answer.json()["status"]) == (202, "webhook.test", "PENDING")
    assert editor.send("get", answer["Location"].removeprefix("/api/v1/")).json() == answer.json()


@pytest.mark.parametrize("verb", ["test", "rotate"])
def test_a_verb_takes_nothing(editor: Caller, hook: Webhook, verb: str) -> None:
    assert editor.send("post", f"webhooks/{hook.id}/{verb}", {"url": "x"}).status_code == 400
    assert not Delivery.objects.exists()


def test_a_message_of_another_webhook_is_not_found(editor: Caller, failed: Delivery) -> None:
    other = Webhook.objects.create(url="https://other.example/", events=["*"])

    assert editor.send("get", f"webhooks/{other.id}/deliveries/{failed.id}").status_code == 404
    assert editor.send("post", f"webhooks/{other.id}/deliveries/{failed.id}/replay").status_code == 404
    assert editor.send("get", f"webhooks/{failed.webhook_id}/deliveries/{uuid4()}").status_code == 404


def test_a_bound_token_sees_none_of_another_namespace(payments_editor: Caller, failed: Delivery) -> None:
    paths: list[Any] = [
        f"webhooks/{failed.webhook_id}/deliveries",
        f"webhooks/{failed.webhook_id}/deliveries/{failed.id}",
    ]

    assert [payments_editor.send("get", path).status_code for path in paths] == [404, 404]


# Many at once


def _message(hook: Webhook, at: datetime, **others: Any) -> Delivery:
    columns: dict[str, Any] = {
        "event": "execution.failed", "subject": "execution:7", "body": "{}", "status": "FAILED", "tries_left": 0,
        "next_attempt_at": at, "created_at": at, "ended_at": at,
    }  # fmt: skip
    return Delivery.objects.create(id=uuid4(), webhook=hook, **columns | others)


@pytest.fixture
def many(hook: Webhook, now: datetime) -> list[Delivery]:
    """Messages of four hours, an hour apart: two that have failed, one that arrived, one that is still tried."""
    others: list[dict[str, Any]] = [{}, {"event": "task.created"}, {"status": "DELIVERED"}, {"status": "PENDING"}]
    return [_message(hook, now - timedelta(hours=4 - hour), **one) for hour, one in enumerate(others)]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({}, [0, 1]),
        ({"event": "task.created"}, [1]),
        ({"status": "DELIVERED"}, [2]),
        ({"from": -3}, [1]),
        ({"to": -3}, [0]),
        ({"from": -4, "to": -2}, [0, 1]),
        ({"event": "task.deleted"}, []),
    ],
)
def test_many_are_sent_again(
    editor: Caller, hook: Webhook, many: list[Delivery], now: datetime, body: dict[str, Any], sent: list[int]
) -> None:
    asked = {
        name: (now + timedelta(hours=value)).isoformat() if isinstance(value, int) else value
        for name, value in body.items()
    }
    answer = editor.send("post", f"webhooks/{hook.id}/deliveries/replay", asked)

    assert (answer.status_code, answer.json()) == (202, {"replayed": len(sent), "mayBeMore": False})
    pending = set(Delivery.objects.filter(status="PENDING", tries_left=MOST_TRIES).values_list("id", flat=True))
    assert pending == {many[index].id for index in sent}


def test_so_many_are_sent_again_and_the_oldest_first(
    editor: Caller, hook: Webhook, many: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("register.webhooks.MOST_REPLAYED", 1)

    answer = editor.send("post", f"webhooks/{hook.id}/deliveries/replay")

    assert answer.json() == {"replayed": 1, "mayBeMore": True}
    assert Delivery.objects.get(id=many[0].id).status == "PENDING"
    assert AuditRecord.objects.get(verb="send").after == {"deliveryCount": 1, "status": "FAILED"}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"status": "PENDING"}, 400, "status"),
        ({"event": "x"}, 400, "event"),
        ({"from": "yesterday"}, 400, "from"),
        ({"since": "2030-01-01T00:00:00Z"}, 400, "since"),
        ({"from": "2030-01-02T00:00:00Z", "to": "2030-01-01T00:00:00Z"}, 422, "to"),
    ],
)
def test_it_refuses_to_send_many(
    editor: Caller, hook: Webhook, many: list[Delivery], body: Any, status: int, field: str
) -> None:
    answer = editor.send("post", f"webhooks/{hook.id}/deliveries/replay", body)

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (status, [field])
    assert Delivery.objects.filter(status="PENDING").count() == 1


def test_one_that_is_switched_off_is_sent_none_of_many(editor: Caller, hook: Webhook, many: list[Delivery]) -> None:
    Webhook.objects.update(is_active=False)

    assert editor.send("post", f"webhooks/{hook.id}/deliveries/replay").status_code == 409


def test_a_bound_token_replays_none_of_another_namespace(
    payments_editor: Caller, hook: Webhook, many: list[Delivery]
) -> None:
    assert payments_editor.send("post", f"webhooks/{hook.id}/deliveries/replay").status_code == 404
    assert Delivery.objects.filter(status="PENDING").count() == 1
