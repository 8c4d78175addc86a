"""`com.platform.tasks.CleanupTask`: removes old files under the folders that the deployment allows."""

import math
import os
import stat
from collections.abc import Iterator
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


@handler("com.platform.tasks.CleanupTask", schema=SCHEMA)
def clean_up(data: Data, context: Context) -> dict[str, int]:
    """Remove regular files older than `retentionDays` (by modification time) in batches of `batchSize`.

    Cleans `path`, or every allowed root. Folders stay, links are neither followed nor removed. A path outside the
    allowed roots (setting CLEANUP_ROOTS), also through links or `..`, is refused and nothing is removed.
    """
    before = (context.started_at - timedelta(days=data["retentionDays"])).timestamp()
    batch_size = data.get("batchSize", DEFAULT_BATCH)
    files = size = 0
    for folder in _folders(data.get("path")):
        for freed in _remove_older(folder, before):
            files, size = files + 1, size + freed
            if files % batch_size == 0:
                context.log.info("Removed %d files so far, %d bytes.", files, size)
    return {"deletedFiles": files, "freedBytes": size, "batches": math.ceil(files / batch_size)}


def _folders(path: str | None) -> list[Path]:
    roots = [Path(root).resolve() for root in settings.CLEANUP_ROOTS]
    if path is None:
        return [root for root in roots if root.is_dir()]
    folder = (roots[0] / path if roots else Path(path)).resolve()
    if not any(folder == root or root in folder.parents for root in roots):
        raise PermanentFailure(
            f"{path} is outside the folders that may be cleaned ({', '.join(map(str, roots)) or 'none'}): "
            "name a folder below one of them, or allow it in CLEANUP_ROOTS."
        )
    return [folder] if folder.is_dir() else []


def _remove_older(folder: Path, before: float) -> Iterator[int]:
    """Remove old regular files one by one, yielding the bytes of each.

    Everything goes by the descriptor of the folder being read: os.fwalk enters no link, and a folder that is swapped
    for a link meanwhile is not followed either.
    """
    for _, _, names, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in names:
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_mtime < before:
                    os.unlink(name, dir_fd=descriptor)
                    yield found.st_size
            except FileNotFoundError:
                continue
