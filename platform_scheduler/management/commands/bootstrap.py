"""`manage.py bootstrap`: bring the database up to date, make the first login and the first API token."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from platform_scheduler.embedded.layout import Layout
from platform_scheduler.embedded.private_files import write_private
from register.access import create_token
from scheduler.acting import as_command
from scheduler.clock import now
from scheduler.models.choices import Role
from scheduler.tokens import authenticate

LOCK = 0x626F6F74  # any number that no other advisory lock of the project has
ADMIN = "admin"
PASSWORD_BYTES = 12
# What the list of tokens shows of it.
TOKEN_NAME = "admin-token of `up`"  # noqa: S105 # nosec B105


class Command(BaseCommand):
    help = (
        "Migrate, and write a working admin login and API token into DATA_DIR; harmless when repeated with the same"
        " one. Another DATA_DIR gets another password of the same admin, and another token."
    )

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        layout = Layout(Path(settings.DATA_DIR))
        layout.data_dir.mkdir(parents=True, exist_ok=True)
        with alone(), as_command("bootstrap"):
            call_command("migrate", interactive=False, verbosity=0)
            ensure_login(layout.login_file)
            ensure_token(layout.token_file, now=now())


@contextmanager
def alone() -> Iterator[None]:
    """Let one bootstrap at a time work on a database: two migrations side by side break each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def ensure_login(file: Path) -> None:
    """Have an `admin` whose password is in the file; one that was changed in the dashboard stays as it is."""
    if file.exists() and User.objects.filter(username=ADMIN).exists():
        return
    password = secrets.token_hex(PASSWORD_BYTES)
    admin, _ = User.objects.get_or_create(username=ADMIN, defaults={"is_staff": True, "is_superuser": True})
    admin.set_password(password)
    admin.save(update_fields=["password"])
    # Last: a password that is written down but was never set would look like one that had been changed.
    write_private(file, f"{ADMIN} {password}\n")


def ensure_token(file: Path, *, now: datetime) -> None:
    """Have a token in the file that lets an admin in."""
    known = file.read_text().strip() if file.exists() else ""
    if known and authenticate(known, now):
        return
    _, secret = create_token(TOKEN_NAME, role=Role.ADMIN, namespace=None, expires_at=None, now=now)
    write_private(file, f"{secret}\n")
