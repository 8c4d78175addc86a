"""`manage.py up`: start everything, and stay in the foreground until Ctrl-C."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from platform_scheduler.embedded import up
from platform_scheduler.embedded.options import add_arguments


class Command(BaseCommand):
    help = "Start the embedded servers, web, scheduler and worker, until Ctrl-C."
    # There is no database yet that could be checked.
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        sys.exit(up.run(options))
