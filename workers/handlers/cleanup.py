"""`com.platform.tasks.CleanupTask`: removes old files under the folders that the deployment allows."""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from workers.context import Context
from workers.errors import PermanentFailure
from workers.registry import Data, handler

SCHEMA = {
    "type": "object",
    "properties": {
        "retentionDays": {"type": "number", "minimum": 0, "maximum": 36_500, "description": "Older files go."},
        "batchSize": {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 1000},
        "path": {"type": "string", "minLength": 1, "maxLength": 4096, "description": "A folder under an allowed root."},
    },
    "required": ["retentionDays"],
    "additionalProperties": False,
}
DEFAULT_BATCH = 1_000

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


@handler("com.platform.tasks.CleanupTask", schema=SCHEMA, fills_templates=True)
def clean_up(data: Data, context: Context) -> dict[str, int]:
    """Remove regular files older than `retentionDays` (by modification time) in batches of `batchSize`.

    Cleans `path`, or every allowed root. Folders stay, links are neither followed nor removed. A path outside the
    allowed roots (setting CLEANUP_ROOTS), also through links or `..`, is refused and nothing is removed.
    """
    before = (context.started_at - timedelta(days=data["retentionDays"])).timestamp()
    batch_size = data.get("batchSize", DEFAULT_BATCH)
    files = size = 0
    for root, below in _folders(data.get("path")):
        with _opened(root, below) as folder:
            for freed in _remove_older(folder, before):
                files, size = files + 1, size + freed
                if files % batch_size == 0:
                    context.log.info("Removed %d files so far, %d bytes.", files, size)
    return {"deletedFiles": files, "freedBytes": size, "batches": math.ceil(files / batch_size)}


def _folders(path: str | None) -> list[tuple[Path, Path]]:
    """Return what to clean, each as an allowed root and a path below it; what is not there needs no cleaning."""
    roots = [Path(root).resolve() for root in settings.CLEANUP_ROOTS]
    if path is None:
        return [(root, Path()) for root in roots if root.is_dir()]
    try:
        folder = (roots[0] / path if roots else Path(path)).resolve()
        is_there = folder.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise PermanentFailure(f"{path!r} is no path: {error}") from error
    for root in roots:
        if folder.is_relative_to(root):
            return [(root, folder.relative_to(root))] if is_there else []
    raise PermanentFailure(
        f"{path} is outside the folders that may be cleaned ({', '.join(map(str, roots)) or 'none'}): "
        "name a folder below one of them, or allow it in CLEANUP_ROOTS."
    )


@contextmanager
def _opened(root: Path, below: Path) -> Iterator[int]:
    """Yield a descriptor of the folder `below` an allowed root, found step by step and never through a link.

    Its path was free of links when it was looked at; whoever may write in the root can put one there since.
    """
    descriptor = os.open(root, _FOLDER)
    try:
        for part in below.parts:
            outer, descriptor = descriptor, os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(outer)
        yield descriptor
    except NotADirectoryError as error:
        raise PermanentFailure(f"{root / below} has become a link, or is no folder any more.") from error
    finally:
        os.close(descriptor)


def _remove_older(folder: int, before: float) -> Iterator[int]:
    """Remove old regular files one by one, yielding the bytes of each.

    Everything goes by the descriptor of the folder being read: os.fwalk enters no link, and a folder that is swapped
    for a link meanwhile is not followed either.
    """
    for _, _, names, descriptor in os.fwalk(".", follow_symlinks=False, dir_fd=folder):
        for name in names:
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_mtime < before:
                    os.unlink(name, dir_fd=descriptor)
                    yield found.st_size
            except FileNotFoundError:
                continue
