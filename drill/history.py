"""What the drill reads afterwards: the rows of history, and what the handlers themselves have noted."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg.rows import class_row

# Where the handlers note, in the environment of every worker.
NOTES = "DRILL_NOTES"
BEGUN = "begun"
OPEN = ("SCHEDULED", "QUEUED", "RUNNING")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of history; `scheduled_until` only where it stands for slots that did not run."""

    id: UUID
    task_id: UUID
    cause: str
    attempt: int
    trigger: str
    status: str
    scheduled_for: datetime
    due_at: datetime
    reason: str | None = None
    scheduled_until: datetime | None = None
    slot_count: int | None = None
    queued_at: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    fence: int | None = None
    handed_back_count: int = 0
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a handler noted outside the database: that it began or ended, as which process, under which fence."""

    event: str
    execution: UUID
    task: UUID
    attempt: int
    fence: int
    pid: int
    at: float


_ROWS = """
SELECT id, task_id, cause, attempt, trigger, status, scheduled_for, due_at, reason, scheduled_until, slot_count,
    queued_at, start_time, end_time, fence, handed_back_count, error_message
FROM task_execution_history ORDER BY id
"""


def read_rows(connection: psycopg.Connection) -> list[Row]:
    """Return all rows of history, by id."""
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(_ROWS).fetchall()


def read_notes(file: Path) -> list[Note]:
    """Return what the handlers have noted, in the order in which they did; a line cut by a kill is left out."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [_note(json.loads(line)) for line in lines if line.endswith("]")]


def _note(values: list[str | int | float]) -> Note:
    event, execution, task, attempt, fence, pid, at = values
    return Note(str(event), UUID(str(execution)), UUID(str(task)), int(attempt), int(fence), int(pid), float(at))
