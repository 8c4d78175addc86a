"""`manage.py restore`: shows what bringing a backup back would do, and does it where told to."""

from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from platform_scheduler.recovery import load
from platform_scheduler.recovery.archive import Manifest
from platform_scheduler.recovery.errors import RecoveryError
from platform_scheduler.recovery.outlook import TASKS_SHOWN, Due, Outlook
from scheduler.engine.schedules.instants import told

_WHAT = {
    "FIRE_ONCE": "the latest missed slot of each runs at once, the others are skipped",
    "FIRE_ALL": "the newest missed slots of each run, up to its catchUpLimit, the others are skipped",
    "SKIP": "missed slots are skipped; those inside the grace run",
}


class Command(BaseCommand):
    help = (
        "Bring a backup back into a database that is migrated, empty and still. Without --apply it changes nothing and"
        " says what would happen, also to the slots between the backup and now."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("backup", type=Path, help="the folder that `backup` has made")
        add("--apply", action="store_true", help="do it")
        add("--overwrite", action="store_true", help="also where there are tasks or history, which are lost then")
        add(
            "--slots", choices=("policy", "skip"), default="policy",
            help="those between the backup and now: each task's misfirePolicy decides (policy, the default), or none"
            " of them runs (skip)",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        folder, overwrite, skips = options["backup"], options["overwrite"], options["slots"] == "skip"
        try:
            manifest, coming = load.look(folder, overwrite=overwrite)
            self._show(manifest, coming, skips=skips)
            if not options["apply"]:
                self.stdout.write("Nothing is changed. Say --apply to do it.")
                return
            tell = self.stdout.write if options["verbosity"] > 1 else _silent
            load.restore(folder, overwrite=overwrite, skips=skips, tell=tell)
        except RecoveryError as refusal:
            raise CommandError(str(refusal)) from None
        except (OSError, psycopg.Error) as error:
            raise CommandError(f"Nothing is changed: {' '.join(str(error).split())}") from None
        self.stdout.write(
            f"Restored: {manifest.rows:,} rows in {len(manifest.tables)} tables, as of {manifest.taken_at}."
        )
        try:
            load.analyze(manifest)
        except psycopg.Error as error:
            self.stderr.write(
                f"Only its statistics are missing ({' '.join(str(error).split())}): run ANALYZE in the database."
            )

    def _show(self, manifest: Manifest, coming: Outlook, *, skips: bool) -> None:
        self.stdout.write(
            f"Backup of {manifest.taken_at}: {manifest.rows:,} rows in {len(manifest.tables)} tables. What was written"
            " since then is not in it."
        )
        if manifest.open_executions:
            counts = ", ".join(f"{count:,} {status}" for status, count in sorted(manifest.open_executions.items()))
            self.stdout.write(
                f"Open then: {counts}. What was QUEUED or SCHEDULED runs, whether or not it ran since; what was RUNNING"
                " becomes LOST, and is tried again as its task says."
            )
        self.stdout.write(f"{coming.task_count:,} active tasks had slots between the backup and now:")
        if skips:
            self.stdout.write("  none of these slots runs (--slots skip); each task goes on with its next one.")
            return
        for policy, count in sorted(coming.tasks.items()):
            fires = coming.fires[policy]
            self.stdout.write(f"  {count:>9,} {policy:<10}{fires:>9,} executions at once: {_WHAT[policy]}")
        for name, one in coming.shown:
            self.stdout.write(f"    {_line(name, one)}")
        if coming.task_count > TASKS_SHOWN:
            self.stdout.write(f"    … and {coming.task_count - TASKS_SHOWN:,} more")


def _line(name: str, one: Due) -> str:
    more = ", and more after them" if one.goes_on else ""
    others = "; others are skipped" if one.leaves_out else ""
    return f"{name}: due since {told(one.since)}, {one.fires} run at once{more}{others}"


def _silent(_line: str) -> None:
    """Say nothing."""
