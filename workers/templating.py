"""Fills `{{name}}` and `{{name|filter}}` in the texts of task data with what is known when an execution starts."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduler.engine.placeholders import is_secret
from scheduler.engine.suggestions import did_you_mean
from workers.errors import PermanentFailure

Values = Mapping[str, str]

# Four braces mean two, as in Python's own format strings.
_MARK = re.compile(r"(?P<literal>\{\{\{\{)|\{\{(?P<name>[^{}]*)\}\}|(?P<open>\{\{)")


class UnknownTemplate(PermanentFailure):
    """Task data ask for a value that there is not, or leave braces open."""


def values(*, execution_id: UUID, scheduled_for: datetime, time_zone: str) -> Values:
    """Return what templates may name: instants in UTC with Z, dates in the task's zone."""
    return {
        "executionId": str(execution_id),
        "scheduledFor": scheduled_for.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z",
        "scheduledFor|date": scheduled_for.astimezone(ZoneInfo(time_zone)).date().isoformat(),
    }


def fill(data: Any, known: Values, *, path: str = "taskData") -> Any:
    """Return a copy of `data` whose texts at any depth are filled; names of fields and of secrets stay as they are.

    Raises UnknownTemplate, which says where and what was probably meant.
    """
    if isinstance(data, str):
        return _MARK.sub(_filler(known, path), data)
    if isinstance(data, dict) and not is_secret(data):
        return {name: fill(value, known, path=f"{path}.{name}") for name, value in data.items()}
    if isinstance(data, list):
        return [fill(value, known, path=f"{path}[{index}]") for index, value in enumerate(data)]
    return data


def _filler(known: Values, path: str) -> Callable[[re.Match[str]], str]:
    def replacement(mark: re.Match[str]) -> str:
        if mark["literal"]:
            return "{{"
        if mark["open"]:
            raise UnknownTemplate(f"{path}: two braces open and do not close; {{{{{{{{ stands for two braces.")
        name = "|".join(part.strip() for part in mark["name"].split("|"))
        if name not in known:
            hint = did_you_mean(name, known)
            raise UnknownTemplate(
                f"{path}: there is no {{{{{name[:100]}}}}}.{hint} Known are {', '.join(sorted(known))}; "
                "{{{{ stands for two braces."
            )
        return known[name]

    return replacement
