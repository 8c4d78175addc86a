"""Whether an event's payload is one that a task listens for: plain values, compared member by member."""

from typing import Any


def matches(match: Any, value: Any) -> bool:
    """Tell whether `value` is what `match` asks for.

    An object asks for each of its members, at any depth, whatever else there is; a list for one of its values, and of
    a value that is a list itself for one that both have; anything else for the same value of the same JSON type.
    """
    if isinstance(match, list):
        offered = value if isinstance(value, list) else [value]
        return any(matches(one, other) for one in match for other in offered)
    if isinstance(match, dict):
        return isinstance(value, dict) and all(
            name in value and matches(inner, value[name]) for name, inner in match.items()
        )
    if isinstance(value, list):
        return any(matches(match, one) for one in value)
    # Python's True is 1 and its "1" is neither.
    return isinstance(match, bool) == isinstance(value, bool) and bool(match == value)
