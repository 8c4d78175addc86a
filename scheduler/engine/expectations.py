"""What a simulation is held against: `late > 0`, `reports:wait_p95 >= 30`; each is a reason to fail."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from scheduler.engine.suggestions import did_you_mean

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_FORM: Final = re.compile(r"(?:(?P<queue>[\w.-]+):)?(?P<figure>\w+)\s*(?P<sign>>=|<=|==|!=|>|<)\s*(?P<bound>\S+)")


class BadExpectation(Exception):
    """What was written cannot be compared; the message says why."""


class Expectation(NamedTuple):
    """A comparison of a figure, of one queue or of all (`queue` None), that is not to hold."""

    text: str
    queue: str | None
    figure: str
    sign: str
    bound: float

    def holds(self, figures: Mapping[str, float]) -> bool:
        """Tell whether it holds of these figures."""
        return _OPERATORS[self.sign](figures[self.figure], self.bound)


def read(text: str, *, figures: Mapping[str, object], queues: Mapping[str, object]) -> Expectation:
    """Read `[queue:]figure sign number`. Raises BadExpectation, which says what is wrong and what was perhaps meant."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        signs = " ".join(_OPERATORS)
        raise BadExpectation(f"{text!r} is no comparison: write [queue:]figure, one of {signs}, and a number.")
    figure, queue = match["figure"], match["queue"]
    if figure not in figures:
        known = ", ".join(figures)
        raise BadExpectation(f"{text!r}: there is no figure {figure!r}.{did_you_mean(figure, figures)} Known: {known}.")
    if queue is not None and queue not in queues:
        raise BadExpectation(f"{text!r}: no task uses a queue {queue!r}.{did_you_mean(queue, queues)}")
    try:
        bound = float(match["bound"])
    except ValueError:
        raise BadExpectation(f"{text!r}: {match['bound']!r} is no number.") from None
    return Expectation(text.strip(), queue, figure, match["sign"], bound)
