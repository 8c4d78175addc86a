"""How an attempt ended, on whose word, and whether another follows."""

from collections.abc import Iterator, Sequence
from typing import Final

from scheduler.engine.explanations.facts import Row, Rules
from scheduler.engine.explanations.steps import Step, closed, lasted, seconds_of
from scheduler.engine.retry import RETRYABLE
from scheduler.engine.schedules.instants import told
from scheduler.engine.states import FINAL, Reason, Status

LONGEST_LINE: Final = 300

_CODES: Final = {
    Status.SUCCESS: "succeeded",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "timed_out",
    Status.LOST: "worker_lost",
    Status.CANCELLED: "cancelled",
}
_CANCELLED_BY: Final[dict[str, str]] = {
    Reason.OVERLAP: "a newer execution took its place, by overlapPolicy CANCEL_RUNNING",
    Reason.DELETED: "its task was deleted",
    Reason.REQUESTED: "the operation that it belonged to was aborted",
}


def of(row: Row, rules: Rules, *, later: Row | None) -> Iterator[Step]:
    """Yield the end of an attempt and what follows from it; nothing where it has not ended.

    Codes: cancel_requested, succeeded, failed, timed_out, worker_lost, cancelled, retry, no_retry.
    """
    if row.cancel_requested_at is not None:
        message = f"It was asked to end: {_cancelled_by(row)}."
        yield Step(row.cancel_requested_at, "cancel_requested", message, {"reason": row.reason})
    if row.status not in FINAL:
        return
    yield _end(row)
    if row.status in RETRYABLE:
        yield _followed(row, rules, later)


def main(steps: Sequence[Step]) -> str:
    """Return what the step of an attempt's end says."""
    return next((step.message for step in steps if step.code in _CODES.values()), "it ended")


def first_line(text: str | None) -> str:
    """Return the beginning of an error, without its traceback."""
    line = (text or "").strip().partition("\n")[0].strip()
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def _end(row: Row) -> Step:
    status, error = Status(row.status), first_line(row.error_message).rstrip(".")
    ran = row.end_time - row.start_time if row.end_time is not None and row.start_time is not None else None
    after = f" after {lasted(ran)}" if ran is not None else ""
    words = {
        Status.SUCCESS: f"It succeeded{after}.",
        Status.FAILED: closed(f"It failed{after}: {error or 'no error was given'}"),
        Status.TIMED_OUT: closed(f"It was ended{after}: {error or f'it may run {row.timeout_seconds} seconds'}"),
        Status.LOST: closed(f"Its worker was lost{after}: {error or 'it stopped renewing its lease'}"),
        Status.CANCELLED: f"It was cancelled{after}: {_cancelled_by(row)}.",
    }[status]
    data = {
        "status": status.value,
        "nodeId": row.node_id,
        "ranSeconds": seconds_of(ran) if ran is not None else None,
        "error": error or None,
        "reason": row.reason,
    }
    return Step(row.end_time, _CODES[status], words, data)


def _cancelled_by(row: Row) -> str:
    reason = row.reason or ""
    return _CANCELLED_BY.get(reason) or reason or "nobody said why"


def _followed(row: Row, rules: Rules, later: Row | None) -> Step:
    if later is not None:
        at = later.start_time or later.not_before or later.queued_at
        message = f"Attempt {later.attempt} follows: it is {later.status}."
        if later.status == Status.SCHEDULED and later.not_before is not None:
            message = f"Attempt {later.attempt} follows, not before {told(later.not_before)}."
        return Step(at, "retry", message, {"executionId": str(later.id), "attempt": later.attempt})
    data = {"retryOn": list(rules.retry_on), "maxRetryCount": rules.max_retry_count, "attempt": row.attempt}
    if row.status not in rules.retry_on:
        return Step(row.end_time, "no_retry", f"It is not tried again: retryOn leaves out {row.status}.", data)
    if row.attempt > rules.max_retry_count:
        count = rules.max_retry_count
        return Step(row.end_time, "no_retry", f"It is not tried again: maxRetryCount is {count}.", data)
    message = "It is not tried again: its error is for good, its task was deleted, or the rules were others then."
    return Step(row.end_time, "no_retry", message, data)
