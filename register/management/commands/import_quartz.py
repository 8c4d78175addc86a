"""`manage.py import_quartz`: registers the jobs and triggers of Quartz's XML files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from register.files import Source
from register.formats.record import UnreadableFile
from register.imports.command import ImportCommand
from register.imports.item import Read
from register.imports.quartz import GROUP_LABEL, Choices, read
from register.imports.quartz_xml import Element, elements


class Command(ImportCommand):
    help = (
        "Register the triggers of Quartz's job_scheduling_data files (2.0) as tasks. Prints what it would do and where "
        "Quartz would fire at other times; --apply does it."
    )
    format_name = "xml"
    afterwards = "Quartz still fires them, too: unschedule its jobs."
    files_help = "job_scheduling_data XML; `-` is standard input"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add = parser.add_argument
        add(
            "--class-map",
            type=Path,
            metavar="FILE",
            help='JSON of job-class to taskClass, {"com.acme.Close": "acme.close"}; a class without one keeps its name',
        )
        add(
            "--groups-as-namespaces",
            action="store_true",
            help=f"job groups become namespaces (default: the label {GROUP_LABEL}, and part of the name)",
        )

    def begin(self, options: dict[str, Any]) -> Choices:
        return Choices(
            time_zone=options["time_zone"],
            classes=_classes(options["class_map"]),
            groups_are_namespaces=options["groups_as_namespaces"],
            allows_unknown=options["allow_unknown_task_class"],
            queue=options["queue"],
        )

    def read(self, source: Source, options: dict[str, Any], run: Choices) -> Iterator[Read]:
        def again() -> Iterator[Element]:
            try:
                yield from elements(source.stream)
            except UnreadableFile as refusal:
                raise UnreadableFile(f"{source.name}: {refusal}") from None

        yield from read(again, run, file=source.name)


def _classes(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path}: it cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{path}: it is not JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise CommandError(f'{path}: it must be an object of texts, {{"com.acme.Close": "acme.close"}}.')
    return found
