"""The heat map of the load to come: a row a day, a column an hour of UTC, the darker the busier."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from platform_scheduler.console.drawing import WIDTH, Tick
from query.forecast import MOST_HOURS, Forecast, Interval
from scheduler import display

DAYS: Final = 7
DAY_HOURS: Final = 24
LEFT: Final = 56
TOP: Final = 18
CELL_HEIGHT: Final = 24
GAP: Final = 2
CELL_WIDTH: Final = (WIDTH - LEFT) / DAY_HOURS - GAP
HOURS_SHOWN: Final = min(DAYS * DAY_HOURS, MOST_HOURS)
# Shades beside none at all; cells of the darker half say their number.
LEVELS: Final = 4
SAID_FROM: Final = 3
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour: its place, its shade from 0, the minutes that stand in it, and what it says."""

    x: float
    y: float
    level: int
    label: str
    title: str

    @property
    def middle(self) -> tuple[float, float]:
        """Where its label stands."""
        return self.x + CELL_WIDTH / 2, self.y + CELL_HEIGHT / 2


@dataclass(frozen=True, slots=True)
class Heat:
    """What the heat map shows; `worked_out_at` None where there is nothing to show yet."""

    cells: tuple[Cell, ...]
    days: tuple[Tick, ...]
    hours: tuple[Tick, ...]
    height: int
    worked_out_at: datetime | None
    width: float = CELL_WIDTH
    cell_height: int = CELL_HEIGHT


def heat(shown: Forecast) -> Heat:
    """Return the hours of seven days, today with those that are left of it."""
    today = shown.begin.astimezone(UTC).date()
    within = [one for one in shown.intervals if _row(one, today) < DAYS]
    most = max((_minutes(one) for one in within), default=0.0)
    return Heat(
        tuple(_cell(one, today, most) for one in within),
        tuple(Tick(_y(row) + CELL_HEIGHT / 2, f"{today + timedelta(days=row):%a %d}") for row in range(DAYS)),
        tuple(Tick(_x(hour) + CELL_WIDTH / 2, f"{hour:02}") for hour in range(0, DAY_HOURS, 2)),
        TOP + DAYS * (CELL_HEIGHT + GAP),
        shown.worked_out_at,
    )


def _cell(interval: Interval, today: date, most: float) -> Cell:
    minutes = _minutes(interval)
    level = math.ceil(LEVELS * minutes / most) if most else 0
    title = f"{display.absolute(interval.begin)}: {minutes:,.1f} busy minutes expected, {interval.load.slots_in_words}"
    if interval.load.unknown_slots:
        title += f", {interval.load.unknown_slots:,} of them of tasks that have never run"
    if minutes and interval.queues:
        queue = min(interval.queues, key=lambda name: (-interval.queues[name].busy, name))
        title += f"; most in {queue}"
    label = f"{minutes:,.0f}" if level >= SAID_FROM and minutes >= 1 else ""
    return Cell(_x(interval.begin.astimezone(UTC).hour), _y(_row(interval, today)), level, label, title)


def _row(interval: Interval, today: date) -> int:
    return (interval.begin.astimezone(UTC).date() - today).days


def _minutes(interval: Interval) -> float:
    return interval.load.busy / _MINUTE


def _x(hour: int) -> float:
    return LEFT + hour * (CELL_WIDTH + GAP)


def _y(row: int) -> float:
    return TOP + row * (CELL_HEIGHT + GAP)
