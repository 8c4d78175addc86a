"""Counts the slots of range rows after the claim, which never counts: a month of missed seconds is 2.6 million."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg

from scheduler import endings
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.schedules import InvalidSchedule, NeverSchedule, Schedule
from scheduler.lookups import task_of
from scheduler.schedules import build

ROWS_PER_PASS = 100
SLOTS_PER_PASS = 100_000

_MICROSECOND = timedelta(microseconds=1)

_SCHEDULE_COLUMNS = (
    "cron_expression", "time_zone", "interval_seconds", "anchor_at", "run_at", "start_at", "end_at", "calendar_policy"
)  # fmt: skip

_UNCOUNTED = f"""
SELECT h.id, h.scheduled_for, h.scheduled_until, t.{", t.".join(_SCHEDULE_COLUMNS)}, c.rules::text
FROM task_execution_history h {task_of("h", f"calendar_id, {', '.join(_SCHEDULE_COLUMNS)}")}
LEFT JOIN scheduler_calendars c ON c.id = t.calendar_id
WHERE h.scheduled_until IS NOT NULL AND h.slot_count IS NULL
ORDER BY h.id LIMIT %s
"""  # noqa: S608 - the columns stand above

_COUNTED = f"""
WITH ended AS (
    UPDATE task_execution_history h SET slot_count = %(count)s WHERE h.id = %(id)s AND h.slot_count IS NULL
    RETURNING h.id
)
{endings.NOTE}
"""  # noqa: S608 - the note is ours


@dataclass(slots=True)
class RangeCounter:
    """Counts in passes of bounded work; what one pass has not finished the next goes on with."""

    _begun: dict[UUID, tuple[datetime, int]] = field(default_factory=dict)

    def count(self, connection: psycopg.Connection) -> int:
        """Fill in `slotCount` of some range rows; return how many were finished."""
        finished = 0
        budget = SLOTS_PER_PASS
        for execution, first, last, *columns in connection.execute(_UNCOUNTED, (ROWS_PER_PASS,)).fetchall():
            position, counted = self._begun.pop(execution, (first, 0))
            seen, position = _walk(_schedule(columns), position, last, budget)
            counted, budget = counted + seen, budget - seen
            if budget <= 0:
                self._begun[execution] = (position, counted)
                break
            # The definition may have changed since; the two ends of a range were slots when it was written.
            connection.execute(_COUNTED, {"id": execution, "count": max(counted, 2)})
            finished += 1
        return finished


def _schedule(columns: Sequence[Any]) -> Schedule:
    try:
        return build(**dict(zip((*_SCHEDULE_COLUMNS, "calendar_rules"), columns, strict=True)))
    except (InvalidSchedule, InvalidCalendar):
        # Its task is paused by the next claim; the range keeps its two ends, and the other ranges their turn.
        return NeverSchedule()


def _walk(schedule: Schedule, first: datetime, last: datetime, budget: int) -> tuple[int, datetime]:
    """Count at most `budget` slots from `first` to `last`; return the count and where the next pass begins."""
    seen, position = 0, first
    for slot in islice(schedule.between(first, last + _MICROSECOND), budget):
        seen, position = seen + 1, slot + _MICROSECOND
    return seen, position
