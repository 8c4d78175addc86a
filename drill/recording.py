"""Checks that each slot was recorded once: by a first attempt of its own, or inside one range that may stand there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from drill import expected
from drill.definitions import Closed, Definition, Registered
from drill.findings import Finding, Kind
from drill.history import OPEN, Row


def expected_slots(task: Registered, rows: Sequence[Row], closed: Closed) -> list[datetime]:
    """Return the slots that a task must have; those of a fixed delay follow from the ends in its history."""
    slots = expected.slots(task, closed)
    if not task.definition.is_fixed_delay:
        return slots
    ends = _ends(rows)
    while slots and (ended_at := ends.get(slots[-1])) is not None:
        following = expected.after_end(task, ended_at)
        if following is None:
            break
        slots.append(following)
    return slots


def check(task: Registered, rows: Sequence[Row], closed: Closed) -> Iterator[Finding]:
    """Yield what is wrong with how a task's slots were recorded. `rows` are those of its own slots."""
    slots = expected_slots(task, rows, closed)
    firsts = [row for row in rows if row.attempt == 1 and row.scheduled_until is None]
    ranges = [row for row in rows if row.scheduled_until is not None]
    yield from _recorded_once(task, slots, firsts, ranges)
    yield from _only_expected(task, set(slots), firsts, ranges)
    for row in firsts:
        if fault := _fault_of_first(task.definition, row, closed):
            yield _illegal(task, row, fault)
    for row in ranges:
        covered = [slot for slot in slots if _covers(row, slot)]
        if fault := _fault_of_range(task.definition, row, covered, closed):
            yield _illegal(task, row, fault)
        elif not _keeps_what_it_must(task.definition, row, slots, firsts, closed):
            yield _illegal(task, row, f"what {task.definition.misfire_policy} keeps behind the range did not run")
        if row.slot_count is not None and row.slot_count != len(covered):
            yield Finding(Kind.MISCOUNTED, task.definition.name, f"{_range(row)} says {row.slot_count} slots")
    yield from _fires_once(task, firsts)


def _recorded_once(
    task: Registered, slots: Sequence[datetime], firsts: Sequence[Row], ranges: Sequence[Row]
) -> Iterator[Finding]:
    for slot in slots:
        own = [row for row in firsts if row.scheduled_for == slot]
        around = [row for row in ranges if _covers(row, slot)]
        if not own and not around:
            yield Finding(Kind.MISSED, task.definition.name, f"nothing stands for the slot {slot}")
        elif len(own) + len(around) > 1:
            text = f"{len(own)} rows and {len(around)} ranges stand for the slot {slot}"
            yield Finding(Kind.DOUBLED, task.definition.name, text)


def _only_expected(
    task: Registered, slots: set[datetime], firsts: Sequence[Row], ranges: Sequence[Row]
) -> Iterator[Finding]:
    for row in firsts:
        if row.scheduled_for not in slots:
            yield Finding(Kind.UNEXPECTED, task.definition.name, f"{row.scheduled_for} is no slot of it")
    for row in ranges:
        if row.scheduled_for not in slots or row.scheduled_until not in slots:
            yield Finding(Kind.UNEXPECTED, task.definition.name, f"{_range(row)} does not go from slot to slot")


def _fault_of_first(definition: Definition, row: Row, closed: Closed) -> str | None:
    jitter = row.due_at - row.scheduled_for
    faults = {
        "it ran though its calendar was closed": definition.calendar_policy is not None
        and not expected.is_open(row.scheduled_for, closed),
        f"its jitter is {jitter}": not timedelta(0) <= jitter <= timedelta(seconds=definition.jitter_seconds),
        f"its trigger is {row.trigger}": row.trigger not in ("SCHEDULE", "CATCH_UP"),
        "it was caught up, which SKIP does not": row.trigger == "CATCH_UP" and definition.misfire_policy == "SKIP",
        "it was caught up though it was not missed": row.trigger == "CATCH_UP" and not _is_missed(definition, row),
        f"it was skipped for {row.reason}": row.status == "SKIPPED" and not _may_skip(definition, row),
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def _is_missed(definition: Definition, row: Row) -> bool:
    grace = timedelta(seconds=definition.grace_seconds)
    return row.queued_at is None or row.queued_at - row.due_at > grace


def _may_skip(definition: Definition, row: Row) -> bool:
    skips = definition.is_fixed_delay or definition.overlap_policy in ("SKIP", "QUEUE")
    return skips and row.reason == "overlap" and row.trigger == "SCHEDULE"


def _fault_of_range(definition: Definition, row: Row, covered: Sequence[datetime], closed: Closed) -> str | None:
    if row.status != "SKIPPED":
        return f"{_range(row)} is {row.status}"
    if row.reason == "calendar":
        is_shut = definition.calendar_policy is not None and not any(expected.is_open(slot, closed) for slot in covered)
        return None if is_shut else f"{_range(row)} is skipped by the calendar, which is open"
    if row.reason != "misfire":
        return f"{_range(row)} is skipped for {row.reason}"
    grace = timedelta(seconds=definition.grace_seconds)
    if row.end_time is None or any(row.end_time - slot <= grace for slot in covered):
        return f"{_range(row)} was not missed by more than its grace when it was recorded at {row.end_time}"
    return None


def _keeps_what_it_must(
    definition: Definition, row: Row, slots: Sequence[datetime], firsts: Sequence[Row], closed: Closed
) -> bool:
    """Tell whether the missed slots that the policy runs follow a range of those that it does not."""
    if row.reason != "misfire" or row.scheduled_until is None:
        return True
    count = {"SKIP": 0, "FIRE_ONCE": 1}.get(definition.misfire_policy, definition.catch_up_limit)
    last = row.scheduled_until
    following = [slot for slot in slots if slot > last and _runs(definition, slot, closed)][:count]
    caught_up = {first.scheduled_for for first in firsts if first.trigger == "CATCH_UP"}
    return len(following) == count and caught_up.issuperset(following)


def _runs(definition: Definition, slot: datetime, closed: Closed) -> bool:
    return definition.calendar_policy is None or expected.is_open(slot, closed)


def _fires_once(task: Registered, firsts: Sequence[Row]) -> Iterator[Finding]:
    """Yield claims that ran more than one missed slot of a task which runs the latest only."""
    if task.definition.misfire_policy != "FIRE_ONCE" or not task.definition.may_overlap:
        return
    caught_up = [
        row.queued_at for row in firsts if row.trigger == "CATCH_UP" and row.queued_at and not row.handed_back_count
    ]
    for queued_at, count in Counter(caught_up).items():
        if count > 1:
            text = f"FIRE_ONCE ran {count} missed slots at {queued_at}"
            yield Finding(Kind.ILLEGAL, task.definition.name, text)


def _ends(rows: Sequence[Row]) -> dict[datetime, datetime]:
    """Return when the last attempt at each slot ended, where it has."""
    last: dict[datetime, Row] = {}
    for row in sorted(rows, key=lambda row: row.attempt):
        last[row.scheduled_for] = row
    return {slot: row.end_time for slot, row in last.items() if row.status not in OPEN and row.end_time is not None}


def _covers(row: Row, slot: datetime) -> bool:
    return row.scheduled_until is not None and row.scheduled_for <= slot <= row.scheduled_until


def _range(row: Row) -> str:
    return f"the range {row.scheduled_for} to {row.scheduled_until}"


def _illegal(task: Registered, row: Row, fault: str) -> Finding:
    return Finding(Kind.ILLEGAL, task.definition.name, f"slot {row.scheduled_for}: {fault}")
