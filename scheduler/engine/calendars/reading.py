"""Reading of JSON values one by one, so that all faults of a document are told at once, each with its path."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, TypeVar

from scheduler.engine.calendars.errors import Code, Fault
from scheduler.engine.calendars.regions import unknown_country
from scheduler.engine.calendars.rules import YearDay
from scheduler.engine.schedules.errors import InvalidSchedule
from scheduler.engine.schedules.fields import FIRST_YEAR, LAST_YEAR
from scheduler.engine.schedules.instants import DAY, HOUR, MINUTE
from scheduler.engine.schedules.wallclock import require_zone
from scheduler.engine.suggestions import strangers

Value = TypeVar("Value")

WEEKDAY_NAMES: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR_DAY: Final = re.compile(r"[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"(?P<hour>[0-9]{2}):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?")
_LEAP_YEAR: Final = 2000


class BadValue(ValueError):
    """A value cannot be used; the message says why and what to write instead."""


class Reader:
    """Collect the faults of one document."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def mapping(
        self, given: object, path: str, *, known: tuple[str, ...], required: tuple[str, ...] = ()
    ) -> Mapping[str, object]:
        """Return an object of JSON; keep a fault for what is none, for unknown names and for missing ones."""
        if not isinstance(given, Mapping):
            self._keep(path, "invalid", f"This must be an object with {', '.join(known)}.")
            return {}
        for name, hint in strangers(map(str, given), known):
            meant = hint or f" Use {', '.join(known)}."
            self._keep(_under(path, name[:50]), "unknown", f"This name is not known.{meant}")
        for name in required:
            if name not in given:
                self._keep(_under(path, name), "required", "This is missing.")
        return given

    def items(self, given: object, path: str, limit: int, read: Callable[[object, str], Value | None]) -> list[Value]:
        """Return the items of a list that could be read; keep a fault for no list and for too many items."""
        if not isinstance(given, list | tuple):
            self._keep(path, "invalid", "This must be a list.")
            return []
        if len(given) > limit:
            self._keep(path, "invalid", f"There are {len(given)} items; use at most {limit}.")
            return []
        values = [read(item, f"{path}[{number}]") for number, item in enumerate(given)]
        return [value for value in values if value is not None]

    def value(self, given: object, path: str, convert: Callable[[object], Value]) -> Value | None:
        """Return a converted value, or keep the fault and return None."""
        try:
            return convert(given)
        except BadValue as fault:
            self._keep(path, "invalid", str(fault))
            return None

    def holds(self, check: Callable[[Value], None], value: Value, path: str) -> bool:
        """Return whether a check passes, or keep its fault."""
        try:
            check(value)
        except BadValue as fault:
            self._keep(path, "invalid", str(fault))
            return False
        return True

    def _keep(self, path: str, code: Code, message: str) -> None:
        self.faults.append(Fault(path, code, message))


def as_text(given: object) -> str:
    """Return a text; raises BadValue."""
    if not isinstance(given, str):
        raise BadValue("This must be a text.")
    return given


def as_zone(given: object) -> str:
    """Return the name of an IANA zone; raises BadValue."""
    text = as_text(given)
    try:
        require_zone(text)
    except InvalidSchedule as refused:
        raise BadValue(refused.message) from None
    return text


def as_country(given: object) -> str:
    """Return the code of a country whose holidays are known; raises BadValue."""
    text = as_text(given)
    if fault := unknown_country(text):
        raise BadValue(fault)
    return text


def as_weekday(given: object) -> int:
    """Return the number of a weekday given by name, Monday being 0; raises BadValue."""
    if isinstance(given, int):
        # Quartz counts from Sunday = 1, Unix from Sunday = 0, ISO from Monday = 1: a number would be a guess.
        raise BadValue("Write the weekday's name, MON to SUN.")
    text = as_text(given).upper()
    if text not in WEEKDAY_NAMES:
        raise BadValue(f"{given!r:.60} is not a weekday.{_meant_weekday(text)} Use MON to SUN.")
    return WEEKDAY_NAMES.index(text)


def as_date(given: object) -> date:
    """Return a date written as 2026-12-24, of the years that schedules reach; raises BadValue."""
    text = as_text(given)
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise BadValue(f"{text[:50]!r} is not a date; write it as 2026-12-24.")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise BadValue(f"{text} is out of range; use years {FIRST_YEAR} to {LAST_YEAR}.")
    return day


def as_year_day(given: object) -> YearDay:
    """Return a month and day written as 12-24; raises BadValue."""
    text = as_text(given)
    try:
        day = date.fromisoformat(f"{_LEAP_YEAR}-{text}") if _YEAR_DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise BadValue(f"{text[:50]!r} is not a day of the year; write month and day as 12-24.")
    return day.month, day.day


def as_time(given: object) -> int:
    """Return a time of day, written as 08:30, 08:30:15 or 24:00, in seconds since midnight; raises BadValue."""
    text = as_text(given)
    match = _TIME.fullmatch(text)
    seconds = int(match["hour"]) * HOUR + int(match["minute"]) * MINUTE + int(match["second"] or 0) if match else -1
    if not 0 <= seconds <= DAY:
        raise BadValue(f"{text[:50]!r} is not a time of day; write it as 08:30, from 00:00 to 24:00.")
    return seconds


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _meant_weekday(text: str) -> str:
    meant = [name for name in WEEKDAY_NAMES if len(text) > 1 and text.startswith(name[:2])]
    return f" Did you mean {meant[0]!r}?" if meant else ""
