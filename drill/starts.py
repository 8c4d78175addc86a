"""Checks by the handlers' own notes that each attempt was started once, and that fences grow over a task's starts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from drill.definitions import Registered
from drill.findings import Finding, Kind
from drill.history import BEGUN, Note, Row

# A handler has run where one of these stands; what was lost, cancelled or killed may have been won and never begun.
_RAN = ("SUCCESS", "FAILED")
_NEVER_RAN = ("SCHEDULED", "QUEUED", "SKIPPED")


def begun(notes: Sequence[Note]) -> Mapping[UUID, list[Note]]:
    """Return the beginnings that were noted, by execution."""
    by_execution: dict[UUID, list[Note]] = defaultdict(list)
    for note in notes:
        if note.event == BEGUN:
            by_execution[note.execution].append(note)
    return by_execution


def check(task: Registered, rows: Sequence[Row], noted: Mapping[UUID, Sequence[Note]]) -> Iterator[Finding]:
    """Yield what the notes say against the rows of a task; `noted` are the beginnings, by execution."""
    name = task.definition.name
    for row in rows:
        notes = noted.get(row.id, ())
        if len(notes) > 1:
            where = ", ".join(f"by process {note.pid} under fence {note.fence}" for note in notes)
            yield Finding(Kind.STARTED_TWICE, name, f"{row.id}, attempt {row.attempt}: {where}")
        if not notes and row.status in _RAN:
            yield Finding(Kind.NOT_STARTED, name, f"{row.id} is {row.status}, and no handler has begun it")
        if notes and row.status in _NEVER_RAN:
            yield Finding(Kind.UNEXPECTED, name, f"{row.id} is {row.status}, and a handler has begun it")
        for note in notes:
            if (note.attempt, note.fence) != (row.attempt, row.fence):
                text = f"{row.id} began as attempt {note.attempt}, fence {note.fence}; its row says {row.fence}"
                yield Finding(Kind.FENCE, name, text)
    yield from _fences(name, rows, may_overlap=task.definition.may_overlap)


def strangers(rows: Sequence[Row], noted: Mapping[UUID, Sequence[Note]]) -> Iterator[Finding]:
    """Yield beginnings of executions that history does not know."""
    known = {row.id for row in rows}
    for execution in noted:
        if execution not in known:
            yield Finding(Kind.UNEXPECTED, "?", f"{execution} was begun, and history has no row of it")


def _fences(name: str, rows: Sequence[Row], *, may_overlap: bool) -> Iterator[Finding]:
    """Yield starts whose fence is not above those of all runs that had ended by then, and of earlier attempts.

    What may overlap may have waited in a bundle, won already, while another run of the task was won, ran and ended: its
    fence is above those of the runs that had ended when it was queued.
    """
    runs = sorted((row for row in rows if row.fence is not None and row.start_time), key=_started)
    for number, row in enumerate(runs):
        won_after = row.queued_at if may_overlap else row.start_time
        before = [other for other in runs[:number] if _precedes(other, row, won_after)]
        if before and (highest := max(other.fence or 0 for other in before)) >= (row.fence or 0):
            text = f"{row.id} started under fence {row.fence}, after a run under {highest} had ended"
            yield Finding(Kind.FENCE, name, text)


def _started(row: Row) -> tuple[object, int]:
    return row.start_time, row.attempt


def _precedes(one: Row, other: Row, won_after: datetime | None) -> bool:
    if one.cause == other.cause:
        return one.attempt < other.attempt
    return one.end_time is not None and won_after is not None and one.end_time <= won_after
