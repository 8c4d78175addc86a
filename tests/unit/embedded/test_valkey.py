"""Valkey's configuration."""

import stat
from pathlib import Path

import pytest

from platform_scheduler.embedded.valkey import Store


@pytest.fixture
def store(tmp_path):
    return Store(binary=Path("/bin/valkey-server"), data=tmp_path / 'a "b"', port=20_001, password="s3cret")


@pytest.mark.parametrize(
    "line", ["bind 127.0.0.1", "port 20001", "appendonly yes", "maxmemory-policy noeviction", 'save ""']
)
def test_it_says(store, line):
    assert line in store.config().splitlines()


def test_it_quotes_its_folder(store):
    assert 'a \\"b\\""' in store.config()


def test_it_keeps_nothing_that_is_thrown_away(store):
    assert "appendonly no" in store.config(throw_away=True).splitlines()


def test_it_keeps_the_password_off_the_command_line(store):
    assert not [argument for argument in store.program().argv if "s3cret" in argument]


def test_it_keeps_its_file_to_its_owner(store):
    store.write_config()
    assert stat.S_IMODE(store.config_path.stat().st_mode) == 0o600


def test_it_answers_no_process_where_nobody_listens(store):
    assert store.pid() is None
