"""Reads JSON as RFC 8259 has it: what Python's own reader lets through beyond that is refused."""

import json
import re
from collections import Counter
from math import isinf
from typing import Any, NoReturn

MAX_DEPTH = 64
# Each takes 60 bytes and more: 32 MiB of empty objects would take a gigabyte.
MAX_VALUES = 1_000_000


class InvalidJson(ValueError):
    """The text is not JSON, or no JSON that can be stored; the message says why."""


def loads(text: str) -> Any:
    """Return the value that `text` stands for.

    Raises InvalidJson for what is not JSON, and for NaN and Infinity, numbers beyond what Python reads, a name
    given twice in one object, half surrogates (no UTF-8 can hold them), more than 64 levels of nesting and more
    than a million values.
    """
    try:
        if text.startswith("\ufeff"):
            raise InvalidJson("It begins with a mark of its encoding (BOM): leave it out.")
        _refuse_too_many(text)
        value = _DECODER.decode(text)
    except RecursionError:
        raise InvalidJson(_TOO_DEEP) from None
    except InvalidJson:
        raise
    except json.JSONDecodeError as error:
        raise InvalidJson(f"{error.msg} at line {error.lineno}, column {error.colno}.") from None
    except ValueError:
        # Python refuses to read an integer of more than 4,300 digits: the time would grow with their square.
        raise InvalidJson("A number has too many digits.") from None
    if not _is_plain(text):
        refuse_unstorable(value)
    return value


def _is_plain(text: str) -> bool:
    """Tell whether a text can hold neither half surrogates nor deep nesting: most are so, and need no second look."""
    return text.isascii() and "\\u" not in text and text.count("{") + text.count("[") <= MAX_DEPTH


_TOO_DEEP = f"It is nested more than {MAX_DEPTH} levels deep."


# A text that does not end reaches to the end: looking for another one in it would take the square of its length.
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def _refuse_too_many(text: str) -> None:
    if _count(text) > MAX_VALUES and _count(_TEXTS.sub("", text)) > MAX_VALUES:
        raise InvalidJson(f"It holds more than {MAX_VALUES:,} values.")


def _count(text: str) -> int:
    """Return about how many values a text holds: each but the first stands behind one of these."""
    return text.count(",") + text.count("[") + text.count("{")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is no JSON value.")


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise InvalidJson(f"The number {text[:40]} is too large.")
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        # Not by names.count(): with a hundred thousand names that takes minutes, in which nothing else is answered.
        double = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise InvalidJson(f"The name {double[:100]!a} stands twice in one object.")
    return value


# Made once: to make one takes longer than to read a task's data with it.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_without_doubles)


def refuse_unstorable(value: Any) -> None:
    """Raise InvalidJson for a value that is nested too deep or holds half surrogates.

    It looks at each level in turn, without recursion, so that depth itself can do no harm.
    """
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return
        level = [inner for outer in level for inner in _inside(outer)]
    raise InvalidJson(_TOO_DEEP)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, str):
        _refuse_half_surrogate(value)
    elif isinstance(value, dict):
        return [*value.keys(), *value.values()]
    elif isinstance(value, list):
        return value
    return []


def _refuse_half_surrogate(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidJson("A text holds half of a surrogate pair, which is no character.") from None


def holds(value: Any, character: str) -> bool:
    """Tell whether some text in a value that `loads` has returned holds the character."""
    if isinstance(value, str):
        return character in value
    return any(holds(inner, character) for inner in _inside(value))
