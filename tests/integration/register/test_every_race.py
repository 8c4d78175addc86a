"""Every endpoint that writes, asked the same by several at once: one effect, or a clear refusal, and never an error."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from django.db import connection

from scheduler.models import AuditRecord
from tests.concurrency.together import together
from tests.integration.conftest import Caller
from tests.integration.register.endpoints import (
    DELIVERY,
    TASK,
    WEBHOOK,
    WRITES,
)

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 4
POSTS = [key for key in WRITES if key[0] == "POST"]
# What each request does anew, for that is what it asks for; only a key makes two of them one.
REPEATABLE = {
    *(("POST", one) for one in ("tokens", "events", "webhooks", "tasks/bulk-action", "executions/bulk-action")),
    *(("POST", f"{TASK}/{verb}") for verb in ("trigger", "backfill")),
    *(("POST", f"{WEBHOOK}/{verb}") for verb in ("rotate", "test")),
    ("POST", f"{DELIVERY}/replay"),
    ("POST", "circuits/<str:name>/reset"),
}
ONCE = sorted(WRITES.keys() - REPEATABLE)


def _send(secret: str, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
    """Send as one client of many does, on a connection of its own."""
    try:
        return Caller(secret).send(method.lower(), path, body, **headers)
    finally:
        connection.close()


class Race(NamedTuple):
    """What several were answered at once, what has been recorded of it, and what one of them is recorded as."""

    answers: list[Any]
    recorded: list[tuple[str, str]]
    one: tuple[str, str]


@pytest.fixture
def race(admin: Caller, arranged: Callable[[str, str], tuple[str, Any]]) -> Callable[..., Race]:
    """Ask an endpoint the same, several times at once."""

    def ask(method: str, route: str, **headers: str) -> Race:
        _, verb, kind = WRITES[method, route]
        path, body = arranged(method, route)
        latest = AuditRecord.objects.order_by("-id")[0].id
        answers = together(*[partial(_send, admin.secret, method, path, body, headers)] * THREADS)
        written = AuditRecord.objects.filter(id__gt=latest, via="API").values_list("verb", "kind")
        return Race(answers, [*written], (verb, kind))

    return ask


@pytest.mark.parametrize(("method", "route"), POSTS)
def test_a_key_makes_them_one(race: Callable[..., Race], method: str, route: str) -> None:
    answers, recorded, one = race(method, route, Idempotency_Key="once")
    told = {(answer.status_code, answer.content) for answer in answers if answer.status_code != 409}
    assert len(told) == 1 and {status for status, _ in told} <= {200, 201, 202, 204}, told
    assert recorded == [one]


@pytest.mark.parametrize(("method", "route"), ONCE)
def test_one_of_them_does_it(race: Callable[..., Race], method: str, route: str) -> None:
    answers, recorded, one = race(method, route)
    assert {answer.status_code for answer in answers} <= {200, 201, 202, 204, 404, 409, 422}
    assert recorded == [one]


@pytest.mark.parametrize(("method", "route"), sorted(REPEATABLE))
def test_each_of_them_does_it(race: Callable[..., Race], method: str, route: str) -> None:
    answers, recorded, one = race(method, route)
    done = [answer for answer in answers if answer.status_code < 300]
    assert {answer.status_code for answer in answers} <= {200, 201, 202, 409}
    assert recorded == [one] * len(done)
