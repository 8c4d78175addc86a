"""PostgreSQL's command line, and data directories on which it cannot run."""

import os
import signal
from pathlib import Path

import pytest

from platform_scheduler.embedded.binaries import PostgresBinaries
from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.postgres import Cluster, ensure_cluster, remove_stale_lock

NOT_A_PROCESS = 2**22 + 1  # above the kernel's largest number


@pytest.fixture
def cluster(tmp_path):
    (tmp_path / "pg/bin").mkdir(parents=True)
    binaries = PostgresBinaries(bin=tmp_path / "pg/bin", major=18)
    return Cluster(binaries=binaries, data=tmp_path / "data", port=20_000, password="s3cret")


@pytest.fixture
def complete(cluster):
    (cluster.data / "global").mkdir(parents=True)
    (cluster.data / "global/pg_control").touch()
    (cluster.data / "PG_VERSION").write_text("18\n")
    return cluster


def test_it_listens_on_the_loopback_address_alone(cluster):
    assert "listen_addresses=127.0.0.1" in cluster.program().argv
    assert "unix_socket_directories=" in cluster.program().argv


def test_it_keeps_the_password_off_the_command_line(cluster):
    assert not [argument for argument in cluster.program().argv if "s3cret" in argument]


def test_it_is_stopped_fast_but_never_hard(cluster):
    assert cluster.program().stop_signal == signal.SIGINT


def test_it_has_room_for_the_locks_of_many_partitions(cluster):
    assert "max_locks_per_transaction=256" in cluster.program().argv


def test_it_writes_safely_unless_it_is_thrown_away(cluster):
    assert "fsync=off" not in cluster.program().argv
    assert "fsync=off" in cluster.program(throw_away=True).argv


def test_it_does_not_ask_for_statistics_that_are_not_installed(cluster):
    assert "shared_preload_libraries=pg_stat_statements" not in cluster.program().argv


def test_it_asks_for_statistics_that_are_installed(cluster):
    library = cluster.binaries.bin.parent / "lib/postgresql/pg_stat_statements.so"
    library.parent.mkdir(parents=True)
    library.touch()
    assert "shared_preload_libraries=pg_stat_statements" in cluster.program().argv


def test_it_takes_a_complete_data_directory(complete):
    assert ensure_cluster(complete) is False


def test_it_refuses_the_data_of_another_version(complete):
    (complete.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(CannotStart, match=r"made by PostgreSQL 17, this is PostgreSQL 18: .*pg_dump"):
        ensure_cluster(complete)


@pytest.mark.parametrize("missing", ["PG_VERSION", "global/pg_control"])
def test_it_refuses_half_a_data_directory(complete, missing):
    (complete.data / missing).unlink()
    with pytest.raises(CannotStart, match="no complete PostgreSQL data directory"):
        ensure_cluster(complete)


def test_it_removes_what_an_initdb_that_was_killed_has_left(complete):
    partial = complete.data.with_name("data.new-abc")
    partial.mkdir()
    ensure_cluster(complete)
    assert not partial.exists()


@pytest.mark.parametrize("pid", [NOT_A_PROCESS, os.getpid()], ids=["no process", "not a server"])
def test_it_removes_the_lock_of_a_server_that_is_gone(complete, pid):
    lock = complete.data / "postmaster.pid"
    lock.write_text(f"{pid}\n{complete.data}\n")
    remove_stale_lock(complete)
    assert not lock.exists()


def test_it_reads_whose_process_runs_on_the_data(complete):
    Path(complete.data / "postmaster.pid").write_text("4711\nmore\n")
    assert complete.pid() == 4711


def test_it_knows_of_no_process_without_a_lock(complete):
    assert complete.pid() is None
