"""Strict reading of one cron field into the explicit values it stands for."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Final, TypeVar

from scheduler.engine.schedules.errors import InvalidSchedule, malformed_cron

Result = TypeVar("Result")
Values = tuple[int, ...]

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
YEARS: Final = tuple(range(FIRST_YEAR, LAST_YEAR + 1))

MONTH_NAMES: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAY_NAMES: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

# Exactly these say "every hour"; all other hour fields are fixed.
OPEN_HOURS: Final = frozenset({"*", "0-23", "*/1", "0/1", "/1"})

_ITEM: Final = re.compile(
    r"(?P<first>\*|[0-9]+|[A-Z]+)?(?P<range>-(?P<last>[0-9]+|[A-Z]+))?(?P<stepped>/(?P<step>[0-9]+))?"
)


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What one field of a cron text may hold; `names[0]` stands for `low`. There is one of each, known by identity."""

    label: str
    low: int
    high: int
    step_limit: int
    names: tuple[str, ...] = ()
    greatest: int = 0  # above `high` where one value has two numbers: Unix Sunday is 0 and 7
    wraps: bool = True
    bare_step: bool = False  # Quartz reads /5 as */5
    note: str = ""

    def remedy(self) -> str:
        """Return the range of numbers and names to choose from."""
        names = f" ({self.names[0]}) to {self.high} ({self.names[-1]})" if self.names else f" to {self.high}"
        return f"use {self.low}{names}{self.note}"


SECOND: Final = Field("Second", 0, 59, 59, bare_step=True)
MINUTE: Final = Field("Minute", 0, 59, 59, bare_step=True)
HOUR: Final = Field("Hour", 0, 23, 23, bare_step=True)
DAY_OF_MONTH: Final = Field("Day-of-month", 1, 31, 31, bare_step=True)
MONTH: Final = Field("Month", 1, 12, 12, MONTH_NAMES, bare_step=True)
DAY_OF_WEEK: Final = Field("Day-of-week", 1, 7, 7, DAY_NAMES, bare_step=True)
YEAR: Final = Field("Year", FIRST_YEAR, LAST_YEAR, LAST_YEAR - FIRST_YEAR, wraps=False, bare_step=True)


class FieldReader:
    """Read the fields of one text, one after another, so that all their faults are told at once."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    def read(self, parse: Callable[[str], Result], text: str, otherwise: Result) -> Result:
        """Return what `parse` makes of the text, or keep its fault and return `otherwise`."""
        try:
            return parse(text)
        except InvalidSchedule as fault:
            self._faults.append(fault.message)
            return otherwise

    def values(self, text: str, field: Field) -> Values:
        """Return the values of a field, or keep its fault and return none."""
        return self.read(lambda some: parse_values(some, field), text, ())

    def finish(self) -> None:
        """Raise InvalidSchedule with every fault so far, if there is one."""
        if self._faults:
            raise malformed_cron(" ".join(self._faults))


@lru_cache(maxsize=1024)
def is_open(hour_text: str) -> bool:
    """Return whether an hour field means every hour, in one of its four spellings."""
    return re.sub(r"\b0+(?=[0-9])", "", hour_text) in OPEN_HOURS


def parse_values(text: str, field: Field) -> Values:
    """Return the values of a list of numbers, names, ranges and steps, ascending.

    A range may wrap around its end and keeps the phase of its step (22-2/2 is 22, 0, 2). Raises
    InvalidSchedule where Quartz 2.3.2 would guess: trailing characters, empty items, a step of 0.
    """
    return _cached_values(text, field)


@lru_cache(maxsize=8192)
def _cached_values(text: str, field: Field) -> Values:
    return tuple(sorted({value for item in text.split(",") for value in _item(item, field)}))


def _item(item: str, field: Field) -> Values:
    match = _ITEM.fullmatch(item)
    if not item or match is None:
        raise malformed_cron(_unreadable(item, field))
    first, last, step = match["first"], match["last"], _step(match["step"], item, field)
    if first is None and (last is not None or not field.bare_step):
        raise malformed_cron(f"{field.label}: {item} has no start; write *{item} or give the first value.")
    if first in (None, "*"):
        if last is not None:
            raise malformed_cron(f"{field.label}: {item} mixes * with a range; write * or {field.low}{item[1:]}.")
        return tuple(range(field.low, field.high + 1, step))
    return _range(str(first), last, step, stepped=match["step"] is not None, field=field)


def _range(first: str, last: str | None, step: int, *, stepped: bool, field: Field) -> Values:
    start = parse_number(first, field)
    if last is None:
        end = field.high if stepped else start
    elif first.isdigit() != last.isdigit():
        raise malformed_cron(
            f"{field.label}: {first}-{last} mixes a name with a number; write two names or two numbers."
        )
    else:
        end = parse_number(last, field)
    width = field.high - field.low + 1
    if end < start:
        if not field.wraps:
            raise malformed_cron(f"{field.label}: {first}-{last} runs backwards; write {last}-{first}.")
        end += width
    return tuple(field.low + (value - field.low) % width for value in range(start, end + 1, step))


def _step(text: str | None, item: str, field: Field) -> int:
    if text is None:
        return 1
    step = int(text)
    if not 1 <= step <= field.step_limit:
        raise malformed_cron(
            f"{field.label}: the step of {item} is out of range; use a step of 1 to {field.step_limit}."
        )
    return step


def parse_number(text: str, field: Field) -> int:
    """Return the number that a digit string or a three-letter name stands for in a field."""
    if text.isdigit():
        number = int(text)
        if not field.low <= number <= max(field.high, field.greatest):
            raise malformed_cron(f"{field.label}: {text} is out of range; {field.remedy()}.")
        return number
    if text in field.names:
        return field.low + field.names.index(text)
    raise malformed_cron(_unknown_name(text, field))


def _unknown_name(text: str, field: Field) -> str:
    meant = get_close_matches(text, field.names, 1) or [name for name in field.names if text.startswith(name)]
    remedy = f"did you mean {meant[0]}?" if meant else f"{field.remedy()}."
    return f"{field.label}: {text} is not a value of this field; {remedy}"


def _unreadable(item: str, field: Field) -> str:
    if not item:
        return f"{field.label}: a list has an empty item; remove the comma too many."
    if "?" in item:
        return f"{field.label}: ? cannot be used in {item}; only a whole Quartz day field may be ?."
    examples = "a number, a range like 1-5, a list like 1,3 or a step like */2"
    return f"{field.label}: {item} is not understood; write {examples}."


def at_or_after(values: Values, value: int) -> Values:
    """Return the values that are not below one, ascending."""
    return values[bisect_left(values, value) :]


def at_or_before(values: Values, value: int) -> Values:
    """Return the values that are not above one, ascending."""
    return values[: bisect_right(values, value)]
