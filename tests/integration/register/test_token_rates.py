"""TOKEN_RATE_LIMIT: how many requests a token may send."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import redis
from django.conf import settings as of_project
from django.core.exceptions import ImproperlyConfigured
from limits import parse_many
from limits.errors import StorageError

from platform_scheduler import token_rates
from platform_scheduler.settings.environment import request_rates
from register.access import create_token
from tests.integration.conftest import Caller


@pytest.fixture(autouse=True)
def counted(settings: Any) -> Iterator[None]:
    """Three requests an hour and token, counted from nothing."""
    settings.TOKEN_RATE_LIMITS = parse_many("3/hour")
    prefix = of_project.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    store = redis.Redis.from_url(of_project.CELERY_BROKER_URL)

    def forget() -> None:
        token_rates._Redis.asked_again_at = 0.0
        for key in store.scan_iter(f"*{prefix}requests*"):
            store.delete(key)

    forget()
    yield
    forget()
    store.close()


def statuses(caller: Caller, count: int, path: str = "tasks") -> list[int]:
    return [caller.send("get", path).status_code for _ in range(count)]


def test_it_refuses_what_is_beyond_the_rate(viewer: Caller) -> None:
    assert statuses(viewer, 4) == [200, 200, 200, 429]
    answer = viewer.send("get", "tasks")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"].endswith(":too-many-requests")
    assert 1 <= int(answer["Retry-After"]) <= 3_600


def test_each_token_has_its_own(viewer: Caller, operator: Caller) -> None:
    assert statuses(viewer, 4)[-1] == 429
    assert statuses(operator, 1) == [200]


def test_two_tokens_of_one_name_are_two(db: None, now: datetime) -> None:
    first, second = (Caller(create_token("ci", role="viewer", now=now)[1]) for _ in range(2))
    assert statuses(first, 4)[-1] == 429
    assert statuses(second, 1) == [200]


def test_a_write_beyond_it_changes_nothing(editor: Caller) -> None:
    statuses(editor, 3)
    answer = editor.send("post", "calendars", {"name": "x", "rules": {}})
    assert answer.status_code == 429


def test_a_stop_gets_through(operator: Caller) -> None:
    statuses(operator, 4)
    assert operator.send("put", "flow-control", {"mode": "PAUSED"}).status_code == 200


def test_several_processes_count_together(viewer: Caller) -> None:
    statuses(viewer, 3)
    token_rates.limiter.cache_clear()
    assert statuses(viewer, 1) == [429]


def test_without_a_rate_nothing_is_counted(viewer: Caller, settings: Any) -> None:
    settings.TOKEN_RATE_LIMITS = []
    assert set(statuses(viewer, 9)) == {200}


def test_while_redis_does_not_answer_nobody_is_refused(viewer: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def fail(*_: Any) -> bool:
        asked.append(1)
        raise StorageError(OSError("away"))

    monkeypatch.setattr(token_rates.limiter(), "hit", fail)
    assert set(statuses(viewer, 9)) == {200}
    assert len(asked) == 1  # left alone for a while


def test_without_redis_each_process_counts_for_itself(
    viewer: Caller, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CELERY_BROKER_URL = "amqp://guest@127.0.0.1//"
    token_rates.limiter.cache_clear()
    assert statuses(viewer, 4) == [200, 200, 200, 429]
    token_rates.limiter.cache_clear()


@pytest.mark.parametrize("text", ["many", "0/second", "5", "-1/second", "5/fortnight", ";"])
def test_it_refuses_to_start_with_what_is_no_rate(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TOKEN_RATE_LIMIT", text)
    with pytest.raises(ImproperlyConfigured, match="TOKEN_RATE_LIMIT"):
        request_rates("TOKEN_RATE_LIMIT")


def test_it_takes_several_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_RATE_LIMIT", "100/second; 2000/minute")
    assert [(rate.amount, rate.get_expiry()) for rate in request_rates("TOKEN_RATE_LIMIT")] == [(100, 1), (2_000, 60)]
