"""What differs between two documents of the same fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; a label and a part of the retry policy are fields of their own."""

    field: str
    old: Any
    new: Any


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the fields that differ, in the order of the new document; a field that one of them lacks is None there."""
    for field in dict.fromkeys([*new, *old]):
        if old.get(field) != new.get(field):
            yield from _differences(field, old.get(field), new.get(field))


def _differences(field: str, old: Any, new: Any) -> Iterator[Change]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield Change(field, old, new)
        return
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Change(f"{field}.{name}", old.get(name), new.get(name))
