"""The doctor: looks at an installation from outside and says what is wrong with it, and what to do."""

from collections.abc import Callable, Iterator
from typing import Final

import psycopg
from django.db import Error

from platform_scheduler.doctor import broker, configuration, database, files, platform
from platform_scheduler.doctor.finding import Finding, Level, error

__all__ = ["CHECKS", "Finding", "Level", "examine", "worst"]

Check = Callable[[], Iterator[Finding]]

CHECKS: Final[dict[str, Check]] = {
    "configuration": configuration.check,
    "database": database.check,
    "broker": broker.check,
    "platform": platform.check,
    "files": files.check,
}
_NEEDS_DATABASE: Final = frozenset({"database", "platform"})


def examine() -> list[Finding]:
    """Return everything that was looked at, in order; what cannot be looked at is an error of its own."""
    found: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            found += check()
        except (Error, psycopg.Error) as trouble:
            if name not in _NEEDS_DATABASE:
                raise
            if any(one.name == "database.reachable" for one in found):
                continue
            said = " ".join(str(trouble).split())[:300]
            found.append(
                error("database.reachable", f"PostgreSQL does not answer: {said}", "See DATABASE_URL, and its server.")
            )
    return found


def worst(findings: list[Finding]) -> Level:
    """Return the worst level among findings."""
    return max((one.level for one in findings), default=Level.OK)
