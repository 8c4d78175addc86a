"""Workflows as pictures: tasks in layers, each below all that it waits for, arrows between them; SVG of the server's.

Layers by longest path, then some sweeps that put each task near the middle of its neighbours (Sugiyama's method).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final
from uuid import UUID

from django.urls import reverse

from query.workflows import Run, Shown
from scheduler import display
from scheduler.engine.workflows import Condition
from scheduler.models import Execution, Task

NODE_WIDTH: Final = 190
NODE_HEIGHT: Final = 46
GAP_X: Final = 70
GAP_Y: Final = 18
MARGIN: Final = 8
SWEEPS: Final = 4
# Larger ones are told as a list alone.
MOST_DRAWN: Final = 150
NAME_LENGTH: Final = 25


@dataclass(frozen=True, slots=True)
class Box:
    """One task at its place; `kind` gives its colour, `said` its state in words."""

    id: UUID
    name: str
    x: float
    y: float
    kind: str
    said: str
    link: str
    is_here: bool = False

    @property
    def middle(self) -> float:
        """Half of its height."""
        return self.y + NODE_HEIGHT / 2


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one task to another that waits for it, with what it waits for."""

    path: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """A task as a line of the list: its state, and what it waits for."""

    name: str
    link: str
    status: str
    said: str
    waits_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn, and the same as a list; without boxes where it is too large to be drawn."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    rows: tuple[Row, ...]
    width: float
    height: float
    node_width: int = NODE_WIDTH
    node_height: int = NODE_HEIGHT


@dataclass(frozen=True, slots=True)
class _Edge:
    above: UUID
    below: UUID
    condition: str
    kind: str


def of_tasks(shown: Shown, *, latest: Mapping[UUID, Any], here: UUID) -> Graph:
    """Return tasks and what they wait for; `latest` are their last runs, by task."""
    edges = [_Edge(one.upstream.task_id, one.task_id, one.upstream.condition, "waits") for one in shown.edges]
    states = {task.id: _last(task, latest.get(task.id)) for task in shown.tasks}
    links = {task.id: reverse("admin:task", args=[task.id]) for task in shown.tasks}
    return _graph(list(shown.tasks), edges, states, links, here=here)


def of_run(run: Run) -> Graph:
    """Return one run: its tasks with their latest attempts, and what their conditions have come to."""
    edges = [
        _Edge(one.upstream.task_id, one.task_id, one.upstream.condition, one.verdict.lower()) for one in run.conditions
    ]
    states = {place.task.id: _reached(place.execution) for place in run.places}
    links = {
        place.task.id: reverse("admin:scheduler_execution_change", args=[place.execution.id])
        if place.execution is not None
        else reverse("admin:task", args=[place.task.id])
        for place in run.places
    }
    return _graph([place.task for place in run.places], edges, states, links, here=run.root.task_id)


def _last(task: Task, run: Any) -> tuple[str, str]:
    if run is None:
        return task.status.lower(), display.state(task.status)
    return run.status.lower(), display.state(run.status)


def _reached(execution: Execution | None) -> tuple[str, str]:
    if execution is None:
        return "waiting", "◷\N{NO-BREAK SPACE}Not yet"
    again = f", attempt {execution.attempt}" if execution.attempt > 1 else ""
    return execution.status.lower(), f"{display.state(execution.status)}{again}"


def _graph(
    tasks: Sequence[Task],
    edges: Sequence[_Edge],
    states: Mapping[UUID, tuple[str, str]],
    links: Mapping[UUID, str],
    *,
    here: UUID,
) -> Graph:
    names = {task.id: task.name for task in tasks}
    edges = [edge for edge in edges if edge.above in names and edge.below in names]
    layers = layered(list(names), [(edge.above, edge.below) for edge in edges])
    rows = tuple(_row(one, names, states, links, edges) for layer in layers for one in layer)
    if len(tasks) > MOST_DRAWN:
        return Graph((), (), rows, 0, 0)
    deepest = max((len(layer) for layer in layers), default=0)
    boxes = {
        one: Box(
            one, names[one], MARGIN + column * (NODE_WIDTH + GAP_X),
            MARGIN + (number + (deepest - len(layer)) / 2) * (NODE_HEIGHT + GAP_Y),
            states[one][0], states[one][1], links[one], one == here,
        )
        for column, layer in enumerate(layers)
        for number, one in enumerate(layer)
    }  # fmt: skip
    width = 2 * MARGIN + len(layers) * NODE_WIDTH + (len(layers) - 1) * GAP_X
    height = 2 * MARGIN + deepest * (NODE_HEIGHT + GAP_Y) - GAP_Y
    arrows = tuple(_arrow(edge, boxes[edge.above], boxes[edge.below]) for edge in edges)
    return Graph(tuple(boxes.values()), arrows, rows, width, height)


def _arrow(edge: _Edge, above: Box, below: Box) -> Arrow:
    begin, end = above.x + NODE_WIDTH, below.x - 5
    bend = max((end - begin) / 2, 24)
    curve = f"C{begin + bend:g},{above.middle:g} {end - bend:g},{below.middle:g} {end:g},{below.middle:g}"
    path = f"M{begin:g},{above.middle:g} {curve}"
    condition = "" if edge.condition == Condition.SUCCESS else f" ({edge.condition.lower()})"
    title = f"{below.name} waits for {above.name}{condition}: {_VERDICTS.get(edge.kind, 'by definition')}"
    return Arrow(path, f"{edge.kind} {edge.condition.lower()}", title)


_VERDICTS: Final = {"met": "met", "open": "not decided yet", "impossible": "will not be met"}


def _row(
    one: UUID,
    names: Mapping[UUID, str],
    states: Mapping[UUID, tuple[str, str]],
    links: Mapping[UUID, str],
    edges: Iterable[_Edge],
) -> Row:
    waits_for = (
        f"{names[edge.above]} ({edge.condition.lower()}{_said(edge.kind)})" for edge in edges if edge.below == one
    )
    return Row(names[one], links[one], states[one][0], states[one][1], tuple(waits_for))


def _said(kind: str) -> str:
    return f": {_VERDICTS[kind]}" if kind in _VERDICTS else ""


def layered(nodes: Sequence[UUID], edges: Sequence[tuple[UUID, UUID]]) -> list[list[UUID]]:
    """Return the nodes in layers, each behind all that it depends on; where there is a cycle, in one layer."""
    above: dict[UUID, list[UUID]] = defaultdict(list)
    below: dict[UUID, list[UUID]] = defaultdict(list)
    for upper, lower in edges:
        above[lower].append(upper)
        below[upper].append(lower)
    try:
        order = list(TopologicalSorter({one: above[one] for one in nodes}).static_order())
    except CycleError:
        return [list(nodes)]
    depth: dict[UUID, int] = {}
    for one in order:
        depth[one] = max((depth[upper] + 1 for upper in above[one]), default=0)
    layers: list[list[UUID]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for one in nodes:
        layers[depth[one]].append(one)
    for number in range(SWEEPS):
        _sweep(layers if number % 2 == 0 else layers[::-1], above if number % 2 == 0 else below)
    return layers


def _sweep(layers: Sequence[list[UUID]], neighbours: Mapping[UUID, Sequence[UUID]]) -> None:
    """Put the nodes of each layer in the order of the middles of their neighbours, which lie before them."""
    place: dict[UUID, float] = {}
    for layer in layers:
        for number, one in enumerate(layer):
            near = [place[other] for other in neighbours[one] if other in place]
            place[one] = sum(near) / len(near) if near else (number + 0.5) / len(layer)
        layer.sort(key=lambda one: place[one])
        place |= {one: (number + 0.5) / len(layer) for number, one in enumerate(layer)}
