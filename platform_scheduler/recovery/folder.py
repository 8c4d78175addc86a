"""Where backups lie unless somebody says otherwise."""

from pathlib import Path

from django.conf import settings


def default_folder() -> Path:
    """Return BACKUP_DIR, or the folder `backups` in DATA_DIR."""
    folder: Path | None = settings.BACKUP_DIR
    return folder if folder is not None else Path(settings.DATA_DIR) / "backups"
