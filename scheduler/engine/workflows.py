"""Workflows as graphs: which upstream sets a task's pace, what its conditions come to, where they form a cycle."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Final, NamedTuple
from uuid import UUID

from scheduler.engine.schedules import InvalidSchedule, parse_cron
from scheduler.engine.states import Status

# What comes once, or on request only, is slower than any rhythm.
NEVER_AGAIN: Final = timedelta.max
SLOTS_MEASURED: Final = 1_000

_SINCE: Final = datetime(2024, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(2200, 1, 1, tzinfo=UTC)


class Condition(StrEnum):
    """What the slot of an upstream has to come to."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DONE = "DONE"


class Mode(StrEnum):
    """Whether all conditions have to hold, or one of them."""

    ALL = "ALL"
    ANY = "ANY"


class Verdict(StrEnum):
    """What the conditions of one slot come to: it goes, it waits on, or it will never go."""

    MET = "MET"
    OPEN = "OPEN"
    IMPOSSIBLE = "IMPOSSIBLE"


_FAILURES: Final = frozenset({Status.FAILED, Status.TIMED_OUT, Status.LOST})


class Upstream(NamedTuple):
    """One arrow of the graph, as the task that depends has it."""

    task_id: UUID
    condition: Condition


class Finding(NamedTuple):
    """What a slot of an upstream came to; final with no status where there is no such slot and none will come."""

    is_final: bool
    status: Status | None = None
    execution: UUID | None = None


PENDING: Final = Finding(False)
MISSING: Final = Finding(True)


def verdict(condition: Condition, finding: Finding) -> Verdict:
    """Return what one condition comes to; FAILURE is FAILED, TIMED_OUT or LOST, DONE any end."""
    if not finding.is_final:
        return Verdict.OPEN
    if finding.status is None:
        return Verdict.IMPOSSIBLE
    holds = {
        Condition.SUCCESS: finding.status is Status.SUCCESS,
        Condition.FAILURE: finding.status in _FAILURES,
        Condition.DONE: True,
    }[condition]
    return Verdict.MET if holds else Verdict.IMPOSSIBLE


def judge(mode: Mode, verdicts: Iterable[Verdict]) -> Verdict:
    """Return what the conditions of a task come to; without any it goes.

    One that cannot hold any more decides ALL at once, one that holds ANY; the others are not waited for.
    """
    found = frozenset(verdicts)
    deciding, otherwise = (Verdict.IMPOSSIBLE, Verdict.MET) if mode is Mode.ALL else (Verdict.MET, Verdict.IMPOSSIBLE)
    if not found:
        return Verdict.MET
    if deciding in found:
        return deciding
    return Verdict.OPEN if Verdict.OPEN in found else otherwise


@lru_cache(maxsize=4_096)
def pace(cron_expression: str | None, interval_seconds: int | None, run_at: datetime | None) -> timedelta | None:
    """Return the mean time between the slots of a schedule; None where there is no schedule.

    Of a cron text over 1,000 slots from 2024 on, in UTC and without its calendar: what is compared are rhythms.
    """
    if interval_seconds is not None:
        return timedelta(seconds=interval_seconds)
    if run_at is not None:
        return NEVER_AGAIN
    if cron_expression is None:
        return None
    try:
        slots = list(parse_cron(cron_expression, "UTC").between(_SINCE, _UNTIL, limit=SLOTS_MEASURED))
    except InvalidSchedule:  # its next claim pauses the task
        return NEVER_AGAIN
    return (slots[-1] - slots[0]) / (len(slots) - 1) if len(slots) > 1 else NEVER_AGAIN


@dataclass(frozen=True, slots=True)
class Node:
    """A task of the graph; `pace` is that of its own schedule, None where it has none."""

    pace: timedelta | None = None
    upstreams: tuple[Upstream, ...] = ()
    mode: Mode = Mode.ALL


@dataclass(frozen=True, slots=True)
class Graph:
    """Tasks with all that they depend on, near and far, and how slow each of them is."""

    nodes: Mapping[UUID, Node]
    paces: Mapping[UUID, timedelta]

    @classmethod
    def of(cls, nodes: Mapping[UUID, Node]) -> "Graph":
        """Return the graph of these tasks: each is as slow as its schedule, or else as its slowest upstream.

        Raises CycleError, which register does not let happen.
        """
        sorter = TopologicalSorter({key: [one.task_id for one in node.upstreams] for key, node in nodes.items()})
        paces: dict[UUID, timedelta] = {}
        for task_id in sorter.static_order():
            node = nodes.get(task_id, Node())
            above = (paces[upstream.task_id] for upstream in node.upstreams)
            paces[task_id] = max(above, default=NEVER_AGAIN) if node.pace is None else node.pace
        return cls(nodes, paces)

    def upstreams(self, task_id: UUID) -> tuple[Upstream, ...]:
        """Return what a task depends on; nothing of one that is not in the graph."""
        node = self.nodes.get(task_id)
        return node.upstreams if node else ()

    def slowest(self, task_id: UUID) -> UUID | None:
        """Return the upstream whose slots a task follows, of several with one pace the one that it names first.

        None where it has slots of its own: a schedule, or neither schedule nor upstream.
        """
        node = self.nodes.get(task_id)
        if node is None or node.pace is not None or not node.upstreams:
            return None
        return max(node.upstreams, key=lambda upstream: self.paces[upstream.task_id]).task_id

    def line(self, task_id: UUID) -> list[UUID]:
        """Return the slowest upstream, that of this one, and so on: the last is the root whose slots these are."""
        line: list[UUID] = []
        above = self.slowest(task_id)
        while above is not None:
            line.append(above)
            above = self.slowest(above)
        return line


def find_cycle(edges: Mapping[UUID, Sequence[UUID]], start: UUID) -> list[UUID]:
    """Return a shortest path along which a task depends on itself, with it at both ends; empty where there is none."""
    came_from: dict[UUID, UUID] = {}
    ahead = [start]
    while ahead:
        following: list[UUID] = []
        for task_id in ahead:
            for upstream in edges.get(task_id, ()):
                if upstream == start:
                    return [*_path(came_from, start, task_id), start]
                if upstream not in came_from:
                    came_from[upstream] = task_id
                    following.append(upstream)
        ahead = following
    return []


def _path(came_from: Mapping[UUID, UUID], start: UUID, end: UUID) -> list[UUID]:
    path = [end]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1]
