"""What a task promises of its slots, and whether a slot keeps it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.engine.sla import Promise, Verdict, Watched, deadline_after, holds_for, is_excused, judge, promised
from scheduler.engine.states import Reason, Status, Trigger

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("slot", "local_time", "time_zone", "deadline"),
    [
        ("2026-06-01T02:00:00Z", "06:00", "UTC", "2026-06-01T06:00:00Z"),
        ("2026-06-01T06:00:00Z", "06:00", "UTC", "2026-06-02T06:00:00Z"),
        ("2026-06-01T06:00:00.000001Z", "06:00", "UTC", "2026-06-02T06:00:00Z"),
        ("2026-06-01T05:59:59.999999Z", "06:00", "UTC", "2026-06-01T06:00:00Z"),
        ("2026-06-01T02:00:00Z", "06:00", "Europe/Berlin", "2026-06-01T04:00:00Z"),
        ("2026-06-01T22:30:00Z", "06:00", "America/New_York", "2026-06-02T10:00:00Z"),
        ("2026-06-01T23:00:00Z", "00:00", "UTC", "2026-06-02T00:00:00Z"),
        # The clock leaves out 02:00 to 03:00: the first instant after the gap.
        ("2026-03-29T00:00:00Z", "02:30", "Europe/Berlin", "2026-03-29T01:00:00Z"),
        # It shows 02:00 to 03:00 twice: the first pass, and after that the next day.
        ("2026-10-24T23:00:00Z", "02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        ("2026-10-25T00:30:00Z", "02:30", "Europe/Berlin", "2026-10-26T01:30:00Z"),
        # A day that Samoa did not have.
        ("2011-12-30T09:00:00Z", "06:00", "Pacific/Apia", "2011-12-30T10:00:00Z"),
    ],
)
def test_it_finds_the_first_such_local_time_after_the_slot(
    slot: str, local_time: str, time_zone: str, deadline: str
) -> None:
    assert deadline_after(_at(slot), local_time, time_zone=time_zone) == _at(deadline)


def test_it_keeps_the_deadline_as_an_instant() -> None:
    sla = json.dumps({"maxLatenessSeconds": 60, "maxDurationSeconds": None, "deadlineAt": "13:00"})

    assert promised(sla, NOON, time_zone="UTC") == {
        "maxLatenessSeconds": 60,
        "maxDurationSeconds": None,
        "deadlineAt": "2026-06-01T13:00:00Z",
    }


@pytest.mark.parametrize(
    ("trigger", "cause", "holds"),
    [
        (Trigger.SCHEDULE, "slot:2026", True),
        (Trigger.CATCH_UP, "slot:2026", True),
        (Trigger.DEPENDENCY, "dependency:1", True),
        (Trigger.RETRY, "slot:2026", True),
        (Trigger.MANUAL, "manual:1", False),
        (Trigger.RETRY, "manual:1", False),
        (Trigger.BACKFILL, "backfill:1", False),
        (Trigger.DEPENDENCY, "backfill:1", False),
    ],
)
def test_it_promises_nothing_of_what_somebody_asks_for(trigger: Trigger, cause: str, holds: bool) -> None:
    assert holds_for(trigger, cause) is holds


@pytest.mark.parametrize(
    ("reason", "excused"), [(reason, reason in {"calendar", "paused", "requested", "deleted"}) for reason in Reason]
)
def test_it_excuses_what_somebody_wanted_left_out(reason: Reason, excused: bool) -> None:
    assert is_excused(Status.SKIPPED, reason) is excused


def _watched(**columns: Any) -> Watched:
    own: dict[str, Any] = {
        "sla": {}, "attempt": 1, "trigger": "SCHEDULE", "status": Status.QUEUED, "reason": None, "due_at": NOON,
        "start_time": None, "end_time": None,
    }  # fmt: skip
    return Watched(**own | columns)


LATENESS = {"maxLatenessSeconds": 60}
DURATION = {"maxDurationSeconds": 60}
DEADLINE = {"deadlineAt": "2026-06-01T12:01:00Z"}
BROKEN_LATENESS = Verdict({Promise.LATENESS: NOON + MINUTE})
BROKEN_DURATION = Verdict({Promise.DURATION: NOON + MINUTE})
BROKEN_DEADLINE = Verdict({Promise.DEADLINE: NOON + MINUTE})
KEPT = Verdict()
LATER = Verdict({}, NOON + MINUTE)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("columns", "after", "verdict"),
    [
        ({"sla": LATENESS}, 59, LATER),
        ({"sla": LATENESS}, 60, BROKEN_LATENESS),
        ({"sla": LATENESS, "start_time": NOON + MINUTE}, 90, KEPT),
        ({"sla": LATENESS, "start_time": NOON + MINUTE + MICROSECOND}, 90, BROKEN_LATENESS),
        ({"sla": LATENESS, "attempt": 2}, 90, KEPT),
        ({"sla": LATENESS, "status": Status.SKIPPED, "reason": "overlap", "end_time": NOON}, 60, BROKEN_LATENESS),
        ({"sla": LATENESS, "status": Status.SKIPPED, "reason": "paused", "end_time": NOON}, 60, KEPT),
        ({"sla": LATENESS, "status": Status.CANCELLED, "cancelled_at": NOON + MINUTE}, 60, KEPT),
        (
            {"sla": LATENESS, "status": Status.CANCELLED, "cancelled_at": NOON + MINUTE + MICROSECOND},
            90,
            BROKEN_LATENESS,
        ),
        (
            {"sla": LATENESS, "status": Status.SCHEDULED, "reason": "dependency", "trigger": "DEPENDENCY"},
            600,
            Verdict({}, NOON + 11 * MINUTE),
        ),
        ({"sla": LATENESS, "status": Status.SCHEDULED, "reason": "dependency"}, 60, BROKEN_LATENESS),
        ({"sla": DURATION}, 600, Verdict({}, NOON + 11 * MINUTE)),
        ({"sla": DURATION, "status": Status.RUNNING, "start_time": NOON}, 59, LATER),
        ({"sla": DURATION, "status": Status.RUNNING, "start_time": NOON}, 60, BROKEN_DURATION),
        ({"sla": DURATION, "status": Status.RUNNING, "start_time": NOON, "attempt": 3}, 60, BROKEN_DURATION),
        ({"sla": DURATION, "status": Status.FAILED, "start_time": NOON, "end_time": NOON + MINUTE}, 90, KEPT),
        (
            {"sla": DURATION, "status": Status.SUCCESS, "start_time": NOON, "end_time": NOON + MINUTE + MICROSECOND},
            90,
            BROKEN_DURATION,
        ),
        ({"sla": DURATION, "status": Status.CANCELLED}, 60, KEPT),
        ({"sla": DEADLINE}, 59, LATER),
        ({"sla": DEADLINE}, 60, BROKEN_DEADLINE),
        ({"sla": DEADLINE, "status": Status.FAILED, "succeeded_at": NOON + MINUTE}, 60, KEPT),
        ({"sla": DEADLINE, "status": Status.SUCCESS, "succeeded_at": NOON + MINUTE + MICROSECOND}, 90, BROKEN_DEADLINE),
        ({"sla": DEADLINE, "status": Status.FAILED, "attempt": 2}, 60, KEPT),
        ({"sla": DEADLINE, "status": Status.CANCELLED, "cancelled_at": NOON}, 60, KEPT),
        ({"sla": DEADLINE, "status": Status.SKIPPED, "reason": "misfire"}, 60, BROKEN_DEADLINE),
        (
            {"sla": LATENESS | DURATION | DEADLINE, "status": Status.RUNNING, "start_time": NOON + 30 * MICROSECOND},
            59,
            LATER,
        ),
    ],
)
def test_it_judges_an_attempt(columns: dict[str, Any], after: int, verdict: Verdict) -> None:
    found = judge(_watched(**columns), now=NOON + timedelta(seconds=after))

    assert (dict(found.broken), found.next_look) == (dict(verdict.broken), verdict.next_look)
