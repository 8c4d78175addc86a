"""`manage.py import_beat`: registers what celery beat sends, from the tables of django-celery-beat."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from register.files import Source
from register.imports.beat import CELERY_CLASS, Choices, read
from register.imports.command import ImportCommand
from register.imports.item import Read
from scheduler import clock


class Command(ImportCommand):
    help = (
        "Register the periodic tasks of django-celery-beat as tasks that send the same Celery tasks at the same times. "
        "Prints what it would do and where celery would fire at other times; --apply does it."
    )
    format_name = "json"
    has_zones = True
    afterwards = "celery beat still sends them, too: disable its periodic tasks."
    files_help = "of `manage.py dumpdata django_celery_beat`; `-` is standard input"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--target",
            required=True,
            metavar="NAME",
            help=f"the Celery application: its name in the workers' CELERY_TARGETS, for {CELERY_CLASS}",
        )

    def begin(self, options: dict[str, Any]) -> Choices:
        return Choices(
            target=options["target"],
            now=clock.now(),
            time_zone=options["time_zone"],
            allows_unknown=options["allow_unknown_task_class"],
            queue=options["queue"],
        )

    def read(self, source: Source, options: dict[str, Any], run: Choices) -> Iterator[Read]:
        yield from read(source.records, run, file=source.name)
