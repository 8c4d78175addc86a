"""Fills `{{name}}` and `{{name|filter}}` in the texts of task data with what is known when an execution starts."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduler.engine.placeholders import is_secret
from scheduler.engine.schedules.instants import written
from scheduler.engine.suggestions import did_you_mean
from workers import event_values
from workers.context import no_event
from workers.errors import PermanentFailure
from workers.event_values import FindEvent, NotInEvent

# Four braces mean two, as in Python's own format strings.
_MARK = re.compile(r"(?P<literal>\{\{\{\{)|\{\{(?P<name>[^{}]*)\}\}|(?P<open>\{\{)")


class UnknownTemplate(PermanentFailure):
    """Task data ask for a value that there is not, or leave braces open."""


@dataclass(frozen=True)
class Values:
    """What templates may name: instants in UTC with Z, dates in the task's zone, and the event that `find_event` finds.

    In fields of the task data that are `closed_to_events` nothing of it may stand.
    """

    execution_id: UUID
    scheduled_for: datetime
    time_zone: str
    find_event: FindEvent = no_event
    closed_to_events: Collection[str] = ()

    @cached_property
    def plain(self) -> Mapping[str, str]:
        """The texts, by name; made when the first template asks, for most task data have none."""
        return {
            "executionId": str(self.execution_id),
            "scheduledFor": written(self.scheduled_for),
            "scheduledFor|date": self.scheduled_for.astimezone(ZoneInfo(self.time_zone)).date().isoformat(),
        }


def fill(data: Any, known: Values, *, path: str = "taskData") -> Any:
    """Return a copy of `data` whose texts at any depth are filled; names of fields and of secrets stay as they are.

    A text that is nothing but one template becomes its value, with the type that an event's payload has there. What is
    filled in is not looked through again. Raises UnknownTemplate, which says where and what was probably meant.
    """
    if isinstance(data, str):
        return _filled(data, known, path)
    if isinstance(data, dict) and not is_secret(data):
        return {name: fill(value, known, path=f"{path}.{name}") for name, value in data.items()}
    if isinstance(data, list):
        return [fill(value, known, path=f"{path}[{index}]") for index, value in enumerate(data)]
    return data


def _filled(text: str, known: Values, path: str) -> Any:
    value_of: Callable[[re.Match[str]], Any] = partial(_value_of, known=known, path=path)
    whole = _MARK.fullmatch(text)
    if whole:
        return value_of(whole)
    return _MARK.sub(lambda mark: event_values.as_text(value_of(mark)), text)


def _value_of(mark: re.Match[str], *, known: Values, path: str) -> Any:
    if mark["literal"]:
        return "{{"
    if mark["open"]:
        raise UnknownTemplate(f"{path}: two braces open and do not close; {{{{{{{{ stands for two braces.")
    if event_values.is_of_event(mark["name"]):
        return _of_event(mark["name"], known, path)
    name = "|".join(part.strip() for part in mark["name"].split("|"))
    if name not in known.plain:
        names = [*known.plain, event_values.ROOT]
        hint = did_you_mean(name, names)
        raise UnknownTemplate(
            f"{path}: there is no {{{{{name[:100]}}}}}.{hint} Known are {', '.join(sorted(known.plain))} and event.…; "
            "{{{{ stands for two braces."
        )
    return known.plain[name]


def _of_event(name: str, known: Values, path: str) -> Any:
    field = re.split(r"[.\[]", path.partition(".")[2], maxsplit=1)[0]
    if field in known.closed_to_events:
        raise UnknownTemplate(
            f"{path}: what an event brings may not stand here, for it would be run; pass it by another field."
        )
    try:
        return event_values.value_of(name, known.find_event())
    except NotInEvent as refusal:
        raise UnknownTemplate(f"{path}: {refusal}") from None
