"""The chart of a task's runs: how long each took and how late it began, with the band that is predicted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.urls import reverse

from platform_scheduler.console.drawing import WIDTH, Part, Tick
from query.predictions import Prediction
from scheduler import display
from scheduler.models import Execution

LEFT: Final = 64
TOP: Final = 10
FOOT: Final = 150
LATE_TOP: Final = 178
LATE_FOOT: Final = 228
HEIGHT: Final = 246
LATEST_SHOWN: Final = 60
LOW, HIGH = 0.05, 0.95

_STEPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Band:
    """Between which heights nine of ten runs end, as predicted; `middle` is as likely exceeded as not."""

    y: float
    height: float
    middle: float
    words: str


@dataclass(frozen=True, slots=True)
class Runs:
    """The bars of durations above those of lateness, each with its scale."""

    took: tuple[Part, ...]
    late: tuple[Part, ...]
    took_levels: tuple[Tick, ...]
    late_levels: tuple[Tick, ...]
    band: Band | None
    height: int = HEIGHT


def runs(rows: Sequence[Execution], prediction: Prediction) -> Runs:
    """Return the runs, the oldest first, with the band of their durations."""
    shown = [row for row in rows if row.execution_time_ms is not None][:LATEST_SHOWN][::-1]
    durations = prediction.durations
    low, middle, high = (durations.quantile(share) if durations else 0.0 for share in (LOW, 0.5, HIGH))
    took = _Scale(max([row.execution_time_ms or 0 for row in shown] + [high * 1.1]), TOP, FOOT)
    late = _Scale(max([_late_ms(row) for row in shown] + [0.0]), LATE_TOP, LATE_FOOT)
    step = (WIDTH - LEFT) / max(len(shown), 20)
    band = None
    if durations:
        words = f"expected {display.took(middle)}, nine of ten between {display.took(low)} and {display.took(high)}"
        band = Band(took.y(high), max(took.y(low) - took.y(high), 1), took.y(middle), words)
    return Runs(
        tuple(_bar(row, number, step, took, row.execution_time_ms or 0) for number, row in enumerate(shown)),
        tuple(_bar(row, number, step, late, _late_ms(row)) for number, row in enumerate(shown)),
        took.levels(),
        late.levels(),
        band,
    )


def _bar(row: Execution, number: int, step: float, scale: "_Scale", value: float) -> Part:
    title = (
        f"{display.state(row.status)}, {display.absolute(row.scheduled_for)}: "
        f"took {display.took(row.execution_time_ms or 0)}, "
        f"began {display.took(_late_ms(row))} late"
    )
    top = min(scale.y(value), scale.foot - 2)
    link = reverse("admin:scheduler_execution_change", args=[row.id])
    width = min(step - 2, 18)
    return Part(row.status.lower(), LEFT + number * step, top, width, scale.foot - top, title, link)


def _late_ms(row: Execution) -> float:
    if row.start_time is None or row.attempt > 1:
        return 0.0
    return max((row.start_time - row.due_at) / timedelta(milliseconds=1), 0.0)


class _Scale:
    """Maps milliseconds to heights between `top` and `foot`."""

    def __init__(self, most: float, top: float, foot: float) -> None:
        self.foot = foot
        self._most = most or 1.0
        self._unit = (foot - top) / self._most

    def y(self, value: float) -> float:
        return round(self.foot - value * self._unit, 1)

    def levels(self) -> tuple[Tick, ...]:
        """Return nothing, and a round value in the upper half."""
        power = 10 ** math.floor(math.log10(self._most))
        most = max((step * power for step in _STEPS if step * power <= self._most), default=power)
        return Tick(self.foot, "0"), Tick(self.y(most), display.took(most))
