"""What the upstreams of a slot came to: in its run; of those that follow other roots at that slot or the one before."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

import psycopg

from scheduler import backfilled, runs, workflows
from scheduler.engine.workflows import MISSING, PENDING, Finding, Graph, Upstream, Verdict, judge, verdict
from scheduler.runs import Latest
from scheduler.workflows import Workflow


class Slot(Protocol):
    """A slot of a task that waits for others; `run_id` None where it is in no run."""

    @property
    def is_of_backfill(self) -> bool: ...

    @property
    def task_id(self) -> UUID: ...
    @property
    def run_id(self) -> UUID | None: ...
    @property
    def scheduled_for(self) -> datetime: ...


class Found(NamedTuple):
    """One upstream of a slot, and what it came to."""

    upstream: Upstream
    finding: Finding


@dataclass(slots=True)
class _Reading:
    """What has been read of history so far, each thing once."""

    connection: psycopg.Connection
    workflow: Workflow
    roots: dict[UUID, UUID] = field(default_factory=dict)
    in_runs: dict[tuple[UUID, UUID], Latest] = field(default_factory=dict)
    at_slots: dict[tuple[UUID, datetime], Latest] = field(default_factory=dict)
    backfilled: dict[tuple[UUID, datetime], Latest] = field(default_factory=dict)
    to_be_backfilled: dict[tuple[UUID, datetime], datetime] = field(default_factory=dict)
    unseen: set[UUID] = field(default_factory=set)
    _lines: dict[UUID, list[UUID]] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        return self.workflow.graph

    def line(self, task_id: UUID) -> list[UUID]:
        """Return the task and its line, the root last."""
        if task_id not in self._lines:
            self._lines[task_id] = [task_id, *self.graph.line(task_id)]
        return self._lines[task_id]

    def read_runs(self, pairs: Collection[tuple[UUID, UUID]]) -> None:
        """Read the latest attempts of tasks in runs; what is still to be looked at first, for it vanishes later."""
        run_ids = {run_id for _, run_id in pairs}
        self.unseen |= runs.unseen(self.connection, run_ids)
        self.in_runs |= runs.in_runs(self.connection, pairs)


def verdicts(connection: psycopg.Connection, slots: Sequence[Slot]) -> list[Verdict]:
    """Return what the conditions of each slot come to by now; the caller has locked the tasks.

    Without that lock two ends at the same time could each be judged by somebody who does not see the other.
    """
    workflow = workflows.above(connection, {slot.task_id for slot in slots})
    judged = []
    for slot, found in zip(slots, _found(connection, workflow, slots), strict=True):
        mode = workflow.graph.nodes[slot.task_id].mode
        judged.append(judge(mode, (verdict(one.upstream.condition, one.finding) for one in found)))
    return judged


def found(connection: psycopg.Connection, slots: Sequence[Slot]) -> list[list[Found]]:
    """Return what each upstream of each slot came to, in the order in which its task names them."""
    return _found(connection, workflows.above(connection, {slot.task_id for slot in slots}), slots)


def _found(connection: psycopg.Connection, workflow: Workflow, slots: Sequence[Slot]) -> list[list[Found]]:
    reading = _Reading(connection, workflow)
    run_ids = {slot.run_id for slot in slots if slot.run_id is not None}
    reading.roots = {run_id: root.task_id for run_id, root in runs.roots(connection, run_ids).items()}
    reading.read_runs({pair for slot in slots for pair in _in_its_run(reading, slot)})
    _read_slots(reading, {pair for slot in slots for pair in _of_other_roots(reading, slot)})
    _read_backfills(reading, {pair for slot in slots if slot.is_of_backfill for pair in _of_other_roots(reading, slot)})
    return [
        [Found(one, _finding(reading, slot, one.task_id)) for one in workflow.graph.upstreams(slot.task_id)]
        for slot in slots
    ]


def _in_its_run(reading: _Reading, slot: Slot) -> Iterator[tuple[UUID, UUID]]:
    """Yield which tasks to look for in the run of a slot: its upstreams, and those that they wait for there."""
    if slot.run_id is None:
        return
    for upstream in reading.graph.upstreams(slot.task_id):
        for task_id in _part_of_run(reading, upstream.task_id, slot.run_id) or [upstream.task_id]:
            yield task_id, slot.run_id


def _part_of_run(reading: _Reading, task_id: UUID, run_id: UUID) -> list[UUID]:
    """Return a task and its line up to the root of a run; empty where it follows another root."""
    line, root = reading.line(task_id), reading.roots.get(run_id)
    return line[: line.index(root) + 1] if root in line else []


def _is_in_run(reading: _Reading, slot: Slot, task_id: UUID) -> bool:
    if slot.run_id is None:
        return False
    return (task_id, slot.run_id) in reading.in_runs or bool(_part_of_run(reading, task_id, slot.run_id))


def _of_other_roots(reading: _Reading, slot: Slot) -> Iterator[tuple[UUID, datetime]]:
    for upstream in reading.graph.upstreams(slot.task_id):
        if not _is_in_run(reading, slot, upstream.task_id):
            yield upstream.task_id, slot.scheduled_for


def _read_slots(reading: _Reading, pairs: Collection[tuple[UUID, datetime]]) -> None:
    """Read the latest slots of these tasks and of their roots, and of those that follow how far that run has come."""
    reading.at_slots = runs.at_slots(reading.connection, _with_roots(reading, pairs))
    _read_lines(reading, pairs, reading.at_slots)


def _read_backfills(reading: _Reading, pairs: Collection[tuple[UUID, datetime]]) -> None:
    """Read the same of backfills, and what they have not come to yet."""
    wanted = _with_roots(reading, pairs)
    reading.backfilled = backfilled.newest(reading.connection, wanted)
    reading.to_be_backfilled = backfilled.to_come(reading.connection, wanted)
    _read_lines(reading, pairs, reading.backfilled)


def _with_roots(reading: _Reading, pairs: Collection[tuple[UUID, datetime]]) -> set[tuple[UUID, datetime]]:
    return {(end, slot) for task_id, slot in pairs for end in (task_id, reading.line(task_id)[-1])}


def _read_lines(
    reading: _Reading, pairs: Collection[tuple[UUID, datetime]], slots: Mapping[tuple[UUID, datetime], Latest]
) -> None:
    reading.read_runs(
        {
            (one, root.run_id)
            for task_id, slot in pairs
            for root in [slots.get((reading.line(task_id)[-1], slot))]
            if root is not None and root.run_id is not None
            for one in reading.line(task_id)[:-1]
        }
    )


def _finding(reading: _Reading, slot: Slot, task_id: UUID) -> Finding:
    if slot.run_id is not None and (latest := reading.in_runs.get((task_id, slot.run_id))):
        return latest.finding
    if slot.run_id is not None and (part := _part_of_run(reading, task_id, slot.run_id)):
        return PENDING if _is_coming(reading, part, slot.run_id) else MISSING
    if slot.is_of_backfill and (found := _by_backfill(reading, task_id, slot.scheduled_for)) is not None:
        return found
    return _at_slot(reading, task_id, slot.scheduled_for)


def _is_coming(reading: _Reading, line: Sequence[UUID], run_id: UUID) -> bool:
    """Tell whether a task that has nothing in a run yet will have: one that it waits for there has not ended.

    Where the last of them has ended, and that has been looked at, it did not wait for it at the time.
    """
    if run_id in reading.unseen:
        return True
    latest = next((reading.in_runs[pair] for pair in ((one, run_id) for one in line) if pair in reading.in_runs), None)
    return latest is not None and not latest.finding.is_final


def _by_backfill(reading: _Reading, task_id: UUID, slot: datetime) -> Finding | None:
    """Return what a backfill has made of the slot that counts for one of another backfill, or will make of it.

    None where the schedule's own slot is what counts: it is the later one, or no backfill has run it.
    """
    *following, root = reading.line(task_id)
    own, again = reading.at_slots.get((task_id, slot)), reading.backfilled.get((task_id, slot))
    counts = max((one.scheduled_for for one in (own, again) if one is not None), default=slot)
    begun, coming = reading.backfilled.get((root, slot)), reading.to_be_backfilled.get((root, slot))
    if coming is not None and (coming >= counts or (own is None and again is None)):
        return PENDING
    if following and begun is not None and begun.run_id is not None and (task_id, begun.run_id) not in reading.in_runs:
        if not begun.finding.is_final or _is_coming(reading, [*following[1:], root], begun.run_id):
            return PENDING
    return again.finding if again is not None and again.scheduled_for == counts else None


def _at_slot(reading: _Reading, task_id: UUID, slot: datetime) -> Finding:
    """Return what a task that follows another root came to at a slot, or at its latest one before."""
    *following, root = reading.line(task_id)
    to_come = reading.workflow.next_slots.get(root)
    if to_come is not None and to_come <= slot:
        return PENDING
    latest, begun = reading.at_slots.get((task_id, slot)), reading.at_slots.get((root, slot))
    if following and begun is not None and begun.run_id is not None:
        part = reading.in_runs.get((task_id, begun.run_id))
        if part is None and _is_coming(reading, [*following[1:], root], begun.run_id):
            return PENDING
        if part is None and not begun.finding.is_final:
            return PENDING
    return latest.finding if latest is not None else MISSING
