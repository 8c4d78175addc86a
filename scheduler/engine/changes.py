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


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same as JSON has them, where `true` is no 1."""
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and one.keys() == other.keys() and all(same(one[n], other[n]) for n in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the fields that differ, in the order of the new document; a field that one of them lacks is None there."""
    for field in dict.fromkeys([*new, *old]):
        if not same(old.get(field), new.get(field)):
            yield from _differences(field, old.get(field), new.get(field))


def _differences(field: str, old: Any, new: Any) -> Iterator[Change]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield Change(field, old, new)
        return
    for name in dict.fromkeys([*old, *new]):
        if not same(old.get(name), new.get(name)):
            yield Change(f"{field}.{name}", old.get(name), new.get(name))
