"""`manage.py drill`: a platform of its own under random load and faults, and what came of it."""

import sys
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

# A layer above this one: it is only ever reached by name.
DRILL = "drill.command"


class Command(BaseCommand):
    help = (
        "Start a throw-away platform, strike it with faults under load, and check its history: slots expected, "
        "recorded, missed, doubled, started twice, largest lateness. Exit status 1 where a promise was broken."
    )
    # There is no database; the drill brings its own.
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--minutes", type=float, default=2.0, metavar="N", help="how long it is loaded and struck (default: 2)"
        )
        parser.add_argument(
            "--seed", type=int, metavar="N", help="of tasks and faults; a random one is drawn and printed"
        )
        parser.add_argument(
            "--faults", default="all", metavar="NAMES", help="names separated by commas, all or none (default: all)"
        )
        parser.add_argument("--tasks", type=int, default=40, metavar="N", help="how many tasks (default: 40)")
        parser.add_argument("--json", metavar="FILE", help="where to write the report as JSON too")
        parser.add_argument(
            "--stress", action="store_true", help="instead of faults: ten times what the workers can do, memory filled,"
            " a service that does not answer; with --minutes, --json, --keep alone"
        )  # fmt: skip
        parser.add_argument("--unprotected", action="store_true", help="under --stress: with protection switched off")
        parser.add_argument("--keep", action="store_true", help="leave logs and data behind")
        parser.add_argument("--list", action="store_true", help="name the faults, and do nothing")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        sys.exit(import_module(DRILL).run(options, say=self._say))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
