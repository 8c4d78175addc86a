"""`manage.py export_tasks`: writes tasks into a file that register_tasks reads."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser

from register import export
from register.files import FORMATS, format_of, replacing
from scheduler.representations import Json

DEFAULT_FORMAT = "yaml"


class Command(BaseCommand):
    help = "Write the definitions of tasks, as far as they differ from the defaults; register_tasks reads them back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--namespace", metavar="NS", help="only this one (default: all)")
        parser.add_argument(
            "--format", choices=list(FORMATS), help=f"default: by the ending of FILE, else {DEFAULT_FORMAT}"
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path | None = options["output"]
        name = options["format"] or (format_of(str(output)) if output else None) or DEFAULT_FORMAT
        counted = _Counted(export.records(namespace=options["namespace"]))
        if output is None:
            self._to_standard_output(counted, name)
            return
        try:
            with replacing(output) as out:
                FORMATS[name].write(counted, out)
        except OSError as error:
            raise CommandError(f"{output}: it cannot be written: {error.strerror}.") from None
        self.stderr.write(f"Tasks written to {output}: {counted.count}")

    def _to_standard_output(self, records: "_Counted", format_name: str) -> None:
        self.stdout.ending = ""  # the formats say themselves where a line ends
        try:
            FORMATS[format_name].write(records, cast(TextIO, self.stdout))
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has seen enough (`| head`); Python must not complain again when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Counted:
    """Records, and how many of them have gone by."""

    def __init__(self, records: Iterator[Json]) -> None:
        self._records = records
        self.count = 0

    def __iter__(self) -> Iterator[Json]:
        for record in self._records:
            self.count += 1
            yield record
