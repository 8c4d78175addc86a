"""The embedded PostgreSQL: its data directory, how it is started, and when it is ready."""

import contextlib
import errno
import os
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from .account import Account, run_as
from .binaries import PostgresBinaries
from .errors import CannotStart
from .logs import last_fault
from .ports import LOOPBACK
from .programs import Program

NAME = "postgres"
USER = "scheduler"
DATABASE = "platform_scheduler"

BUILTIN_LOCALES_SINCE = 17

SETTINGS = {
    "listen_addresses": LOOPBACK,
    # Loopback only: a socket file would bring a length limit and one more lock file to be left behind.
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    # A statement over history may touch each of its partitions and their indexes.
    "max_locks_per_transaction": "256",
    "log_line_prefix": "%m [%p] ",
}
# For servers that are thrown away: nothing is kept, so nothing has to reach a disk.
THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One data directory of PostgreSQL, with the server that runs on it."""

    binaries: PostgresBinaries
    data: Path
    port: int
    password: str
    account: Account | None = None

    @property
    def url(self) -> str:
        """Give the DATABASE_URL of the platform's database in this cluster."""
        return f"postgres://{USER}:{self.password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def program(self, *, throw_away: bool = False) -> Program:
        """Describe the server process."""
        settings = SETTINGS | (THROW_AWAY_SETTINGS if throw_away else {})
        if self.binaries.has_statement_statistics:
            settings["shared_preload_libraries"] = "pg_stat_statements"
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name=NAME,
            argv=(str(self.binaries.bin / "postgres"), "-D", str(self.data), "-p", str(self.port), *options),
            account=self.account,
            is_engine=True,
            # "Fast" shutdown: SIGTERM would wait for every client to leave by itself.
            stop_signal=signal.SIGINT,
            stop_seconds=30,
        )

    def pid(self) -> int | None:
        """Read which process runs on the data directory, by its own account."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self.data / "postmaster.pid").read_text().split()[0])
        return None

    def answers(self) -> bool:
        """Say whether the server takes connections."""
        with contextlib.suppress(psycopg.Error), self._connect():
            return True
        return False

    def ensure_database(self) -> None:
        """Create the platform's database unless it is there."""
        with self._connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=USER,
            password=self.password,
            dbname="postgres",
            # Not from the caller's PGSSLMODE, PGOPTIONS …: those are about other servers.
            sslmode="disable",
            options="",
            connect_timeout=3,
            autocommit=True,
        )


def ensure_cluster(cluster: Cluster, *, throw_away: bool = False) -> bool:
    """Make the data directory unless it is there; answer whether it was made; refuse one we cannot run on."""
    _remove_partial(cluster.data)
    if not cluster.data.exists():
        _initdb(cluster, throw_away=throw_away)
        return True
    _check(cluster)
    return False


def remove_stale_lock(cluster: Cluster) -> None:
    """Remove the lock file of a server that was killed; one that lives is the affair of `orphans`."""
    pid = cluster.pid()
    if pid is not None and not _is_live_postgres(pid):
        # PostgreSQL itself only asks whether the process exists: a zombie, or a stranger that has been
        # given the same number since a reboot, would keep it from ever starting.
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)


def _is_live_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name()
    except psutil.NoSuchProcess:
        return False


def _check(cluster: Cluster) -> None:
    version_file = cluster.data / "PG_VERSION"
    try:
        made_by = version_file.read_text().strip()
    except OSError:
        made_by = ""
    if not made_by or not (cluster.data / "global" / "pg_control").exists():
        raise CannotStart(
            f"{cluster.data} is no complete PostgreSQL data directory: put back a backup of it, "
            "or choose another DATA_DIR (that starts with an empty database)."
        )
    if made_by != str(cluster.binaries.major):
        raise CannotStart(
            f"{cluster.data} was made by PostgreSQL {made_by}, this is PostgreSQL {cluster.binaries.major}: "
            f"use PostgreSQL {made_by} again, or move its data with pg_dump, or choose another DATA_DIR."
        )


def _remove_partial(data: Path) -> None:
    for partial in data.parent.glob(f"{data.name}.new-*"):
        shutil.rmtree(partial, ignore_errors=True)
    _password_file(data).unlink(missing_ok=True)


def _password_file(data: Path) -> Path:
    return data.with_name(f"{data.name}.password")


def _initdb(cluster: Cluster, *, throw_away: bool) -> None:
    """Make the data directory beside its place and move it there: whole, or not at all."""
    cluster.data.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: the initdb of an `up` that was killed may still be writing into the other.
    partial = Path(tempfile.mkdtemp(prefix=f"{cluster.data.name}.new-", dir=cluster.data.parent))
    if cluster.account:
        os.chown(partial, cluster.account.uid, cluster.account.gid)
    password_file = _password_file(cluster.data)
    password_file.touch(mode=0o600)
    password_file.write_text(cluster.password)
    if cluster.account:
        os.chown(password_file, cluster.account.uid, cluster.account.gid)
    command = _initdb_command(cluster.binaries, partial, password_file)
    if throw_away:
        command.append("--no-sync")
    done = run_as(cluster.account, *command, env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"})
    password_file.unlink()
    if done.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        if os.strerror(errno.ENOSPC) in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fault = last_fault(done.stderr.splitlines())
        raise CannotStart(
            f"PostgreSQL cannot make its data directory {cluster.data}: {fault or 'initdb said nothing.'}"
        )
    partial.rename(cluster.data)


def _initdb_command(binaries: PostgresBinaries, data: Path, password_file: Path) -> list[str]:
    # The same order and case rules on every machine, whatever locales it has.
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    locale = builtin if binaries.major >= BUILTIN_LOCALES_SINCE else ["--locale=C.UTF-8"]
    return [
        str(binaries.bin / "initdb"),
        f"--pgdata={data}",
        f"--username={USER}",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
        "--encoding=UTF8",
        *locale,
    ]
