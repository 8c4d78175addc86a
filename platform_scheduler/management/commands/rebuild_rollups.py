"""`manage.py rebuild_rollups`: counts history anew, hour by hour, where roll-ups are missing or wrong."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler import clock
from scheduler.connections import current
from scheduler.errors import HistoryRemoved
from scheduler.rebuild import HOUR, rebuild

DAY = "a day such as 2030-01-31, or an instant such as 2030-01-31T06:00:00Z"


class Command(BaseCommand):
    help = "Count history anew into the roll-ups, hour by hour; stopped in between, it leaves whole hours."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--from", dest="begin", metavar="WHEN", help=f"first hour: {DAY} (default: the first that is kept)")
        add(
            "--to", dest="end", metavar="WHEN", help="end, itself excluded (default: now, with the hour that has begun)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        begin = _instant(options["begin"], name="--from")
        end = _instant(options["end"], name="--to") or clock.now() + HOUR
        # An hour of a large installation takes longer than a statement elsewhere may.
        connection = current()
        connection.execute("SET statement_timeout = 0")
        count = 0
        try:
            for hour in rebuild(connection, begin=begin, end=end):
                count += 1
                if options["verbosity"] > 1:
                    self.stdout.write(f"{hour:%Y-%m-%dT%H:%MZ}")
        except HistoryRemoved as refusal:
            raise CommandError(f"--from: {refusal} Give an instant from then on.") from None
        finally:
            connection.execute("RESET statement_timeout")
        self.stdout.write(f"{count} hours counted anew.")


def _instant(text: str | None, *, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day, time.min, tzinfo=UTC)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise CommandError(f"{name}: {text[:50]!r} is neither {DAY}.")
    return instant.astimezone(UTC)
