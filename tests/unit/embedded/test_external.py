"""Servers that are somebody else's."""

from contextlib import nullcontext
from types import SimpleNamespace

import psycopg
import pytest
import redis

from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.external import require_broker, require_postgres, require_redis
from platform_scheduler.embedded.ports import free_port


def answer_postgres(monkeypatch, version):
    connection = SimpleNamespace(info=SimpleNamespace(server_version=version))
    monkeypatch.setattr(psycopg, "connect", lambda *_, **__: nullcontext(connection))


def answer_redis(monkeypatch, version):
    client = SimpleNamespace(info=lambda section: {"redis_version": version})
    monkeypatch.setattr(redis.Redis, "from_url", lambda *_, **__: nullcontext(client))


def test_it_accepts_a_postgresql_that_is_new_enough(monkeypatch):
    answer_postgres(monkeypatch, 150018)
    assert require_postgres("postgresql://x") == "15"


def test_it_refuses_a_postgresql_that_is_too_old(monkeypatch):
    answer_postgres(monkeypatch, 140005)
    with pytest.raises(CannotStart, match="PostgreSQL 14: 15 or newer is needed"):
        require_postgres("postgresql://x")


def test_it_refuses_a_postgresql_that_does_not_answer_without_its_password():
    with pytest.raises(CannotStart, match=r"DATABASE_URL cannot be used: .*refused") as refusal:
        require_postgres("postgresql://u:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in str(refusal.value)


def test_it_accepts_a_redis_that_is_new_enough(monkeypatch):
    answer_redis(monkeypatch, "7.0.15")
    assert require_redis("redis://x") == "7.0.15"


def test_it_refuses_a_redis_that_is_too_old(monkeypatch):
    answer_redis(monkeypatch, "6.2.14")
    with pytest.raises(CannotStart, match=r"Redis 6\.2\.14: 7 or newer is needed"):
        require_redis("redis://x")


@pytest.mark.parametrize("url", ["redis://:s3cret@127.0.0.1:1/0", "what"])
def test_it_refuses_a_redis_that_cannot_be_used_without_its_password(url):
    with pytest.raises(CannotStart, match="REDIS_URL cannot be used: ") as refusal:
        require_redis(url)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("amqp://u:s3cret@127.0.0.1:1/x", "cannot be used: .*refused"),
        ("redis://:s3cret@127.0.0.1:1/0", "cannot be used: .*refused"),
        ("kafka://:s3cret@h", "must begin with one of"),
    ],
)
def test_it_refuses_a_broker_that_cannot_be_used_without_its_password(url, fault):
    with pytest.raises(CannotStart, match=f"^BROKER_URL {fault}") as refusal:
        require_broker(url)
    assert "s3cret" not in str(refusal.value)


def test_it_accepts_redis_under_the_name_of_the_broker(monkeypatch):
    answer_redis(monkeypatch, "7.0.15")
    assert require_broker("redis://x") == "Redis 7.0.15"


@pytest.mark.parametrize(
    ("master", "refusal"),
    [("", "REDIS_SENTINEL_MASTER is missing"), ("scheduler", "BROKER_URL cannot be used: .* correct the URL")],
)
def test_it_asks_sentinels_whom_they_watch(monkeypatch, master, refusal):
    monkeypatch.setenv("REDIS_SENTINEL_MASTER", master)
    with pytest.raises(CannotStart, match=refusal):
        require_broker(f"sentinel://127.0.0.1:{free_port()}/0;sentinel://127.0.0.1:{free_port()}")
