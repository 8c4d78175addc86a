"""`manage.py backup`: all rows in one snapshot, compressed, checked; or checks one that was made."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from platform_scheduler.recovery import archive, dump
from platform_scheduler.recovery.errors import RecoveryError
from platform_scheduler.recovery.folder import default_folder
from scheduler import clock

MOST_KEPT = 10_000


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_KEPT:
        raise ArgumentTypeError(f"{text!r} is no number of backups: give 1 to {MOST_KEPT}.")
    return int(text)


class Command(BaseCommand):
    help = (
        "Write a backup of all tasks, history, users and settings into a folder of its own, in one snapshot, while"
        " everything runs; it is read through once before it counts. `restore` brings it back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--to", type=Path, metavar="FOLDER", help="where backups lie (default: BACKUP_DIR, or backups in DATA_DIR)")
        add("--keep", type=_count, metavar="N", help="afterwards remove all but the newest N backups there")
        add("--verify", type=Path, metavar="BACKUP", help="make none: read this one through, and say what it holds")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["verify"] is not None:
                self._verify(options["verify"])
            else:
                self._backup(options["to"] or default_folder(), options["keep"], options["verbosity"])
        except RecoveryError as refusal:
            raise CommandError(str(refusal)) from None
        except (OSError, psycopg.Error) as error:
            raise CommandError(f"No backup was made: {' '.join(str(error).split())}") from None

    def _verify(self, folder: Path) -> None:
        manifest = archive.verify(folder)
        size = f"{manifest.rows:,} rows, {manifest.size_bytes / 1e6:,.3f} MB"
        self.stdout.write(f"{folder} is whole: of {manifest.taken_at}, {len(manifest.tables)} tables, {size}.")

    def _backup(self, folder: Path, keep: int | None, verbosity: int) -> None:
        made = dump.backup(folder, tell=self.stdout.write if verbosity > 1 else _silent)
        self._verify(made)
        if keep is not None:
            self._keep(folder, keep)

    def _keep(self, folder: Path, count: int) -> None:
        try:
            for path in archive.keep(folder, count=count, now=clock.now()):
                self.stdout.write(f"{path} is removed.")
        except OSError as error:
            raise CommandError(f"The backup is made; older ones could not be removed: {error}") from None


def _silent(_line: str) -> None:
    """Say nothing."""
