"""Reads query parameters: each is known, given once and within its bounds, or the request is refused."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django_filters import FilterSet  # type: ignore[import-untyped]

from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import Fault, InvalidInput

DEFAULT_SIZE = 20
MOST_SIZE = 200
LAST_PAGE = 1_000_000
# The framework's own: it picks the renderer.
IGNORED = frozenset({"format"})
# Of the contract; to ignore them would answer another question than the one that was asked.
NOT_YET = frozenset({"label", "nextBefore", "late", "cursor"})


@dataclass(frozen=True, slots=True)
class Window:
    """Which page of a list is asked for."""

    page: int
    size: int

    @property
    def rows(self) -> slice:
        """Return the rows of this page."""
        return slice(self.page * self.size, (self.page + 1) * self.size)


def read_list(
    parameters: QueryDict, filters: FilterSet, *, also: Collection[str] = ("page", "size")
) -> tuple[Any, Window]:
    """Return the filtered rows and the page of them that is asked for. Raises InvalidInput with all faults."""
    faults = _strangers(parameters, [*filters.filters, *also])
    page = _whole(parameters, "page", default=0, least=0, most=LAST_PAGE, faults=faults)
    size = _whole(parameters, "size", default=DEFAULT_SIZE, least=1, most=MOST_SIZE, faults=faults)
    if not filters.is_valid():
        for name, errors in filters.form.errors.get_json_data().items():
            faults += [Fault(name, error["code"] or "invalid", error["message"]) for error in errors]
    if faults:
        raise InvalidInput(faults)
    return filters.qs, Window(page, size)


def _strangers(parameters: QueryDict, known: Collection[str]) -> list[Fault]:
    faults: list[Fault] = []
    for name in parameters:
        if name in IGNORED:
            continue
        shown = name[:100]
        if name in NOT_YET:
            faults.append(Fault(shown, "unavailable", "This parameter is not available in this version."))
        elif name not in known:
            message = f"There is no such parameter.{did_you_mean(name, known)}"
            faults.append(Fault(shown, "unknown", message))
        elif len(parameters.getlist(name)) > 1:
            faults.append(Fault(shown, "repeated", "This is given more than once; separate values by commas."))
    return faults


def _whole(parameters: QueryDict, name: str, *, default: int, least: int, most: int, faults: list[Fault]) -> int:
    text = parameters.get(name, "")
    if not text:
        return default
    # Up to nine digits: no bound here is larger, and int() takes signs, spaces and other scripts' digits.
    if text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most:
        return int(text)
    faults.append(Fault(name, "invalid", f"This must be a whole number from {least} to {most}."))
    return default
