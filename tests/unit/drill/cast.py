"""One task of a drill with a history as it should be, in which tests plant what should not be there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from drill.checker import judge
from drill.definitions import Closed, Definition, Registered
from drill.findings import Evidence, Struck, Verdict
from drill.history import BEGUN, Note, Row

BEGIN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=8)
TASK = UUID(int=7)
SLOTS = [BEGIN + number * 10 * SECOND for number in range(1, 6)]


def definition(**fields: Any) -> Definition:
    """Return the definition of five slots, ten seconds apart."""
    schedule: dict[str, Any] = {"interval_seconds": 10, "end_at": BEGIN + 55 * SECOND, "grace_seconds": 5}
    return Definition(name="one", **(schedule | fields))


def row(slot: datetime, **fields: Any) -> Row:
    """Return an attempt that began a tenth of a second late, took a second and ended well."""
    attempt = int(fields.get("attempt", 1))
    began = slot + 0.1 * SECOND + (attempt - 1) * 2 * SECOND
    number = int((slot - BEGIN) / SECOND) * 10 + attempt
    values: dict[str, Any] = {
        "id": UUID(int=number),
        "task_id": TASK,
        "cause": f"slot:{slot}",
        "attempt": attempt,
        "trigger": "SCHEDULE" if attempt == 1 else "RETRY",
        "status": "SUCCESS",
        "scheduled_for": slot,
        "due_at": slot,
        "queued_at": slot + 0.02 * SECOND,
        "start_time": began,
        "end_time": began + SECOND,
    }
    values |= fields
    return Row(**({"fence": _drawn_at(values["start_time"], number)} | values))


def _drawn_at(began: datetime | None, number: int) -> int | None:
    """Return a fence as one sequence would give it: later starts have larger ones."""
    return int((began - BEGIN) / SECOND * 10) * 1000 + number if began else None


def passed(first: datetime, last: datetime, **fields: Any) -> Row:
    """Return a range of missed slots, recorded long after them."""
    values: dict[str, Any] = {
        "status": "SKIPPED",
        "reason": "misfire",
        "scheduled_until": last,
        "queued_at": None,
        "start_time": None,
        "end_time": last + 30 * SECOND,
        "fence": None,
    }
    return row(first, **(values | fields))


def caught_up(slot: datetime, **fields: Any) -> Row:
    """Return a missed slot that ran all the same, half a minute late."""
    at = slot + 30 * SECOND
    values: dict[str, Any] = {"trigger": "CATCH_UP", "queued_at": at, "start_time": at, "end_time": at + SECOND}
    return row(slot, **(values | fields))


def noted(one: Row, **fields: Any) -> Note:
    """Return the note of a handler that began a row."""
    values: dict[str, Any] = {
        "event": BEGUN,
        "execution": one.id,
        "task": one.task_id,
        "attempt": one.attempt,
        "fence": one.fence,
        "pid": 100,
        "at": 0.0,
    }
    return Note(**(values | fields))


def healthy() -> list[Row]:
    """Return the five slots, each run once and well."""
    return [row(slot) for slot in SLOTS]


def altered(rows: list[Row], number: int, **fields: Any) -> list[Row]:
    """Return the rows with one of them changed."""
    return [replace(one, **fields) if place == number else one for place, one in enumerate(rows)]


def verdict(
    rows: list[Row],
    *,
    notes: list[Note] | None = None,
    faults: tuple[Struck, ...] = (),
    closed: Closed | None = None,
    **fields: Any,
) -> Verdict:
    """Judge the rows as the history of one task; handlers have noted what ran unless `notes` says otherwise."""
    task = Registered(definition(**fields), TASK, BEGIN)
    if notes is None:
        notes = [noted(one) for one in rows if one.fence is not None]
    return judge(Evidence([task], rows, notes, faults, closed or Closed(), LEASE))


def kinds(found: Verdict) -> list[str]:
    """Return the kinds of what was found."""
    return [finding.kind.value for finding in found.findings]
