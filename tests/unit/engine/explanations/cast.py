"""A row of history and a task's rules, as plain values."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from scheduler.engine.explanations import Around, Explanation, explain_execution

SLOT = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ITSELF, OTHER = UUID(int=1), UUID(int=7)


@dataclass
class FakeRow:
    """An execution that succeeded two seconds after its slot, unless said otherwise."""

    id: UUID = ITSELF
    scheduled_for: datetime = SLOT
    due_at: datetime = SLOT
    scheduled_until: datetime | None = None
    slot_count: int | None = None
    attempt: int = 1
    trigger: str = "SCHEDULE"
    cause: str = "slot:2026-03-02T12:00:00.000000+00:00"
    reason: str | None = None
    run_id: UUID | None = None
    status: str = "SUCCESS"
    queue: str = "default"
    timeout_seconds: int = 60
    queued_at: datetime | None = SLOT
    published_at: datetime | None = SLOT
    not_before: datetime | None = None
    start_time: datetime | None = SLOT + SECOND
    end_time: datetime | None = SLOT + 2 * SECOND
    handed_back_count: int = 0
    node_id: str | None = "worker-1"
    held_by: str | None = None
    lease_expires_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    error_message: str | None = None
    sla: Any = None


@dataclass
class FakeRules:
    """An hourly task with the defaults."""

    status: str = "ACTIVE"
    time_zone: str = "UTC"
    created_at: datetime = SLOT - timedelta(days=30)
    updated_at: datetime = SLOT - timedelta(days=30)
    start_at: datetime | None = None
    end_at: datetime | None = None
    calendar_name: str | None = None
    calendar_policy: str = "SKIP"
    misfire_policy: str = "FIRE_ONCE"
    misfire_grace_seconds: int = 60
    catch_up_limit: int = 100
    overlap_policy: str = "ALLOW"
    max_concurrency: int | None = None
    has_dependencies: bool = False
    dependency_mode: str = "ALL"
    max_retry_count: int = 3
    retry_on: Any = ("FAILED", "TIMED_OUT", "LOST")
    pause_reason: str | None = None
    paused_until: datetime | None = None
    flex_seconds: int = 0
    skip_slots: list[datetime] | None = field(default_factory=list)
    last_slot_for: datetime | None = None
    next_slot_for: datetime | None = SLOT
    claim_at: datetime | None = SLOT


def waiting(**columns: Any) -> FakeRow:
    """Return an execution that has not begun."""
    given = {"status": "SCHEDULED", "queued_at": None, "published_at": None, "start_time": None, "end_time": None}
    return FakeRow(**{**given, "node_id": None, **columns})


def skipped(reason: str, **columns: Any) -> FakeRow:
    """Return a slot that did not run."""
    return waiting(**{"status": "SKIPPED", "reason": reason, "end_time": SLOT, **columns})


def explained(row: FakeRow, *, rules: FakeRules | None = None, **around: Any) -> Explanation:
    """Explain an execution ten minutes after its slot."""
    return explain_execution(row, rules=rules or FakeRules(), around=Around(SLOT + 10 * MINUTE, **around))


def codes(explanation: Explanation) -> list[str]:
    """Return the codes of the steps, in their order."""
    return [step.code for step in explanation.steps]
