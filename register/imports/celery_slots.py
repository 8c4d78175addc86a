"""When celery beat would fire a crontab: asked of Celery's own class, one slot after another."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import celery
from celery.schedules import ParseException, crontab

# In a repeated hour Celery's sums may come to nothing or less; beat would go on from the next minute.
_LEAST = timedelta(minutes=1)
_TICK = timedelta(microseconds=1)

FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


class UnreadableCrontab(ValueError):
    """Celery itself cannot read it, so that it fires nowhere; the message is Celery's."""


@dataclass(frozen=True, slots=True)
class CelerySlots:
    """The slots of a crontab's five texts, in the order of FIELDS, in a zone: start <= slot < end."""

    texts: tuple[str, ...]
    time_zone: str
    start: datetime | None = None
    end: datetime | None = None
    system: str = "celery"

    def slots(self, *, after: datetime, until: datetime, count: int) -> list[datetime]:
        """Return the next slots."""
        zone = ZoneInfo(self.time_zone)
        schedule: Any = _Asked(zone, **dict(zip(FIELDS, self.texts, strict=True)))
        found: list[datetime] = []
        last = max(after, self.start - _TICK) if self.start else after
        until = min(until, self.end - _TICK) if self.end else until
        while len(found) < count:
            schedule.last = last.astimezone(zone)
            try:
                left = schedule.remaining_estimate(schedule.last)
            except RuntimeError:
                break  # it gives up on dates that are years apart
            last += max(left, _LEAST)
            if last > until:
                break
            found.append(last)
        return found


@lru_cache(maxsize=4096)
def read(texts: tuple[str, ...]) -> dict[str, frozenset[int]]:
    """Return the values of each field of FIELDS as Celery reads it. Raises UnreadableCrontab."""
    try:
        schedule: Any = crontab(**dict(zip(FIELDS, texts, strict=True)), app=_app())
    except (ParseException, ValueError, LookupError, TypeError) as error:
        raise UnreadableCrontab(str(error)) from None
    return {name: frozenset(getattr(schedule, name)) for name in FIELDS}


class _Asked(crontab):
    """A crontab whose clock stands where it has fired last."""

    def __init__(self, zone: ZoneInfo, **fields: str) -> None:
        super().__init__(**fields, app=_app())
        self.tz: Any = zone  # a property of its base, which asks the application
        self.last: Any = None

    def now(self) -> Any:
        return self.last


@lru_cache(maxsize=1)
def _app() -> celery.Celery:
    # One of its own: the platform's must not be asked for zone or clock.
    return celery.Celery("import_beat", set_as_current=False)
