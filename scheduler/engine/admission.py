"""What a recorded slot may do now: run, wait or be left out."""

from dataclasses import dataclass
from datetime import datetime

from scheduler.engine.states import Reason, Status


@dataclass(frozen=True, slots=True)
class Admission:
    """The status a new row is born with, and why where it does not run at once."""

    status: Status
    reason: Reason | None = None
    not_before: datetime | None = None


ADMITTED = Admission(Status.QUEUED)


def admit(*, overlap_policy: str, open_count: int) -> Admission:
    """Decide on one slot of a task that has `open_count` executions QUEUED, RUNNING or SCHEDULED.

    The caller holds the task row's lock, so that two schedulers cannot both find it idle.
    """
    if overlap_policy == "SKIP" and open_count > 0:
        return Admission(Status.SKIPPED, Reason.OVERLAP)
    return ADMITTED
