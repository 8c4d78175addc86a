"""Workflows as graphs: what tasks wait for each other, and how far one run has come."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from query import selectors
from scheduler import connections, runs, upstreams, workflows
from scheduler.engine.states import OPEN, Status, Trigger
from scheduler.engine.workflows import Finding, Upstream, Verdict, verdict
from scheduler.errors import RunNotFound
from scheduler.models import Execution, Task
from scheduler.upstreams import Found

# What a run that has ended came to: the worst of its tasks'.
_WORST_FIRST: Final = (
    (frozenset({Status.FAILED, Status.TIMED_OUT, Status.LOST}), "FAILED"),
    (frozenset({Status.CANCELLED}), "CANCELLED"),
    (frozenset({Status.SUCCESS}), "SUCCESS"),
)


class Edge(NamedTuple):
    """One task that waits for another; `is_slowest` tells whose slots it follows."""

    task_id: UUID
    upstream: Upstream
    is_slowest: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """The tasks that dependencies join, and what joins them."""

    tasks: Sequence[Task]
    edges: Sequence[Edge]


class Condition(NamedTuple):
    """One condition of a task in a run, and what it comes to by now."""

    task_id: UUID
    upstream: Upstream
    finding: Finding

    @property
    def verdict(self) -> Verdict:
        return verdict(self.upstream.condition, self.finding)


@dataclass(frozen=True, slots=True)
class Place:
    """A task's place in a run; one that is not in it only satisfies a condition there."""

    task: Task
    is_in_run: bool
    execution: Execution | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its root, the places of its tasks, their conditions."""

    root: Execution
    places: Sequence[Place]
    conditions: Sequence[Condition]
    is_open: bool

    @property
    def status(self) -> str:
        """RUNNING while something of it is open; then the worst of its tasks', SKIPPED where none has run."""
        found = {place.execution.status for place in self.places if place.is_in_run and place.execution is not None}
        return come_to(found, is_open=self.is_open)

    @property
    def ended_at(self) -> datetime | None:
        """When the last of its tasks ended; None while it is RUNNING."""
        ends = [place.execution.end_time for place in self.places if place.is_in_run and place.execution is not None]
        return max((end for end in ends if end is not None), default=None) if self.status != "RUNNING" else None


def come_to(statuses: Set[str], *, is_open: bool) -> str:
    """Return what a run has come to whose tasks have these statuses; `is_open` where more of it may follow."""
    if is_open or statuses & OPEN:
        return "RUNNING"
    return next((word for some, word in _WORST_FIRST if statuses & some), "SKIPPED")


class _Slot(NamedTuple):
    task_id: UUID
    run_id: UUID | None
    scheduled_for: datetime
    is_of_backfill: bool = False


def graph_of(task: Task, *, namespace: str | None) -> Shown:
    """Return every task that is joined with one by dependencies, as far as the caller may see them."""
    connection = connections.current()
    joined = workflows.joined(connection, task.id)
    workflow = workflows.above(connection, joined)
    tasks = _tasks(joined, namespace=namespace)
    seen = {one.id for one in tasks}
    edges = [
        Edge(one.id, upstream, upstream.task_id == workflow.graph.slowest(one.id))
        for one in tasks
        for upstream in workflow.graph.upstreams(one.id)
        if upstream.task_id in seen
    ]
    return Shown(tasks, edges)


def find_run(run_id: UUID, *, namespace: str | None) -> Run:
    """Return a run by today's definitions. Raises RunNotFound, also for an execution that is no root."""
    root = selectors.visible_executions(namespace=namespace).filter(id=run_id).first()
    if root is None or root.attempt != 1 or root.run_id not in (None, run_id):
        raise RunNotFound
    connection = connections.current()
    workflow = workflows.above(connection, workflows.joined(connection, root.task_id))
    members = workflows.in_run(workflow, root.task_id)
    found = upstreams.found(
        connection,
        [
            # What follows in the run of a backfill looks at others as any slot does (records.Awaiting).
            _Slot(one, run_id, root.scheduled_for, is_of_backfill=one == root.task_id and _is_of_backfill(root))
            for one in members
        ],
    )
    latest = runs.in_runs(connection, [(one, run_id) for one in members])
    conditions = [Condition(task_id, *one) for task_id, several in zip(members, found, strict=True) for one in several]
    reached = {task_id: one.execution for (task_id, _), one in latest.items()}
    is_open = bool(runs.unseen(connection, [run_id]))
    return _seen(Run(root, _places(members, reached, conditions), conditions, is_open), namespace=namespace)


def _places(members: Sequence[UUID], reached: Mapping[UUID, UUID], conditions: Iterable[Condition]) -> list[Place]:
    outside = {one.upstream.task_id: one.finding.execution for one in conditions if one.upstream.task_id not in members}
    executions = selectors.executions_by_id([one for one in [*reached.values(), *outside.values()] if one is not None])
    tasks = _tasks([*members, *outside], namespace=None)
    return [
        Place(task, task.id not in outside, executions.get(reached.get(task.id) or outside.get(task.id)))
        for task in tasks
    ]


def _seen(run: Run, *, namespace: str | None) -> Run:
    """Return a run without what the caller may not see."""
    if namespace is None:
        return run
    places = [place for place in run.places if place.task.namespace == namespace]
    seen = {place.task.id for place in places}
    conditions = [one for one in run.conditions if one.task_id in seen and one.upstream.task_id in seen]
    return Run(run.root, places, conditions, run.is_open)


def _tasks(task_ids: Sequence[UUID], *, namespace: str | None) -> list[Task]:
    tasks = selectors.visible_tasks(namespace=namespace).filter(id__in=task_ids)
    return sorted(tasks, key=lambda task: (task.name, task.id))


def upstreams_of(execution: Execution) -> list[tuple[Found, str | None]]:
    """Return what an execution's upstreams came to, by today's dependencies, with the names of those it may name."""
    found = upstreams.found(
        connections.current(),
        [
            _Slot(
                execution.task_id,
                execution.run_id,
                execution.scheduled_for,
                is_of_backfill=_is_of_backfill(execution),
            )
        ],
    )[0]
    tasks = {task.id: task for task in _tasks([one.upstream.task_id for one in found], namespace=execution.namespace)}
    return [(one, tasks[one.upstream.task_id].name if one.upstream.task_id in tasks else None) for one in found]


def _is_of_backfill(execution: Execution) -> bool:
    return execution.trigger == Trigger.BACKFILL
