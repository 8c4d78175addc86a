"""The unprivileged user under whom PostgreSQL runs when the caller is root."""

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import CannotStart

UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int


def engine_account() -> Account | None:
    """Answer whom PostgreSQL, which refuses to run as root, has to become; None is the caller himself."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise CannotStart(
            f"PostgreSQL does not run as root and this machine has no user `{UNPRIVILEGED}`: "
            "start as an ordinary user, or set DATABASE_URL."
        ) from None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def run_as(
    account: Account | None, *command: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as that user, to its end; raise OSError where it cannot even be started."""
    return subprocess.run(  # noqa: S603 -- commands of this package, never of a request
        command,
        cwd="/",
        env=env,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        # A Ctrl-C is for the caller, who decides what becomes of what he has started.
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def runs(account: Account | None, *command: str) -> bool:
    """Try a command as that user: permission bits alone do not tell (ACLs, mounts, a closed parent)."""
    try:
        return run_as(account, *command).returncode == 0
    except OSError:
        return False


def can_reach(account: Account | None, folder: Path) -> bool:
    """Say whether that user may go into the folder."""
    return runs(account, "/bin/sh", "-c", 'cd "$0"', str(folder))
