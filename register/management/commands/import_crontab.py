"""`manage.py import_crontab`: registers what cron runs."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from register.files import Source
from register.formats.lines import lines
from register.formats.record import UnreadableFile
from register.imports.command import ImportCommand
from register.imports.crontab import entries
from register.imports.crontab_tasks import SHELL_CLASS, USER_MARK, Choices, Converter
from register.imports.item import Read


class Command(ImportCommand):
    help = (
        "Register the entries of crontabs as tasks that run the same commands at the same times. Prints what it would "
        "do and where cron would fire at other times; --apply does it."
    )
    format_name = "crontab"
    afterwards = "cron still runs them, too: comment the lines out there."
    files_help = "`crontab -l > FILE`, or /etc/crontab with --system; `-` is standard input"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add = parser.add_argument
        add("--system", action="store_true", help="a user stands before each command: /etc/crontab, /etc/cron.d/*")
        add("--cwd", metavar="DIR", help="the folder that commands start in, where no HOME= line says one")
        add(
            "--task-class",
            default=SHELL_CLASS,
            metavar="CLASS",
            help=f"the handler (default: {SHELL_CLASS}, whose task data it gets)",
        )
        parser.epilog = f"In --queue, {USER_MARK} stands for the entry's user."

    def begin(self, options: dict[str, Any]) -> Converter:
        return Converter(
            Choices(
                time_zone=options["time_zone"],
                task_class=options["task_class"],
                queue=options["queue"],
                cwd=options["cwd"],
                allows_unknown=options["allow_unknown_task_class"],
            )
        )

    def read(self, source: Source, options: dict[str, Any], run: Converter) -> Iterator[Read]:
        source.stream.seek(0)
        try:
            yield from run.read(entries(lines(source.stream), has_user=options["system"]), file=source.name)
        except UnreadableFile as refusal:
            raise UnreadableFile(f"{source.name}: {refusal}") from None
