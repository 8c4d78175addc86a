"""What registration refuses beyond faults of single fields; part of the family in scheduler.errors."""

from scheduler.errors import SchedulerError


class NameTaken(SchedulerError):
    """Another task of this namespace has this name already."""


class VersionStale(SchedulerError):
    """The task has changed since: its version is not the one that If-Match names."""


class NamespaceForbidden(SchedulerError):
    """This token is bound to another namespace."""


class TaskCompleted(SchedulerError):
    """No further slot of this task will come: there is nothing to pause."""


class NotPaused(SchedulerError):
    """The task is not paused: there is nothing to resume."""


class BackfillOpen(SchedulerError):
    """Another backfill of the task has not ended; the message names it."""


class OperationNotFound(SchedulerError):
    """No such operation, or not one that this token may see."""


class OperationEnded(SchedulerError):
    """The operation has ended: there is nothing to abort."""


class ExecutionEnded(SchedulerError):
    """The execution has ended: there is nothing to cancel."""


class NotRetryable(SchedulerError):
    """This attempt cannot be tried again; the message says why."""
