"""The family of errors that callers may meet; platform_scheduler.problems maps each to its HTTP answer, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scheduler.engine.schedules.instants import told


class SchedulerError(Exception):
    """The scheduler refused."""


class TaskNotFound(SchedulerError):
    """No such task, or not one that this token may see."""


class ExecutionNotFound(SchedulerError):
    """No such execution, or not one that this token may see."""


class RevisionNotFound(SchedulerError):
    """The task has no such version, or it was stored before revisions were kept."""


class RunNotFound(SchedulerError):
    """No such run, or not one that this token may see."""


class TaskDeleted(SchedulerError):
    """The task is deleted; its history stays readable, but it cannot run or change."""


class BrokerUnavailable(SchedulerError):
    """The broker did not take the messages; the rows stay QUEUED and the sweep publishes them."""


class StreamFull(SchedulerError):
    """As many clients read the stream as this process serves; its other requests keep their threads."""


class PartitionMissing(SchedulerError):
    """No partition of history holds the row; the statement is repeated once there is one."""


class HistoryRemoved(SchedulerError):
    """Roll-ups are to be counted anew from before the oldest history that is kept, which begins at `kept_since`."""

    def __init__(self, kept_since: datetime) -> None:
        super().__init__(f"History is kept since {told(kept_since)} only.")
        self.kept_since = kept_since


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one field of what somebody sent; `field` is its name in the API, dotted where nested.

    `is_impossible` tells what can be read and still cannot be (HTTP 422) from what is malformed (400).
    """

    field: str
    code: str
    message: str
    is_impossible: bool = False


class InvalidInput(SchedulerError):
    """What was sent has faults; all of them are told at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)
