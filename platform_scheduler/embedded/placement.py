"""Where PostgreSQL's data of a DATA_DIR lies: inside it, or outside where its user cannot get in."""

import hashlib
import os
from pathlib import Path

from .account import Account, can_reach
from .binaries import SHARED_ROOT
from .data_dir import explained, make_folder, require_room
from .errors import CannotStart
from .postgres import Cluster, ensure_cluster, remove_stale_lock
from .private_files import write_private
from .state import FILE, State

LINK = "postgres"
OWNER = "owner"


def place_postgres(data_dir: Path, state: State, account: Account | None, *, shared_root: Path = SHARED_ROOT) -> Path:
    """Answer where PostgreSQL's data is or will be; refuse a DATA_DIR that has lost it or shares it."""
    link = data_dir / LINK
    if state.postgres_data is None:
        if os.path.lexists(link):
            raise CannotStart(
                f"{data_dir / FILE} is missing, and the password of {link} was in it: "
                "put it back from a backup, or choose another DATA_DIR (that starts with an empty database)."
            )
        return link if account is None or can_reach(account, data_dir) else _unused(data_dir, shared_root)
    data = data_dir / state.postgres_data
    if data != link:
        _check_owner(data, data_dir)
    if state.has_database and not data.exists():
        raise CannotStart(
            f"{data}, the database of {data_dir}, is gone: put it back from a backup, "
            f"or remove {data_dir} to start with an empty one."
        )
    return data


def left_behind(data_dir: Path, *, shared_root: Path = SHARED_ROOT) -> list[Path]:
    """Name the databases outside that an earlier DATA_DIR of this path has left, and nobody can enter now."""
    return [folder for folder in sorted(shared_root.glob(f"{_digest(data_dir)}-*")) if folder.is_dir()]


def prepare_data(data_dir: Path, state: State, cluster: Cluster) -> None:
    """Make the data directory where there is none, and have it ready for a server to start on."""
    if cluster.data.parent != data_dir:
        _claim_shared(data_dir, cluster.data)
    state.postgres_data = LINK if cluster.data == data_dir / LINK else str(cluster.data)
    # Before the data: a database whose password is nowhere written could never be entered again.
    state.save(data_dir)
    require_room(cluster.data, is_new=not cluster.data.exists())
    with explained(cluster.data):
        ensure_cluster(cluster)
        remove_stale_lock(cluster)
    state.has_database = True
    state.save(data_dir)


def _unused(data_dir: Path, shared_root: Path) -> Path:
    """Give a place for a new database: an older DATA_DIR of this path may have left one, which stays."""
    name = _digest(data_dir)
    number = 1
    while (shared_root / f"{name}-{number}").exists():
        number += 1
    return shared_root / f"{name}-{number}" / LINK


def _digest(data_dir: Path) -> str:
    return hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]


def _claim_shared(data_dir: Path, data: Path) -> None:
    """Make the folder outside of DATA_DIR, each of the two naming the other."""
    folder = data.parent
    make_folder(folder, mode=0o755)
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    write_private(folder / OWNER, f"{data_dir}\n")
    link = data_dir / LINK
    if not link.is_symlink():
        link.symlink_to(data)


def _check_owner(data: Path, data_dir: Path) -> None:
    """Refuse a copy of a DATA_DIR whose original is still there: both would run on one database."""
    owner_file = data.parent / OWNER
    owner = Path(owner_file.read_text().strip()) if owner_file.exists() else data_dir
    if owner != data_dir and (owner / FILE).exists():
        raise CannotStart(
            f"{data_dir} is a copy of {owner} and both name the database {data}: "
            "remove one of the two, or use another DATA_DIR."
        )
