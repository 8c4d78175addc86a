"""Checks that attempts follow each other as the retry policy says, end, do not overlap, and are lost for a cause."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from drill.definitions import RETRYABLE, Definition, Registered
from drill.findings import Finding, Kind, Struck
from drill.history import OPEN, Row

# What the sweep may take beyond the lease.
LOST_WITHIN = timedelta(seconds=10)


def check(task: Registered, rows: Sequence[Row]) -> Iterator[Finding]:
    """Yield what is wrong with the attempts of a task's own slots."""
    by_cause: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_cause[row.cause].append(row)
    for cause, attempts in by_cause.items():
        attempts.sort(key=lambda row: row.attempt)
        for fault in _faults(task.definition, attempts):
            yield Finding(Kind.ATTEMPTS, task.definition.name, f"{cause}: {fault}")
    yield from _left_open(task, rows)
    yield from _overlapping(task, rows)


def lost(task: Registered, rows: Sequence[Row], faults: Sequence[Struck], *, lease: timedelta) -> Iterator[Finding]:
    """Yield executions that were lost where nothing was killed or stopped, or long after it was."""
    for row in rows:
        if row.status != "LOST" or row.start_time is None or row.end_time is None:
            continue
        causes = [
            fault
            for fault in faults
            if fault.may_lose and fault.began <= row.end_time and row.start_time <= fault.ended
        ]
        if not causes:
            text = f"{row.id} ran from {row.start_time} and is LOST: {row.error_message}"
            yield Finding(Kind.LOST, task.definition.name, text)
        elif all(row.end_time - max(cause.began, row.start_time) > lease + LOST_WITHIN for cause in causes):
            text = f"{row.id} is LOST only since {row.end_time}, though {causes[-1].name} was at {causes[-1].began}"
            yield Finding(Kind.LOST, task.definition.name, text)


def _faults(definition: Definition, attempts: Sequence[Row]) -> Iterator[str]:
    numbers = [row.attempt for row in attempts]
    if numbers != list(range(1, len(attempts) + 1)):
        yield f"its attempts are {numbers}"
    yield from _faults_of_retries(definition, attempts)
    for row in attempts:
        if row.status == "SUCCESS" and not _may_succeed(definition, row):
            yield f"attempt {row.attempt} is SUCCESS and cannot have been"
        if row.status == "CANCELLED" and not _may_be_cancelled(definition, row):
            yield f"attempt {row.attempt} was cancelled for {row.reason}"


def _faults_of_retries(definition: Definition, attempts: Sequence[Row]) -> Iterator[str]:
    for row in attempts[:-1]:
        if not _is_retried(definition, row):
            yield f"attempt {row.attempt} is {row.status} and was tried again"
    for row in attempts[1:]:
        if row.trigger != "RETRY":
            yield f"attempt {row.attempt} was triggered by {row.trigger}"
    if _is_retried(definition, attempts[-1]):
        yield f"attempt {attempts[-1].attempt} is {attempts[-1].status} and was not tried again"


def _may_be_cancelled(definition: Definition, row: Row) -> bool:
    return row.reason == "overlap" and definition.overlap_policy == "CANCEL_RUNNING"


def _is_retried(definition: Definition, row: Row) -> bool:
    is_retryable = row.status in RETRYABLE and row.status in definition.retry_on
    return is_retryable and row.attempt <= definition.max_retry_count


def _may_succeed(definition: Definition, row: Row) -> bool:
    work = definition.work
    overstays = work.seconds > definition.timeout_seconds + 1 and not work.is_deaf
    return row.attempt > work.fails_until and not overstays


def _left_open(task: Registered, rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        if row.status in OPEN:
            yield Finding(Kind.OPEN, task.definition.name, f"{row.id} of {row.scheduled_for} is still {row.status}")


def _overlapping(task: Registered, rows: Sequence[Row]) -> Iterator[Finding]:
    if task.definition.may_overlap:
        return
    runs = sorted((row.start_time, row.end_time, row) for row in rows if row.start_time and row.end_time)
    for (_, ended_at, one), (began, _, other) in pairwise(runs):
        if began < ended_at:
            text = f"{other.id} began at {began}, before {one.id} had ended at {ended_at}"
            yield Finding(Kind.OVERLAPPED, task.definition.name, text)
