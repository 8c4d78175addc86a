"""Short phrases for sets of numbers and names: "minutes 0 to 5 and 30", "every 2nd hour from 0 to 22"."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

_LISTED: Final = 7


def joined(words: Sequence[str]) -> str:
    """Return words as a list in English: "1, 2 and 3"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def step_of(values: Sequence[int]) -> int | None:
    """Return the distance of neighbours if it is always the same, for three values or more."""
    steps = {later - earlier for earlier, later in pairwise(values)}
    return steps.pop() if len(values) > 2 and len(steps) == 1 else None


def spans(values: Sequence[int], shown: Callable[[int], str]) -> list[str]:
    """Return values as words, three and more in a row as one: "1 to 5"."""
    rows: list[list[int]] = []
    for value in values:
        if rows and rows[-1][-1] + 1 == value:
            rows[-1].append(value)
        else:
            rows.append([value])
    return [word for row in rows for word in _row(row, shown)]


def _row(row: list[int], shown: Callable[[int], str]) -> list[str]:
    return [f"{shown(row[0])} to {shown(row[-1])}"] if len(row) > 2 else [shown(value) for value in row]


def numbers(unit: str, values: Sequence[int], shown: Callable[[int], str] = str) -> str:
    """Return values with their unit: "minute 5", "minutes 0 to 5 and 30", "every 7th minute from 0 to 56"."""
    step = step_of(values)
    words = spans(values, shown)
    if step is not None and step > 1 and len(words) > _LISTED:
        return f"every {ordinal(step)} {unit} from {shown(values[0])} to {shown(values[-1])}"
    return f"{unit}{'s' if len(values) > 1 else ''} {joined(words)}"
