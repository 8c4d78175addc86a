"""Migrations that are no single transaction are struck, as by a crash of everything, and run again."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from pytest_django.plugin import DjangoDbBlocker

from platform_scheduler.embedded.waiting import wait_until
from tests.acceptance.split import own_database

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).resolve().parents[2]
# Tables that are indexed while they are written, each with the last migration before that.
CASES = [("task_execution_history_first", "0037"), ("scheduler_task_search", "0039")]

INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid AND indrelid = %s::regclass"
ALL_INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'DROP INDEX%' AND wait_event_type = 'Lock'
"""
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL(%s)
"""
# A writer whose transaction does not end: an index that is built while it goes on waits for it.
WRITE = "LOCK TABLE {} IN ROW EXCLUSIVE MODE"


@pytest.fixture
def database() -> Iterator[str]:
    """An empty database of this test's own."""
    with own_database() as url:
        yield url


def migrating(database: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Begin to migrate, in a process of its own."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.all",
        "DATABASE_URL": database,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": secrets.token_urlsafe(60),
    }
    return subprocess.Popen([sys.executable, "manage.py", "migrate", "-v0", *arguments], cwd=ROOT, env=environment)


@pytest.mark.parametrize(("table", "before"), CASES)
def test_it_goes_on_where_it_was_struck(database: str, table: str, before: str) -> None:
    assert migrating(database, "scheduler", before).wait() == 0
    with psycopg.connect(database, autocommit=True) as watcher, psycopg.connect(database) as writer:
        writer.execute(SQL(WRITE).format(Identifier(table)))
        with migrating(database) as struck:
            is_building = wait_until(
                lambda: watcher.execute(INVALID, (table,)).fetchone() == (1,), seconds=60, every=0.05
            )
            struck.kill()
        assert is_building
        ours = [watcher.info.backend_pid, writer.info.backend_pid]
        # The server's side as well, which would go on for the dead.
        assert wait_until(lambda: watcher.execute(END_OTHERS, (ours,)).fetchall() == [], seconds=10, every=0.05)
        writer.rollback()
        assert watcher.execute(INVALID, (table,)).fetchone() == (1,)

        assert migrating(database).wait() == 0
        assert watcher.execute(ALL_INVALID).fetchall() == []
        assert migrating(database, "--check").wait() == 0


def test_an_index_that_goes_lets_others_pass(database: str) -> None:
    assert migrating(database, "scheduler", "0050").wait() == 0
    with psycopg.connect(database, autocommit=True) as watcher, psycopg.connect(database) as reader:
        watcher.execute("SET lock_timeout = '5s'")
        reader.execute("LOCK TABLE task_execution_history IN ACCESS SHARE MODE")
        with migrating(database) as going:
            assert wait_until(lambda: watcher.execute(WAITING).fetchone() == (1,), seconds=60, every=0.01)
            watcher.execute("INSERT INTO task_execution_history SELECT * FROM task_execution_history")
            reader.rollback()
            assert going.wait() == 0
        assert watcher.execute("SELECT to_regclass('history_namespace')").fetchone() == (None,)


class Forgetful(MigrationExecutor):
    """Dies behind each migration that is not atomic, before it is recorded, and runs it again."""

    def apply_migration(self, state: Any, migration: Any, fake: bool = False, fake_initial: bool = False) -> Any:
        if not migration.atomic:
            with self.connection.schema_editor(atomic=False) as editor:
                migration.apply(state.clone(), editor)
        return super().apply_migration(state, migration, fake, fake_initial)


@pytest.fixture
def own(database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[BaseDatabaseWrapper]:
    """Django's connection to that database."""
    name = conninfo_to_dict(database)["dbname"]
    connections.settings["own"] = {**connections.settings["default"], "NAME": name}
    with django_db_blocker.unblock():
        yield connections["own"]
        connections["own"].close()
    del connections["own"], connections.settings["own"]


def test_each_may_be_run_again_that_was_not_recorded(own: BaseDatabaseWrapper, database: str) -> None:
    executor = Forgetful(own)
    executor.migrate(executor.loader.graph.leaf_nodes())
    with psycopg.connect(database) as watcher:
        assert watcher.execute(ALL_INVALID).fetchall() == []
    assert migrating(database, "--check").wait() == 0
