"""Messages that are sent again, by us or by somebody who has overheard them."""

import base64
import hmac
from uuid import uuid4

import pytest

from scheduler.engine import webhooks
from scheduler.models import Event, Execution, Task
from tests.integration.conftest import Caller

SECRET = webhooks.secret("k" * 50, uuid4(), 1)
BODY = b'{"type": "execution.failed"}'
SENT_AT = 1_900_000_000


def receive(headers: dict[str, str], body: bytes, *, secret: str = SECRET, now: int = SENT_AT, known: set[str]) -> bool:
    """Do what docs/webhooks.md tells receivers to do."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    is_ours = any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split())
    is_fresh = abs(now - int(headers["webhook-timestamp"])) < 300
    is_new = headers["webhook-id"] not in known
    return is_ours and is_fresh and is_new


@pytest.fixture
def overheard() -> dict[str, str]:
    """The headers of a message that the platform has sent."""
    delivery = str(uuid4())
    signature = webhooks.signature([SECRET], delivery=delivery, timestamp=SENT_AT, body=BODY)
    return {"webhook-id": delivery, "webhook-timestamp": str(SENT_AT), "webhook-signature": signature}


def test_the_message_itself_is_taken(overheard: dict[str, str]):
    assert receive(overheard, BODY, known=set())


@pytest.mark.parametrize(
    ("name", "value"),
    [("webhook-timestamp", str(SENT_AT + 3600)), ("webhook-id", "another"), ("webhook-signature", "v1,AAAA")],
)
def test_a_forged_header_is_noticed(overheard: dict[str, str], name: str, value: str):
    assert not receive(overheard | {name: value}, BODY, known=set(), now=SENT_AT + 3600)


def test_another_body_is_noticed(overheard: dict[str, str]):
    assert not receive(overheard, BODY.replace(b"failed", b"succeeded"), known=set())


def test_an_old_message_is_noticed(overheard: dict[str, str]):
    assert not receive(overheard, BODY, known=set(), now=SENT_AT + 301)


def test_a_second_copy_is_noticed(overheard: dict[str, str]):
    assert not receive(overheard, BODY, known={overheard["webhook-id"]})


def test_the_secret_of_another_webhook_signs_nothing_here(overheard: dict[str, str]):
    assert not receive(overheard, BODY, secret=webhooks.secret("k" * 50, uuid4(), 1), known=set())


def test_a_repeated_event_starts_nothing_twice(operator: Caller, cleanup: Task):
    Task.objects.filter(id=cleanup.id).update(listens_to=[{"event": "paid", "match": {}}])
    body = {"name": "paid", "payload": {}, "idempotencyKey": "order-17"}
    first, second = (operator.send("post", "events", body) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert Event.objects.count() == 1
    assert Execution.objects.count() <= 1


def test_an_overheard_key_takes_no_other_body(operator: Caller, cleanup: Task):
    path = f"tasks/{cleanup.id}/trigger"
    assert operator.send("post", path, {}, Idempotency_Key="k-1").status_code == 202
    body = {"taskData": {"retentionDays": 0}}
    assert operator.send("post", path, body, Idempotency_Key="k-1").status_code == 422
    assert Execution.objects.count() == 1


def test_a_key_of_one_token_tells_another_nothing(operator: Caller, editor: Caller, cleanup: Task):
    path = f"tasks/{cleanup.id}/trigger"
    answers = [caller.send("post", path, {}, Idempotency_Key="k-1").json()["id"] for caller in (operator, editor)]
    assert len(set(answers)) == 2
