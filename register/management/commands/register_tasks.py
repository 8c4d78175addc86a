"""`manage.py register_tasks`: registers the tasks of files."""

import gc
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from register import bulk, catalogue_file, collecting, inventory, ownership, progress
from register.batch import PRUNED, Batch, HasRecords, Wishes, said
from register.catalogue_file import Catalogue
from register.declared import OWNER, Declared
from register.drafting import DEFAULT_NAMESPACE
from register.files import FORMATS, open_source
from register.formats.record import UnreadableFile
from register.offline import VALID, Check
from register.terminal import one_line, stopped
from scheduler import clock
from scheduler.acting import as_command
from scheduler.errors import SchedulerError


class Command(BaseCommand):
    help = "Register the tasks of files: records with the API's field names, in YAML, JSON, NDJSON or CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("files", nargs="*", metavar="FILE", help="`-` is standard input")
        add("--format", choices=list(FORMATS), help="of all files (default: by the ending of each name)")
        add("--mode", choices=bulk.MODES, default=bulk.CREATE, help="upsert changes the task that has the name already")
        add("--namespace", metavar="NS", help="for records that name none (default: default)")
        add("--owner", metavar="LABEL", help="whose files these are: the label registered-by, and owner where missing")
        add("--prune", action="store_true", help="delete what this owner's files registered and no longer name")
        add("--dry-run", action="store_true", help="say what would happen and change nothing")
        add("--atomic", action="store_true", help="all or nothing")
        add("--from-code", action="store_true", help="what handlers declare beside themselves, as workers announced it")
        add(
            "--catalogue",
            type=Path,
            metavar="FILE",
            help="take the handlers from this file (export_catalogue); with --dry-run no database is needed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["from_code"]:
            options["owner"] = options["owner"] or OWNER
        wishes = Wishes(**{name: options[name] for name in Wishes.__dataclass_fields__})
        if wishes.prune and not wishes.owner:
            raise CommandError("--prune deletes what an owner's files registered: say whose with --owner.")
        if not options["files"] and not options["from_code"]:
            raise CommandError("Name a file, or `-` for standard input, or say --from-code.")
        try:
            catalogue = catalogue_file.read(options["catalogue"]) if options["catalogue"] else None
        except UnreadableFile as refusal:
            raise CommandError(str(refusal)) from None
        with as_command(ownership.ACTOR), collecting.seldom(), ExitStack() as open_files:
            self._register(options, wishes, catalogue, open_files)

    def _register(
        self, options: dict[str, Any], wishes: Wishes, catalogue: Catalogue | None, open_files: ExitStack
    ) -> None:
        sources: list[HasRecords]
        sources, total = self._opened(options["files"], options["format"], open_files)
        unread = len(options["files"]) - len(sources)
        if options["from_code"]:
            declared = self._declared(catalogue)
            sources, total = [*sources, declared], total + declared.count()
        if catalogue is not None and wishes.dry_run:
            self._check(sources, wishes, catalogue, unread=unread)
            return
        # What the process has loaded by now stays; looked through again and again, it takes a sixth of the run.
        gc.freeze()
        batch = Batch(wishes=wishes, now=clock.now(), complain=self._complain, tell=self._tell, catalogue=catalogue)
        try:
            if not (wishes.atomic and unread):
                self._run(batch, sources, total=total, is_complete=not unread)
        except UnreadableFile as refusal:
            raise CommandError(str(refusal)) from None
        except (DatabaseError, psycopg.Error, SchedulerError) as error:
            raise CommandError(stopped(error)) from None
        self._summarise(batch.counts, wishes, unread=unread)

    def _declared(self, catalogue: Catalogue | None) -> Declared:
        handlers = catalogue.handlers if catalogue else inventory.handlers()
        if not handlers:
            # With --prune an empty catalogue would delete everything.
            raise CommandError("No handler is in the catalogue: start a worker first, or name another --catalogue.")
        return Declared(handlers)

    def _check(self, sources: list[HasRecords], wishes: Wishes, catalogue: Catalogue, *, unread: int) -> None:
        """Check every record against the catalogue alone."""
        home = wishes.namespace or DEFAULT_NAMESPACE
        check = Check(catalogue=catalogue, home=home, owner=wishes.owner, now=clock.of_machine())
        counts: Counter[str] = Counter()
        try:
            for record in (record for source in sources for record in source.records()):
                result = check.check(record)
                counts[result.outcome] += 1
                for fault in result.faults:
                    self._complain(said(record, fault))
                for line in check.lines_of(result):
                    self._tell(line)
        except UnreadableFile as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"Dry run without a database: {counts[bulk.CREATED]} {VALID}")
        self._fail_where(counts[bulk.FAILED], unread, "")

    def _run(self, batch: Batch, sources: list[HasRecords], *, total: int, is_complete: bool) -> None:
        if batch.wishes.dry_run:
            # The plan is progress enough, and on the same screen it would write across a bar.
            batch.run(sources, is_complete=is_complete)
            return
        with progress.shown("Registering", total=total, stream=sys.stderr, say=self._complain) as (advance, say):
            batch.advance, batch.complain = advance, lambda line: say(one_line(line))
            batch.run(sources, is_complete=is_complete)

    def _opened(self, files: list[str], format_name: str | None, open_files: ExitStack) -> tuple[list[Any], int]:
        """Return the files that can be read to their end, and how many records they hold together."""
        sources, total = [], 0
        for file in files:
            try:
                source = open_source(file, format_name=format_name)
                open_files.callback(source.stream.close)
                total += source.count()
                sources.append(source)
            except UnreadableFile as refusal:
                self._complain(str(refusal))
        return sources, total

    def _complain(self, line: str) -> None:
        self.stderr.write(one_line(line))

    def _tell(self, line: str) -> None:
        self.stdout.write(one_line(line))

    def _summarise(self, counts: Counter[str], wishes: Wishes, *, unread: int) -> None:
        has_failed = bool(counts[bulk.FAILED] or unread)
        if not (wishes.atomic and has_failed):
            outcomes = (bulk.CREATED, bulk.UPDATED, bulk.UNCHANGED, *([PRUNED] if wishes.prune else []))
            words = ", ".join(f"{counts[outcome]} {outcome}" for outcome in outcomes)
            self.stdout.write(("Dry run: " if wishes.dry_run else "") + words)
        nothing = "; nothing was written" if wishes.atomic else "; nothing was pruned" if wishes.prune else ""
        self._fail_where(counts[bulk.FAILED], unread, nothing)

    def _fail_where(self, failed: int, unread: int, nothing: str) -> None:
        if failed or unread:
            words = f"{failed} failed" + (f", {_files(unread)} could not be read" if unread else "")
            raise CommandError(f"{words}{nothing}; the lines above say why.")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
