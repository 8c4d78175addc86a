"""PostgreSQL with an archive of its log and a base backup, from which it is recovered to an instant."""

import os
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg

from drill.engines import Engines, durable
from platform_scheduler.embedded.account import run_as
from platform_scheduler.embedded.waiting import wait_until

_IS_ARCHIVED = "SELECT last_archived_wal >= %s FROM pg_stat_archiver"
_HAS_RECOVERED = "SELECT NOT pg_is_in_recovery()"


class ArchivedEngines(Engines):
    """The servers of a drill, PostgreSQL as docs/operations.md has it for recovery to a point in time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._archive = self._own(folder / "archive")
        self._base = self._own(folder / "base")

    def _own(self, folder: Path) -> Path:
        folder.mkdir(mode=0o700)
        if account := self._cluster.account:
            os.chown(folder, account.uid, account.gid)
        return folder

    def start_database(self) -> None:
        """Start PostgreSQL with its archive, and wait until it answers."""
        program = durable(self._cluster.program(throw_away=True))
        settings = (
            "wal_level=replica",
            "archive_mode=on",
            f"archive_command=cp %p {self._archive}/%f",
            f"restore_command=cp {self._archive}/%f %p",
            "recovery_target_action=promote",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        self._start(replace(program, argv=(*program.argv, *options)), self._cluster.answers)

    def back_up(self) -> None:
        """Take a base backup."""
        made = run_as(
            self._cluster.account, str(self._cluster.binaries.bin / "pg_basebackup"), f"--pgdata={self._base}",
            f"--dbname={self._cluster.url}", "--checkpoint=fast", "--no-sync", env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert made.returncode == 0, made.stderr

    def lose_and_recover(self, *, to: datetime) -> None:
        """Archive what there is, lose the data, and recover from backup and archive to an instant."""
        with psycopg.connect(self._cluster.url, autocommit=True) as connection:
            found = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert wait_until(lambda: connection.execute(_IS_ARCHIVED, found).fetchone() == (True,), seconds=60)
        self.crash_database()
        shutil.rmtree(self._cluster.data)
        self._base.rename(self._cluster.data)
        (self._cluster.data / "recovery.signal").touch()
        with (self._cluster.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"recovery_target_time = '{to.isoformat()}'\n")
        self.start_database()
        with psycopg.connect(self._cluster.url, autocommit=True) as connection:
            assert wait_until(lambda: connection.execute(_HAS_RECOVERED).fetchone() == (True,), seconds=60)
