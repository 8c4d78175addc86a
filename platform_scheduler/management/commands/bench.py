"""`manage.py bench`: measure the platform on this machine."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from platform_scheduler.embedded.errors import CannotStart

# By name, for nothing may stand on the measurements; a test resolves it.
RUN = "bench.run.run"
LISTED = "bench.run.listed"
CASES = "bench.cases.CASES"
SEED = "bench.seeding.run"
SEEDING = "seed-history"
INTERRUPTED = 130


class Command(BaseCommand):
    help = "Measure cases on throw-away servers: medians, CPU per 1,000 items, lateness; beside each its aim."
    # Its own settings name no server; those that are measured on are started later.
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("cases", nargs="*", metavar="CASE", help="see --list; `all` is each of them; or seed-history")
        add("--list", action="store_true", help="list the cases with their aims")
        add("--repeat", type=int, metavar="N", help="measure so many times (default: 5; what takes minutes, once)")
        add("--json", metavar="FILE", help="write the figures there as well, each repetition's")
        add("--quick", action="store_true", help="small sizes: to see that a case works, not to judge")
        add("--here", action="store_true", help="on DATABASE_URL and REDIS_URL, in databases of its own there")
        add("--no-fsync", action="store_true", help="let the throw-away servers not wait for the disk")
        add("--firings", type=int, metavar="N", help="of the case endurance (default: 5,000,000)")
        add("--tasks", type=int, metavar="N", help="of simulation (default: 10,000,000) and seed-history (100,000)")
        add("--executions", type=int, metavar="N", help="of seed-history, about (default: 10,000,000)")
        database = "what seed-history fills, where it is empty; query measures on, may be given several times"
        add("--database", action="append", metavar="URL", help=database)
        add("--seed", type=int, default=1, metavar="N", help="of simulation and seed-history: the same for the same")
        add("--peer", choices=["beat"], help="in the case burst also measure django-celery-beat's own scheduler")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        if options["list"]:
            self.stdout.write("\n".join(import_string(LISTED)()))
            return
        is_seeding = options["cases"] == [SEEDING]
        options["cases"] = [] if is_seeding else _chosen(options["cases"])
        _require_positive(options, "repeat", "firings", "tasks", "executions")
        _require_writable(options["json"])
        try:
            if is_seeding:
                import_string(SEED)(options, say=self.stdout.write)
            else:
                import_string(RUN)(options, say=self.stdout.write, tell=self.stderr.write)
        except CannotStart as refusal:
            raise CommandError(str(refusal)) from None
        except KeyboardInterrupt:
            self.stderr.write("Stopped; nothing is left behind.")
            sys.exit(INTERRUPTED)


def _chosen(names: list[str]) -> list[str]:
    known = list(import_string(CASES))
    if names == ["all"]:
        return known
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        wrong = f"There is no case {', '.join(unknown)}" if unknown else "Name a case"
        raise CommandError(f"{wrong}: {', '.join(known)}, or all.")
    return names


def _require_writable(file: str | None) -> None:
    """Refuse before the minutes that it takes to have something to write."""
    if file is None:
        return
    try:
        Path(file).open("a").close()
    except OSError as error:
        raise CommandError(f"--json {file} cannot be written: {error.strerror}.") from None


def _require_positive(options: dict[str, Any], *names: str) -> None:
    for name in names:
        if options[name] is not None and options[name] < 1:
            raise CommandError(f"--{name} must be 1 or more.")
