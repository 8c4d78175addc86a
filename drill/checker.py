"""Holds a history against what was asked for: every slot, attempt, start, fence and end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median

from drill import attempts, recording, starts
from drill.findings import Evidence, Finding, Kind, Struck, Verdict
from drill.history import Row

# How long after its repair a fault still shows in the lateness: lost leases, and clients that connect anew.
AFTERMATH = timedelta(seconds=20)

_SECOND = timedelta(seconds=1)


def judge(evidence: Evidence) -> Verdict:
    """Return what came of it, with every broken promise."""
    findings = list(_findings(evidence))
    expected = sum(
        len(recording.expected_slots(task, evidence.rows_of(task), evidence.closed)) for task in evidence.tasks
    )
    late = list(_lateness(evidence))
    return Verdict(
        expected=expected,
        recorded=expected - sum(finding.kind is Kind.MISSED for finding in findings),
        findings=findings,
        statuses=Counter(row.status for row in evidence.rows),
        attempts=sum(row.scheduled_until is None for row in evidence.rows),
        starts=sum(len(notes) for notes in starts.begun(evidence.notes).values()),
        largest_lateness=max(late, default=0.0),
        largest_quiet_lateness=max(_lateness(evidence, quiet_only=True), default=0.0),
        median_lateness=median(late) if late else 0.0,
        largest_claim_lateness=max(_claim_lateness(evidence), default=0.0),
    )


def _findings(evidence: Evidence) -> Iterator[Finding]:
    noted = starts.begun(evidence.notes)
    for task in evidence.tasks:
        rows = evidence.rows_of(task)
        yield from recording.check(task, rows, evidence.closed)
        yield from attempts.check(task, rows)
        yield from attempts.lost(task, rows, evidence.faults, lease=evidence.lease)
        yield from starts.check(task, rows, noted)
    yield from starts.strangers(evidence.rows, noted)
    yield from _shared_fences(evidence.rows)


def _shared_fences(rows: Sequence[Row]) -> Iterator[Finding]:
    counts = Counter(row.fence for row in rows if row.fence is not None)
    for fence, count in counts.items():
        if count > 1:
            yield Finding(Kind.FENCE, "?", f"{count} executions have the fence {fence}")


def _on_time(evidence: Evidence) -> Iterator[Row]:
    """Yield first attempts that nothing but the platform could delay: no overlap, no catch-up."""
    free = {task.task_id for task in evidence.tasks if task.definition.may_overlap}
    for row in evidence.rows:
        if row.task_id in free and row.attempt == 1 and row.trigger == "SCHEDULE" and row.scheduled_until is None:
            yield row


def _lateness(evidence: Evidence, *, quiet_only: bool = False) -> Iterator[float]:
    for row in _on_time(evidence):
        if row.start_time and not (quiet_only and _is_shaken(row.due_at, evidence.faults)):
            yield (row.start_time - row.due_at) / _SECOND


def _is_shaken(instant: datetime, faults: Sequence[Struck]) -> bool:
    """Tell whether something was broken at an instant, or had just been: what has piled up goes first."""
    return any(fault.began <= instant <= fault.ended + AFTERMATH for fault in faults)


def _claim_lateness(evidence: Evidence) -> Iterator[float]:
    """Yield how late slots were recorded: what was handed back was queued once more since."""
    return (
        (row.queued_at - row.due_at) / _SECOND
        for row in _on_time(evidence)
        if row.queued_at and not row.handed_back_count
    )
