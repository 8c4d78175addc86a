"""`manage.py doctor`: what is wrong with this installation, and what to do; for people and for pipelines."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from platform_scheduler import doctor
from platform_scheduler.doctor import Finding, Level

_MARKS = {Level.OK: "✓", Level.WARNING: "!", Level.ERROR: "✗"}


class Command(BaseCommand):
    help = (
        "Look at the configuration, PostgreSQL, the broker, the nodes and the files; say what to do. The exit status"
        " is 0 where all is well or may be better, 2 where something is wrong, with --strict 1 for a warning."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
        parser.add_argument("--strict", action="store_true", help="a warning is worth an exit status of 1")
        parser.add_argument("--quiet", action="store_true", help="leave out what is as it should be")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine()
        worst = doctor.worst(findings)
        shown = [one for one in findings if one.level or not options["quiet"]]
        self.stdout.write(_as_json(shown, worst) if options["json"] else _as_text(shown, findings))
        status = int(worst) if worst is Level.ERROR or options["strict"] else 0
        if status:
            sys.exit(status)


def _as_json(shown: list[Finding], worst: Level) -> str:
    listed = [
        {"name": one.name, "level": one.level.name, "message": one.message, "remedy": one.remedy or None}
        for one in shown
    ]
    return json.dumps({"status": worst.name, "findings": listed}, indent=1)


def _as_text(shown: list[Finding], findings: list[Finding]) -> str:
    lines = [line for one in shown for line in _lines(one)]
    counts = [sum(one.level is level for one in findings) for level in (Level.ERROR, Level.WARNING)]
    return "\n".join([*lines, f"{len(findings)} things looked at: {counts[0]} wrong, {counts[1]} to be better."])


def _lines(one: Finding) -> list[str]:
    text = f"  {_MARKS[one.level]} {one.name:<36} {one.message}"
    return [text, f"    {'':<36} → {one.remedy}"] if one.remedy else [text]
