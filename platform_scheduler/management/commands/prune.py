"""`manage.py prune`: removes old history now, or says what would go."""

from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from scheduler import clock, namespace_retention, retention
from scheduler.connections import current
from scheduler.retention import Limits, Sized

GIGABYTE = 10**9
LEAST_DAYS = 10


def _days(text: str) -> int:
    if not text.isdecimal() or not LEAST_DAYS <= int(text) <= 36_500:
        raise ArgumentTypeError(f"{text!r} is no number of days: give {LEAST_DAYS} to 36500.")
    return int(text)


def _gigabytes(text: str) -> int:
    try:
        size = float(text)
    except ValueError:
        size = -1.0
    if not 0 <= size <= 10**9:
        raise ArgumentTypeError(f"{text!r} is no size: give gigabytes, as in 20 or 0.5.")
    return int(size * GIGABYTE)


class Command(BaseCommand):
    help = (
        "Remove whole days of history, the oldest first: those before --keep-days, and what makes it larger than"
        " --max-gb; then what namespaces keep for less (retentionDays). Open executions stay, a whole day with them."
        " Claims go on meanwhile; so do the chores, by the settings."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keep-days", type=_days, metavar="DAYS", help="default: HISTORY_KEPT_DAYS")
        parser.add_argument("--max-gb", type=_gigabytes, metavar="GB", help="default: HISTORY_MAX_GB")
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        days, size = options["keep_days"], options["max_gb"]
        limits = Limits(
            settings.HISTORY_KEPT_DAYS if days is None else days, settings.HISTORY_MAX_BYTES if size is None else size
        )
        remove = retention.removable if options["dry_run"] else retention.prune
        now = clock.now()
        gone = remove(current(), limits, now=now)
        for one in gone:
            self.stdout.write(_line(one))
        verb = "would go" if options["dry_run"] else "removed"
        self.stdout.write(f"{len(gone)} partitions {verb}, {sum(one.size_bytes for one in gone) / GIGABYTE:.3f} GB.")
        for namespace, count in _of_namespaces(now, is_dry_run=options["dry_run"]).items():
            self.stdout.write(f"{namespace}: {count:,} executions {verb}, by its retentionDays.")


def _of_namespaces(now: datetime, *, is_dry_run: bool) -> dict[str, int]:
    if is_dry_run:
        return namespace_retention.removable(current(), now=now)
    return namespace_retention.prune(current(), now=now, seconds=None)


def _line(one: Sized) -> str:
    return f"{one.partition.name:<40}{one.size_bytes / GIGABYTE:>10.3f} GB"
