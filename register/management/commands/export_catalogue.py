"""`manage.py export_catalogue`: writes the handlers that workers have announced, for checks without a database."""

from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser

from register import catalogue_file, inventory
from register.files import replacing


class Command(BaseCommand):
    help = "Write the catalogue of handlers as JSON, for `register_tasks --dry-run --catalogue FILE`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path | None = options["output"]
        handlers = inventory.handlers()
        if output is None:
            self.stdout.ending = ""
            catalogue_file.write(handlers, cast(TextIO, self.stdout))
            return
        try:
            with replacing(output) as out:
                catalogue_file.write(handlers, out)
        except OSError as error:
            raise CommandError(f"{output}: it cannot be written: {error.strerror}.") from None
        self.stderr.write(f"Handlers written to {output}: {len(handlers)}")
