"""`manage.py register_tasks`: registers the tasks of files."""

from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from register import bulk
from register.files import Record, UnreadableFile, read_records
from scheduler import clock

ACTOR = "register_tasks"


class Command(BaseCommand):
    help = "Register the tasks of YAML or JSON files: a list of records with the API's field names."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--mode", choices=bulk.MODES, default="create", help="upsert changes the task that has the name already"
        )
        parser.add_argument("--namespace", metavar="NS", help="for records that name none (default: default)")
        parser.add_argument("--owner", metavar="LABEL", help="for records that name none")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        counts: Counter[str] = Counter()
        for file in options["files"]:
            try:
                for record in read_records(file):
                    counts[self._register(record, options)] += 1
            except UnreadableFile as refusal:
                self.stderr.write(str(refusal))
                counts["unreadable"] += 1
        self._summarise(counts, dry_run=options["dry_run"])

    def _register(self, record: Record, options: dict[str, Any]) -> str:
        fields = record.fields
        if isinstance(fields, dict) and options["owner"] is not None:
            fields = {"owner": options["owner"]} | fields
        result = bulk.register(
            fields,
            mode=options["mode"],
            actor=ACTOR,
            namespace=options["namespace"],
            now=clock.now(),
            dry_run=options["dry_run"],
        )
        for fault in result.faults:
            field = f".{fault.field}" if fault.field else ""
            self.stderr.write(f"{record.place}{field}: {fault.message}")
        return result.outcome

    def _summarise(self, counts: Counter[str], *, dry_run: bool) -> None:
        words = [f"{counts[outcome]} {outcome}" for outcome in (bulk.CREATED, bulk.UPDATED, bulk.UNCHANGED)]
        self.stdout.write(("Dry run: " if dry_run else "") + ", ".join(words))
        if counts[bulk.FAILED] or counts["unreadable"]:
            unread = f", {counts['unreadable']} files could not be read" if counts["unreadable"] else ""
            raise CommandError(f"{counts[bulk.FAILED]} failed{unread}; the lines above say why.")
