"""Files: whether this process can write where it has to, and nobody else reads what is secret."""

import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from platform_scheduler.doctor.finding import Finding, error, ok, warning
from platform_scheduler.embedded.layout import Layout
from platform_scheduler.recovery import archive
from platform_scheduler.recovery.errors import BackupDamaged
from platform_scheduler.recovery.folder import default_folder
from scheduler import clock
from scheduler.engine.schedules.instants import told

BACKUP_OLD: Final = timedelta(days=2)
SHOWN: Final = 5


def check() -> Iterator[Finding]:
    """Look at DATA_DIR, what is secret in it, the secrets of tasks, and the newest backup."""
    yield _data_dir(Path(settings.DATA_DIR))
    yield _private(Path(settings.DATA_DIR))
    yield _backup(default_folder())


def _data_dir(folder: Path) -> Finding:
    nearest = next(path for path in (folder, *folder.absolute().parents) if _is_there(path))
    if not os.access(nearest, os.W_OK | os.X_OK):
        return error(
            "files.data_dir",
            f"DATA_DIR {folder} cannot be written by this user.",
            "Give it to this user, or set another.",
        )
    return ok("files.data_dir", f"DATA_DIR {folder} can be written.")


def _private(data_dir: Path) -> Finding:
    layout = Layout(data_dir)
    files = [layout.login_file, layout.token_file, layout.environment_file, data_dir / "state.json"]
    if settings.SECRETS_DIR:
        files += _files_in(Path(settings.SECRETS_DIR))
    open_ones = [path for path in files if _is_open(path)]
    if open_ones:
        shown = ", ".join(map(str, open_ones[:SHOWN]))
        return error("files.private", f"Everybody on this machine can read: {shown}.", "chmod o-rwx, and change them.")
    return ok("files.private", "Nobody else can read what is secret.")


def _files_in(folder: Path) -> list[Path]:
    """Return the files of a folder; none where it is not there, or closed to this user."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []


def _is_there(path: Path) -> bool:
    """Tell whether it is there; what lies in a folder that is closed to this user may be."""
    try:
        return path.exists()
    except PermissionError:
        return True


def _is_open(path: Path) -> bool:
    """Tell whether everybody can read or write the file; what is closed to this user is closed to others."""
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False


def _backup(folder: Path) -> Finding:
    name = "files.backup"
    remedy = "Run manage.py backup --keep 7 each day, and copy it to another machine (docs/operations.md)."
    try:
        backups = archive.whole(folder)
        if not backups:
            return warning(name, f"There is no backup in {folder}.", remedy)
        taken_at = datetime.fromisoformat(archive.read_manifest(backups[-1]).taken_at)
    except (OSError, BackupDamaged) as trouble:
        return warning(name, f"The newest backup cannot be read: {trouble}", remedy)
    age = clock.of_machine() - taken_at
    if age > BACKUP_OLD:
        return warning(name, f"The newest backup in {folder} is {age.days} days old.", remedy)
    return ok(name, f"The newest backup is of {told(taken_at)}.")
