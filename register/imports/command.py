"""What the import commands share: their options, and how they say what they found."""

import sys
from abc import ABC, abstractmethod
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from register import bulk, ownership, progress
from register.batch import Batch, Wishes
from register.files import Source, open_source
from register.formats.record import UnreadableFile
from register.imports.complaints import told
from register.imports.findings import Findings
from register.imports.item import Read
from register.imports.run import Import
from register.terminal import one_line, stopped
from scheduler import clock
from scheduler.acting import as_command
from scheduler.engine.schedules import InvalidSchedule, require_zone
from scheduler.errors import SchedulerError

MOST_SLOTS = 1_000
DEFAULT_ZONE = "UTC"
ALLOW_UNKNOWN = "allowUnknownTaskClass"


class ImportCommand(ABC, BaseCommand):
    """A dry run unless told otherwise. A subclass says how its files are read."""

    format_name: str
    has_zones = False  # whether times without a zone are an exception in such files
    afterwards: str
    files_help = "`-` is standard input"

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("files", nargs="+", metavar="FILE", help=self.files_help)
        add("--apply", action="store_true", help="register the tasks; without it nothing is written")
        add("--mode", choices=bulk.MODES, default=bulk.CREATE, help="upsert changes the task that has the name already")
        add("--namespace", metavar="NS", help="where the tasks go (default: default)")
        add("--owner", metavar="LABEL", help="whose tasks these are: the label registered-by, and owner")
        add("--queue", metavar="QUEUE", help="the queue of all tasks (default: default)")
        add("--time-zone", type=_zone, metavar="ZONE", help=f"of times without one (default: {DEFAULT_ZONE})")
        add("--output", type=Path, metavar="FILE", help="write the tasks as YAML for register_tasks, too")
        add("--slots", type=_slots, default=MOST_SLOTS, metavar="N", help=f"compare N (default: {MOST_SLOTS}; 0: none)")
        add(
            "--allow-unknown-task-class",
            action="store_true",
            help="register ahead of the workers that have the handlers",
        )

    @abstractmethod
    def read(self, source: Source, options: dict[str, Any], run: Any) -> Iterator[Read]:
        """Yield the jobs of one file; `run` is what `begin` has returned. Raises UnreadableFile."""

    @abstractmethod
    def begin(self, options: dict[str, Any]) -> Any:
        """Return what the files of one pass share: the names given so far, for instance."""

    def handle(self, *args: Any, **options: Any) -> None:
        if options["time_zone"] is None:
            options["time_zone"] = DEFAULT_ZONE
            if not self.has_zones:
                self.stderr.write(f"Times without a zone are taken to be {DEFAULT_ZONE}; --time-zone says another one.")
        with as_command(ownership.ACTOR), ExitStack() as open_files:
            try:
                self._import(options, open_files)
            except UnreadableFile as refusal:
                raise CommandError(one_line(str(refusal))) from None
            except (DatabaseError, psycopg.Error, SchedulerError) as error:
                raise CommandError(stopped(error)) from None

    def _import(self, options: dict[str, Any], open_files: ExitStack) -> None:
        sources = []
        for file in options["files"]:
            sources.append(source := open_source(file, format_name=self.format_name))
            open_files.callback(source.stream.close)

        def reader() -> Iterator[Read]:
            run = self.begin(options)
            for source in sources:
                yield from self.read(source, options, run)

        now = clock.now()
        importing = Import(reader, Findings(now=now, slots=options["slots"]))
        complaints: list[str] = []
        wishes = Wishes(
            mode=options["mode"],
            namespace=options["namespace"],
            owner=options["owner"],
            dry_run=not options["apply"],
            verbosity=options["verbosity"],
        )
        batch = Batch(wishes=wishes, now=now, complain=complaints.append, tell=self._tell)
        total = importing.count()
        if wishes.dry_run:
            # The plan is progress enough, and on the same screen it would write across a bar.
            importing.register(batch)
        else:
            with progress.shown("Importing", total=total, stream=sys.stderr, say=self._tell) as (batch.advance, _):
                importing.register(batch)
        for line in importing.findings.lines():
            self._tell(line)
        self._write(importing, options["output"])
        self._summarise(batch, importing.findings, complaints)

    def _write(self, importing: Import, path: Path | None) -> None:
        if path is None:
            return
        try:
            count = importing.write(path)
        except OSError as error:
            raise CommandError(f"{path}: it cannot be written: {error.strerror}.") from None
        self._tell("")
        self._tell(f"Tasks written to {path}: {count}")

    def _summarise(self, batch: Batch, findings: Findings, complaints: list[str]) -> None:
        outcomes = (bulk.CREATED, bulk.UPDATED, bulk.UNCHANGED)
        words = ", ".join(f"{batch.counts[outcome]} {outcome}" for outcome in outcomes)
        words += f", {len(findings.left_out)} left out" if findings.left_out else ""
        self._tell("")
        if complaints:
            self.stderr.write("Not carried over:")
        for line in told(one_line(complaint) for complaint in complaints):
            self.stderr.write(f"  {line}")
        if any(ALLOW_UNKNOWN in complaint for complaint in complaints):
            self.stderr.write("  --allow-unknown-task-class sets it for all; or start workers that have the class.")
        self._tell(f"Dry run: {words}. Nothing was written; --apply does." if batch.wishes.dry_run else words)
        if not batch.wishes.dry_run and batch.counts[bulk.CREATED]:
            self._tell(self.afterwards)
        if failed := batch.counts[bulk.FAILED]:
            raise CommandError(f"{failed} could not be carried over; the lines above say why.")

    def _tell(self, line: str) -> None:
        self.stdout.write(one_line(line))


def _zone(text: str) -> str:
    try:
        require_zone(text)
    except InvalidSchedule as refusal:
        raise ArgumentTypeError(str(refusal)) from None
    return text


def _slots(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_SLOTS:
        raise ArgumentTypeError(f"{text!r} is not 0 to {MOST_SLOTS}.")
    return int(text)
