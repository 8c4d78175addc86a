"""Geometry: where the marks of a chart lie, in units of its SVG; what they look like the templates and the CSS say."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse

from platform_scheduler.console.links import page_of
from query.lanes import Bar, Lane, Lanes
from query.numbers import EXECUTIONS
from query.numbers import link as list_of
from query.timeline import Interval
from scheduler import display
from scheduler.engine.retry import RETRYABLE
from scheduler.engine.states import Status
from scheduler.models import Task

# Charts are this wide, whatever the page makes of it.
WIDTH: Final = 1_000
HEIGHT: Final = 140
FOOT: Final = HEIGHT - 18
LANE_HEIGHT: Final = 26
NAME_WIDTH: Final = 170
NARROWEST: Final = 3
LABEL_WIDTH: Final = 40
# Bars of one status with less between them are one.
TOUCHING: Final = 3
# Slots closer to each other would be one blot.
APART: Final = 9

_STEPS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440))
_MOST_TICKS: Final = 9


@dataclass(frozen=True, slots=True)
class Part:
    """One rectangle: its place, the class that gives its colour, and what it says to whoever points at it."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the chart with its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows; `now` is where the present lies on it."""

    parts: tuple[Part, ...]
    ticks: tuple[Tick, ...]
    levels: tuple[Tick, ...] = ()
    now: float | None = None
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class DrawnLane:
    """A task's lane: its name at `y`, its bars, and circles for the slots that come."""

    name: str
    link: str
    y: int
    bars: tuple[Part, ...]
    coming: tuple[Part, ...]


def columns(intervals: Sequence[Interval], *, at: datetime) -> Chart:
    """Return what ended in each interval as columns, failures at their foot, with a scale of two levels."""
    most = max((_ended(one, (*RETRYABLE, Status.SUCCESS)) for one in intervals), default=0) or 1
    scale = _Scale(intervals[0].begin, intervals[-1].end, left=40)
    unit = (FOOT - 8) / most
    parts = (part for one in intervals for part in _column(one, scale, unit))
    levels = tuple(Tick(FOOT - level * unit, f"{level:,}") for level in sorted({0, (most + 1) // 2, most}))
    return Chart(tuple(parts), _ticks(scale), levels, scale.x(at))


def _column(interval: Interval, scale: "_Scale", unit: float) -> Iterator[Part]:
    x, width = scale.x(interval.begin), scale.x(interval.end) - scale.x(interval.begin)
    foot = float(FOOT)
    for kind, statuses in (("failed", RETRYABLE), ("success", (Status.SUCCESS,))):
        if count := _ended(interval, statuses):
            foot -= count * unit
            title = f"{count:,} {kind}, {display.absolute(interval.begin)}"
            link = page_of(f"{interval.executions_link}&status={','.join(sorted(statuses))}")
            yield Part(kind, x, foot, max(width - 2, 1), count * unit, title, link)


def _ended(interval: Interval, statuses: Collection[Status]) -> int:
    return sum(interval.counts[status] for status in statuses)


def lanes(shown: Lanes) -> tuple[Chart, tuple[DrawnLane, ...]]:
    """Return the axis of the lanes, and each of them."""
    scale = _Scale(shown.begin, shown.end, left=NAME_WIDTH)
    drawn = tuple(_lane(lane, scale, number * LANE_HEIGHT + 24) for number, lane in enumerate(shown.lanes))
    height = len(shown.lanes) * LANE_HEIGHT + 28
    return Chart((), _ticks(scale), now=scale.x(shown.at), height=height), drawn


def _lane(lane: Lane, scale: "_Scale", y: int) -> DrawnLane:
    groups: list[_Group] = []
    for bar in sorted(lane.bars, key=lambda bar: (bar.begin, bar.id)):
        begin, end = scale.x(bar.begin), max(scale.x(bar.end), scale.x(bar.begin) + NARROWEST)
        if groups and groups[-1].takes(bar, begin):
            groups[-1].bars.append(bar)
            groups[-1].end = max(groups[-1].end, end)
        else:
            groups.append(_Group(begin, end, [bar]))
    return DrawnLane(
        lane.task.name,
        reverse("admin:task", args=[lane.task.id]),
        y,
        tuple(group.drawn(lane.task, y) for group in groups),
        tuple(_coming(lane, scale, y)),
    )


@dataclass(slots=True)
class _Group:
    """Executions of one status that lie so close together that they are one rectangle."""

    begin: float
    end: float
    bars: list[Bar]

    def takes(self, bar: Bar, begin: float) -> bool:
        return self.bars[0].status is bar.status and begin <= self.end + TOUCHING

    def drawn(self, task: Task, y: int) -> Part:
        first, last = self.bars[0], self.bars[-1]
        said = f"{task.name}: {display.state(first.status)}, {display.absolute(first.begin)}"
        if len(self.bars) == 1:
            title = f"{said}, {display.span(first.end - first.begin)}"
            link = reverse("admin:scheduler_execution_change", args=[first.id])
        else:
            title = f"{said} to {display.absolute(last.begin)}: {len(self.bars):,} executions"
            slots = [bar.slot for bar in self.bars]
            period = {"startDate": min(slots), "endDate": max(slots)}
            link = page_of(list_of(EXECUTIONS, taskId=str(task.id), status=first.status, **period))
        return Part(first.status.lower(), self.begin, y + 4, self.end - self.begin, LANE_HEIGHT - 10, title, link)


def _coming(lane: Lane, scale: "_Scale", y: int) -> Iterator[Part]:
    free_from = 0.0
    for slot in lane.coming:
        if free_from <= (x := scale.x(slot)) <= WIDTH - APART / 2:
            free_from = x + APART
            yield Part("coming", x, y + LANE_HEIGHT / 2 - 1, 0, 0, f"{lane.task.name}: {display.absolute(slot)}")


class _Scale:
    """Maps instants to the width of a chart."""

    def __init__(self, begin: datetime, end: datetime, *, left: float) -> None:
        self.begin, self.end = begin, end
        self._left = left
        self._unit = (WIDTH - left) / max((end - begin).total_seconds(), 1)

    def x(self, instant: datetime) -> float:
        return round(self._left + (instant - self.begin).total_seconds() * self._unit, 1)


def _ticks(scale: _Scale) -> tuple[Tick, ...]:
    """Return round instants along the axis, a handful of them; the first of a day is its date."""
    length = scale.end - scale.begin
    step = next((one for one in _STEPS if length / one <= _MOST_TICKS), timedelta(days=max(length.days // 7, 1)))
    midnight = scale.begin.replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + ((scale.begin - midnight) // step + 1) * step
    instants = (first + number * step for number in range(length // step + 1))
    return tuple(
        Tick(scale.x(one), f"{one:%d %b}" if (one.hour, one.minute) == (0, 0) else f"{one:%H:%M}")
        for one in instants
        if scale.x(one) < WIDTH - LABEL_WIDTH / 2
    )
