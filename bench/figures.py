"""What a case measures: named figures, some of which have an aim."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.stage import Stage

Sample = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound that the median is to keep."""

    bound: float
    is_ceiling: bool = True

    def is_reached(self, value: float) -> bool:
        return value <= self.bound if self.is_ceiling else value >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.is_ceiling else '≥'} {self.bound:g}"


def at_most(bound: float) -> Aim:
    return Aim(bound)


def at_least(bound: float) -> Aim:
    return Aim(bound, is_ceiling=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that is measured. `measure` yields a sample a repetition, each with the same names.

    Aims go by the names of figures, in which * stands for anything.
    """

    name: str
    summary: str
    measure: Callable[["Stage"], Iterator[Sample]]
    aims: Mapping[str, Aim]
    # Of what takes minutes one run has to do, unless more are asked for.
    repeat: int = 5
    # Figures that are named `row: column` are shown as such a table, medians only.
    is_grid: bool = False

    def aim(self, name: str) -> Aim | None:
        """Return the aim of a figure, None where it has none."""
        return next((aim for of, aim in self.aims.items() if fnmatchcase(name, of)), None)
