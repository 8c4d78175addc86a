"""Whether another platform uses the same database of Redis, which takes messages that are not its own."""

import logging
import os
import secrets

import psycopg
import pytest
import redis
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from scheduler.broker import ANNOUNCED_SECONDS, PLATFORMS_KEY, Broker
from scheduler.errors import BrokerUnavailable
from scheduler.neighbours import Neighbours, others, platform_of
from tests.hot_paths import key_prefix

OTHER = "the database billing at db-2:5432, by a scheduler on there"


@pytest.fixture
def looking(connection: psycopg.Connection, store: redis.Redis) -> Neighbours:
    """A scheduler that has looked once, and was alone."""
    made = Neighbours()
    made.look(connection)
    return made


def test_all_schedulers_of_a_platform_are_one(
    looking: Neighbours, connection: psycopg.Connection, broker: Broker, caplog: pytest.LogCaptureFixture
):
    Neighbours().look(connection)
    looking.look(connection)
    assert others(broker, platform_of(connection)) == set()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_it_tells_of_another_platform_once(
    looking: Neighbours, connection: psycopg.Connection, broker: Broker, caplog: pytest.LogCaptureFixture
):
    broker.announce(f"1/2/public {OTHER}")
    for _ in range(3):
        looking.look(connection)
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert OTHER in line


def test_one_that_has_ended_is_forgotten(
    looking: Neighbours, connection: psycopg.Connection, broker: Broker, store: redis.Redis
):
    key = f"{key_prefix()}{PLATFORMS_KEY}"
    store.zadd(key, {f"1/2/public {OTHER}": store.time()[0] - ANNOUNCED_SECONDS - 1})
    assert others(broker, platform_of(connection)) == set()
    looking.look(connection)
    assert store.zcard(key) == 1
    assert 0 < store.ttl(key) <= ANNOUNCED_SECONDS


def test_a_broker_that_is_away_is_none_of_its_business(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def away(*_: object) -> None:
        raise BrokerUnavailable("away")

    monkeypatch.setattr(Broker, "announce", away)
    Neighbours().look(connection)
    assert caplog.records == []


def test_two_databases_of_a_server_are_two_platforms(connection: psycopg.Connection):
    with psycopg.connect(os.environ["TEST_DATABASE_URL"]) as other:
        assert platform_of(connection).id != platform_of(other).id


def test_a_user_without_rights_can_ask_whose_it_is(connection: psycopg.Connection):
    server, name = os.environ["TEST_DATABASE_URL"], f"plain_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'plain'").format(Identifier(name)))
        try:
            with psycopg.connect(make_conninfo(server, user=name, password="plain")) as plain:
                assert platform_of(plain).id
        finally:
            admin.execute(SQL("DROP ROLE {}").format(Identifier(name)))
