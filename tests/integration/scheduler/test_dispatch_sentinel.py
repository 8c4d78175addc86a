"""Dispatch over Redis behind a sentinel: published to whoever takes writes now, also after that one is gone."""

import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from celery import current_app
from django.conf import LazySettings

from drill.processes import Processes
from platform_scheduler import doctor
from platform_scheduler.doctor import Level
from platform_scheduler.embedded.binaries import valkey_binary
from platform_scheduler.embedded.external import require_broker
from platform_scheduler.embedded.ports import LOOPBACK, free_port
from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.waiting import wait_until
from platform_scheduler.settings.brokers import transport_options
from scheduler.broker import Broker
from scheduler.errors import BrokerUnavailable
from scheduler.records import Ready

pytestmark = pytest.mark.anywhere

MASTER = "scheduler"
NAMES = ("first", "second")


@dataclass
class Watched:
    """Two Redis, one of them a copy of the other, and a sentinel that watches them."""

    folder: Path
    processes: Processes
    ports: dict[str, int]
    password: str

    @property
    def url(self) -> str:
        return f"sentinel://:{self.password}@{LOOPBACK}:{self.ports['sentinel']}/0"

    def start(self) -> None:
        self._launch("first")
        self._launch("second", f"replicaof {LOOPBACK} {self.ports['first']}", f"masterauth {self.password}")
        assert wait_until(lambda: self._role("second", "master_link_status") == "up", seconds=20, every=0.05)
        self._launch(
            "sentinel",
            f"sentinel monitor {MASTER} {LOOPBACK} {self.ports['first']} 1",
            f"sentinel auth-pass {MASTER} {self.password}",
            f"sentinel down-after-milliseconds {MASTER} 300",
            f"sentinel failover-timeout {MASTER} 3000",
        )
        sentinel = redis.Redis(port=self.ports["sentinel"])
        assert wait_until(lambda: _copies(sentinel) == 1, seconds=20, every=0.05)

    def lose(self, name: str) -> None:
        self.processes.kill(name)

    def length(self, name: str, key: str) -> int:
        with redis.Redis(port=self.ports[name], password=self.password) as client:
            return int(client.llen(key))

    def _role(self, name: str, fact: str) -> object:
        try:
            with redis.Redis(port=self.ports[name], password=self.password) as client:
                return client.info("replication").get(fact)
        except redis.RedisError:
            return None

    def _launch(self, name: str, *lines: str) -> None:
        data = self.folder / name
        data.mkdir()
        own = ["masterauth", "requirepass"] if name == "first" else ["requirepass"]
        keys = [] if name == "sentinel" else [f"{key} {self.password}" for key in own]
        config = data / "valkey.conf"
        config.write_text(
            "\n".join([f"bind {LOOPBACK}", f"port {self.ports[name]}", f"dir {data}", 'save ""', *keys, *lines])
        )
        mode = ("--sentinel",) if name == "sentinel" else ()
        self.processes.launch(Program(name=name, argv=(str(valkey_binary()), str(config), *mode), is_engine=True))


def _copies(sentinel: redis.Redis) -> int:
    with suppress(redis.RedisError):
        return int(sentinel.sentinel_master(MASTER)["num-slaves"])  # type: ignore[index]
    return 0


@pytest.fixture
def watched(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """The broker of this test."""
    ports: dict[str, int] = {}
    for name in (*NAMES, "sentinel"):
        ports[name] = free_port(avoid=frozenset(ports.values()))
    with tempfile.TemporaryDirectory(prefix="platform-scheduler-sentinel-") as folder:
        processes = Processes(Path(folder), environment={})
        made = Watched(Path(folder), processes, ports, secrets.token_hex(16))
        try:
            made.start()
            settings.CELERY_BROKER_TRANSPORT_OPTIONS = transport_options(made.url, master=MASTER)
            monkeypatch.setattr(current_app.conf, "broker_url", made.url)
            yield made
        finally:
            processes.stop()


def test_it_publishes_to_whoever_takes_writes_now(watched: Watched) -> None:
    broker = Broker()
    broker.remember()
    broker.publish([_ready()])
    assert (watched.length("first", _key()), broker.depth("default"), broker.has_lost_data()) == (1, 1, False)
    assert wait_until(lambda: watched.length("second", _key()) == 1, seconds=10, every=0.05)

    watched.lose("first")
    assert wait_until(lambda: _is_taken(broker), seconds=30, every=0.1)

    assert watched.length("second", _key()) == 2
    assert broker.has_lost_data() is False
    broker.close()


def test_a_worker_reads_what_was_published_after_the_failover(watched: Watched) -> None:
    broker = Broker()
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("default")
        watched.lose("first")
        assert wait_until(lambda: _is_taken(broker), seconds=30, every=0.1)
        queue.close()
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("default")
        message = queue.get(timeout=10)
        message.ack()
        queue.close()
    broker.close()


def test_the_doctor_asks_whoever_takes_writes_now(watched: Watched, settings: LazySettings, db: None) -> None:
    settings.CELERY_BROKER_URL = watched.url
    found = {one.name: one.level for name in ("configuration", "broker") for one in doctor.CHECKS[name]()}
    assert found["configuration.broker_options"] is Level.OK
    assert found["broker.reachable"] is Level.OK


def test_up_learns_what_the_sentinels_watch(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SENTINEL_MASTER", MASTER)
    assert re.fullmatch(r"Redis \d+\.\S+, by its sentinels", require_broker(watched.url))


def _ready() -> Ready:
    return Ready(uuid4(), "default", 10, 60)


def _key() -> str:
    return "default"


def _is_taken(broker: Broker) -> bool:
    try:
        return broker.publish([_ready()]) == 1
    except BrokerUnavailable:
        return False
