"""Holds what was recorded of one task against the slots that it had: missed, doubled, late."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

# The grace that tasks have by default: what is recorded within it is late, and no misfire.
LATE_AFTER: Final = timedelta(seconds=60)


class SlotFault(StrEnum):
    """What may be wrong with how a slot was recorded."""

    MISSED = "MISSED"
    DOUBLED = "DOUBLED"
    LATE = "LATE"


class Due(NamedTuple):
    """A slot that a task had, and by when it was due; `may_wait` where a calendar closes it: nobody hurries then."""

    slot: datetime
    at: datetime
    may_wait: bool = False


class Record(NamedTuple):
    """A row that stands for a slot, or for all from `slot` to `until`; `at` is when it was written, None unknown.

    `is_caught_up` where the claim itself found the slot missed; `due_at` where the row says when its slot was due.
    """

    slot: datetime
    until: datetime
    at: datetime | None
    is_caught_up: bool = False
    due_at: datetime | None = None


class Hold(NamedTuple):
    """A time within which something that somebody asked for could keep slots from the claim."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task stands: its next slot, and whether that may wait (paused, or flow control holds the task)."""

    next_slot: datetime | None
    may_wait: bool = False

    def has_passed(self, slot: datetime) -> bool:
        """Tell whether the claim has gone past a slot, so that something must stand for it."""
        return self.next_slot is None or slot < self.next_slot


class Found(NamedTuple):
    """One fault of one slot; `by` tells how late, where that is known."""

    slot: datetime
    fault: SlotFault
    by: timedelta | None = None


def judge(
    due: Sequence[Due], records: Sequence[Record], standing: Standing, *, holds: Sequence[Hold] = (), now: datetime
) -> list[Found]:
    """Return what is wrong with the slots that were due up to now, ascending by kind and slot.

    `records` are all that stand for slots from the first of `due` on. A slot is missed where the claim has passed it
    and nothing stands for it; doubled where two rows stand for it; late where it was recorded, or still waits,
    LATE_AFTER after it was due, and no hold lies in between.
    """
    ordered = sorted(records, key=lambda record: (record.slot, record.until))
    return [*_missed_or_late(due, ordered, standing, holds, now=now), *_doubled(ordered)]


def _missed_or_late(
    due: Sequence[Due], records: Sequence[Record], standing: Standing, holds: Sequence[Hold], *, now: datetime
) -> Iterator[Found]:
    # Both ascend, and ranges do not overlap where nothing is doubled: one walk over both.
    position = 0
    for one in due:
        while position < len(records) and records[position].until < one.slot:
            position += 1
        record = records[position] if position < len(records) and records[position].slot <= one.slot else None
        if record is None and standing.has_passed(one.slot):
            yield Found(one.slot, SlotFault.MISSED)
        elif (late := _lateness(one, record, standing, now=now)) is not None:
            due_at = _due_at(one, record)
            if not any(hold.begin <= due_at + late and due_at <= hold.end for hold in holds):
                yield Found(one.slot, SlotFault.LATE, late)


def _lateness(due: Due, record: Record | None, standing: Standing, *, now: datetime) -> timedelta | None:
    """Return how late a slot was recorded, or is by now; None where it was not, or nobody can tell."""
    if due.may_wait:
        return None
    if record is None:
        late = timedelta(0) if standing.may_wait else now - due.at
    elif record.at is not None:
        late = record.at - _due_at(due, record)
    else:
        return None
    return late if late > LATE_AFTER or (record is not None and record.is_caught_up) else None


def _due_at(due: Due, record: Record | None) -> datetime:
    return record.due_at if record is not None and record.due_at is not None else due.at


def _doubled(records: Sequence[Record]) -> Iterator[Found]:
    end: datetime | None = None
    for record in records:
        if end is not None and record.slot <= end:
            yield Found(record.slot, SlotFault.DOUBLED)
        end = record.until if end is None else max(end, record.until)
