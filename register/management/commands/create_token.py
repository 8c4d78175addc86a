"""`manage.py create_token`: makes an API token and prints its secret, once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from register.access import LONGEST_DAYS, create_token
from scheduler import clock
from scheduler.acting import as_command
from scheduler.engine.schedules.instants import told
from scheduler.models.choices import Role


class Command(BaseCommand):
    help = "Make an API token. Its secret goes to standard output and is not kept: only its hash is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="who or what uses it; shown as a task's createdBy")
        parser.add_argument(
            "--role", required=True, choices=Role.values, help="what it may do: each role what those before it may"
        )
        parser.add_argument(
            "--namespace", metavar="NS", help="the only namespace it may see (default: every namespace)"
        )
        parser.add_argument("--expires-in", type=int, metavar="DAYS", help="days until it expires (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        days: int | None = options["expires_in"]
        if days is not None and not 0 < days <= LONGEST_DAYS:
            raise CommandError(f"--expires-in takes 1 to {LONGEST_DAYS} days.")
        try:
            with as_command("create_token"):
                token, secret = create_token(
                    options["name"],
                    role=options["role"],
                    namespace=options["namespace"],
                    expires_at=now + timedelta(days=days) if days else None,
                    now=now,
                )
        except ValueError as refusal:
            raise CommandError(str(refusal)) from None
        place = token.namespace or "every namespace"
        until = told(token.expires_at) if token.expires_at else "it is revoked"
        self.stderr.write(
            f"Token {token.name!r}: {token.role} of {place} until {until}. Its secret is shown this once:"
        )
        self.stdout.write(secret)
