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
        parser.add_argument("--minutes", type=float, default=2.0, help="how long it is loaded and struck (2)")
        parser.add_argument("--seed", type=int, help="of tasks and faults; a random one is drawn and printed")
        parser.add_argument("--faults", default="all", help="names separated by commas, all (default) or none")
        parser.add_argument("--tasks", type=int, default=40, help="how many tasks (40)")
        parser.add_argument("--json", metavar="FILE", help="where to write the report as JSON too")
        parser.add_argument("--keep", action="store_true", help="leave logs and data behind")
        parser.add_argument("--list", action="store_true", help="name the faults, and do nothing")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        sys.exit(import_module(DRILL).run(options, say=self._say))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
