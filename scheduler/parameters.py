"""Reads query parameters: each is known, given once and within its bounds, or the request is refused."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any, overload

from django.http import QueryDict

from scheduler.engine.schedules.fields import FIRST_YEAR, LAST_YEAR
from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import Fault, InvalidInput
from scheduler.filtering import ListFilter
from scheduler.keysets import LONGEST_CURSOR

DEFAULT_SIZE = 20
MOST_SIZE = 200
LAST_PAGE = 1_000_000
# A page is found by counting off all rows before it; as far as totals are exact.
MOST_LEAFED = 10_000
PAGING = ("page", "size", "cursor")
# The framework's own: it picks the renderer.
IGNORED = frozenset({"format"})
# Python's own reader takes weeks and dates without hyphens too.
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Given twice, both must hold: a value may hold a comma.
REPEATABLE = frozenset({"label"})


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of a list are asked for: a page, or `size` rows after a cursor."""

    page: int
    size: int
    cursor: str | None = None


@dataclass(slots=True)
class Reader:
    """Reads the parameters of one request and collects what is wrong with them."""

    parameters: QueryDict
    faults: list[Fault] = field(default_factory=list)

    def refuse_strangers(self, known: Collection[str]) -> None:
        """Note parameters that are not known, and those given twice."""
        for name in self.parameters:
            if name in IGNORED:
                continue
            shown = name[:100]
            if name not in known:
                message = f"There is no such parameter.{did_you_mean(name, known)}"
                self.faults.append(Fault(shown, "unknown", message))
            elif len(self.parameters.getlist(name)) > 1 and name not in REPEATABLE:
                message = "This is given more than once; separate values by commas."
                self.faults.append(Fault(shown, "repeated", message))

    def whole(self, name: str, *, default: int, least: int, most: int) -> int:
        """Return a whole number within its bounds."""
        text = self.parameters.get(name, "")
        if not text:
            return default
        # Up to nine digits: no bound here is larger, and int() takes signs, spaces and other scripts' digits.
        if text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most:
            return int(text)
        self.faults.append(Fault(name, "invalid", f"This must be a whole number from {least} to {most}."))
        return default

    def word(self, name: str, *, default: str, known: Collection[str]) -> str:
        """Return one of a few words."""
        text = self.parameters.get(name, "") or default
        if text in known:
            return text
        message = f"There is no {text[:50]!r} here; use one of {', '.join(known)}.{did_you_mean(text, known)}"
        self.faults.append(Fault(name, "invalid_choice", message))
        return default

    @overload
    def day(self, name: str, *, default: date) -> date: ...
    @overload
    def day(self, name: str, *, default: None) -> date | None: ...
    def day(self, name: str, *, default: date | None) -> date | None:
        """Return a date of the years that schedules reach."""
        text = self.parameters.get(name, "")
        day = read_day(text) if text else default
        if text and day is None:
            self.refuse(name, "invalid", "This must be a date of the years 1970 to 2199, such as 2026-12-24.")
        return day or default

    def refuse(self, name: str, code: str, message: str) -> None:
        """Note what is wrong with a parameter."""
        self.faults.append(Fault(name, code, message))

    def is_dry_run(self) -> bool:
        """Return whether nothing is to be changed, where that is all that may be asked. Raises InvalidInput."""
        self.refuse_strangers(["dryRun"])
        word = self.word("dryRun", default="false", known=("true", "false"))
        self.raise_faults()
        return word == "true"

    def window(self, *, further: str = "read on from there with nextCursor as cursor") -> Window:
        """Return which rows of a list are asked for; `further` says how what lies behind the last page is read."""
        page = self.whole("page", default=0, least=0, most=LAST_PAGE)
        size = self.whole("size", default=DEFAULT_SIZE, least=1, most=MOST_SIZE)
        cursor = self.parameters.get("cursor") or None
        if cursor and "page" in self.parameters:
            self.faults.append(Fault("page", "invalid", "Give page or cursor, not both."))
        elif page * size > MOST_LEAFED:
            message = f"Pages reach the first {MOST_LEAFED:,} rows; {further}."
            self.faults.append(Fault("page", "too_deep", message))
        if cursor and len(cursor) > LONGEST_CURSOR:
            self.faults.append(Fault("cursor", "invalid", "This is no nextCursor of a list."))
        return Window(page, size, cursor)

    def look_at(self, filters: ListFilter) -> None:
        """Note what is not valid of the filters."""
        for name, errors in filters.form.errors.get_json_data().items():
            self.faults += [Fault(name, error["code"] or "invalid", error["message"]) for error in errors]

    def raise_faults(self) -> None:
        """Raise InvalidInput with all faults, where there are any."""
        if self.faults:
            raise InvalidInput(self.faults)


def whole(least: int, most: int) -> dict[str, Any]:
    """Return how the document describes what `Reader.whole` reads."""
    return {"type": "integer", "minimum": least, "maximum": most}


def read_day(text: str) -> date | None:
    """Return the date that a text writes as 2026-12-24, None where it is none of the years that schedules reach."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
    return day if day is not None and FIRST_YEAR <= day.year <= LAST_YEAR else None


def refuse_all(parameters: QueryDict) -> None:
    """Refuse every parameter: the path alone says what is asked for. Raises InvalidInput."""
    reader = Reader(parameters)
    reader.refuse_strangers(())
    reader.raise_faults()
