"""PostgreSQL with a streaming copy that every commit waits for, and that is promoted when the primary is gone."""

import os
from dataclasses import replace
from pathlib import Path

import psycopg

from drill.engines import Engines, durable
from platform_scheduler.embedded.account import run_as
from platform_scheduler.embedded.ports import LOOPBACK, free_port
from platform_scheduler.embedded.postgres import DATABASE as NAME
from platform_scheduler.embedded.postgres import USER
from platform_scheduler.embedded.waiting import wait_until

COPY = "postgres-copy"

_IS_SYNCHRONOUS = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"


class PairedEngines(Engines):
    """The servers of a drill, PostgreSQL twice; clients know both, and look for the one that takes writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        taken = frozenset({self._cluster.port, self._store.port, self._through_proxy.port})
        self._copy = replace(self._cluster, data=folder / "copy", port=free_port(avoid=taken))

    @property
    def database_url(self) -> str:
        """The URL of both, as docs/high-availability.md writes it."""
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in (self._cluster.port, self._copy.port))
        password = self._cluster.password
        return f"postgresql://{USER}:{password}@{hosts}/{NAME}?target_session_attrs=read-write"

    def start(self) -> None:
        """Start the broker, the primary and its copy, without which the primary answers no commit."""
        super().start()
        self._make_copy()
        self._start(replace(durable(self._copy.program(throw_away=True)), name=COPY), self._copy.answers)
        with psycopg.connect(self._cluster.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            assert wait_until(lambda: connection.execute(_IS_SYNCHRONOUS).fetchone(), seconds=30, every=0.1)

    def fail_over(self) -> None:
        """End the primary at once, for good, and promote the copy."""
        self.crash_database()
        with psycopg.connect(self._copy.url, autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)

    def _make_copy(self) -> None:
        self._copy.data.mkdir(mode=0o700)
        if account := self._copy.account:
            os.chown(self._copy.data, account.uid, account.gid)
        made = run_as(
            self._cluster.account, str(self._cluster.binaries.bin / "pg_basebackup"), f"--pgdata={self._copy.data}",
            f"--dbname={self._cluster.url}", "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
            env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
