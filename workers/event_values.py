"""What templates may name of the event that has started an execution: `event.payload.order.lines.0.sku`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from scheduler.engine.placeholders import named_secrets
from scheduler.engine.schedules.instants import written
from scheduler.engine.suggestions import did_you_mean
from workers.context import Event
from workers.errors import PermanentFailure

FindEvent = Callable[[], Event | None]

ROOT: Final = "event"
URL: Final = "url"
DEFAULT: Final = "default:"

_ABSENT: Final = object()


class NotInEvent(PermanentFailure):
    """A template names what the event does not hold, or may not be put where it stands."""


def is_of_event(name: str) -> bool:
    """Tell whether a template is about the event."""
    return name.split("|")[0].split(".")[0].strip() == ROOT


def value_of(name: str, event: Event | None) -> Any:
    """Return what `event.payload.a.b|url|default:text` stands for, with its type where no filter makes a text of it.

    Raises NotInEvent for what is not there and has no default, for an unknown filter, and for a payload that names a
    secret: whoever sends events may not read what the task's owner may.
    """
    path, filters = name.partition("|")[0].strip(), [one.strip() for one in _filters(name)]
    default = next((one.removeprefix(DEFAULT) for one in filters if one.startswith(DEFAULT)), None)
    unknown = [one for one in filters if one != URL and not one.startswith(DEFAULT)]
    if unknown:
        hint = did_you_mean(unknown[0], [URL, "default"])
        raise NotInEvent(f"there is no filter {unknown[0][:50]!r}.{hint} Known are url and default:TEXT.")
    found = _found(path, event) if event is not None else _ABSENT
    if found is _ABSENT:
        if default is None:
            raise NotInEvent(_why(path, event))
        found = default
    if any(True for _ in named_secrets(found)):
        raise NotInEvent(f"what the event has under {path[:100]} names a secret, which only the task may do.")
    return quote(as_text(found), safe="") if URL in filters else found


def as_text(value: Any) -> str:
    """Return a value as it stands inside a text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _filters(name: str) -> list[str]:
    """Return the filters; a default's text goes on to the end of the template, bars and all."""
    _, _, rest = name.partition("|")
    found: list[str] = []
    while rest:
        if rest.strip().startswith(DEFAULT):
            return [*found, rest]
        one, _, rest = rest.partition("|")
        found.append(one)
    return found


def _found(path: str, event: Event) -> Any:
    value: Any = _members(event)
    for name in path.split(".")[1:]:
        value = _member(value, name)
        if value is _ABSENT:
            return _ABSENT
    return value


def _members(event: Event) -> dict[str, Any]:
    return {"id": str(event.id), "name": event.name, "receivedAt": written(event.received_at), "payload": event.payload}


def _member(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name, _ABSENT)
    if isinstance(value, Sequence) and not isinstance(value, str) and name.isascii() and name.isdigit():
        return value[int(name)] if len(name) < 10 and int(name) < len(value) else _ABSENT
    return _ABSENT


def _why(path: str, event: Event | None) -> str:
    if event is None:
        return (
            f"no event has started this execution, so there is no {path[:100]}; "
            f"say {{{{{path[:100]}|default:…}}}} where it may also run otherwise."
        )
    known: Any = _members(event)
    at = [ROOT]
    for name in path.split(".")[1:]:
        inner = _member(known, name)
        if inner is _ABSENT:
            names = list(known) if isinstance(known, Mapping) else []
            return f"{'.'.join(at)} of this event has no {name[:100]!r}.{did_you_mean(name, names)}"
        known = inner
        at.append(name)
    return f"there is no {path[:100]}."
