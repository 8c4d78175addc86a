"""What registration refuses beyond faults of single fields; part of the family in scheduler.errors."""

from collections.abc import Sequence

from scheduler.errors import Fault, InvalidInput, SchedulerError


class NameTaken(SchedulerError):
    """Another task of this namespace has this name already."""


class RecordsRefused(InvalidInput):
    """Some records are bad, and none was to be stored without the others."""

    def __init__(self, count: int, *, of: int, faults: Sequence[Fault]) -> None:
        super().__init__(faults)
        subject = "1 record is" if count == 1 else f"{count:,} records are"
        self.summary = f"{subject} bad of {of:,}, and nothing was written; see errors."


class VersionStale(SchedulerError):
    """What is to be changed has changed since: its version is not the one that If-Match names."""


class NamespaceForbidden(SchedulerError):
    """This token is bound to another namespace."""


class SharedForbidden(NamespaceForbidden):
    """This token is bound to a namespace, and what it would write is shared by all."""


class BoundForbidden(NamespaceForbidden):
    """This token is bound to a namespace, and this is for those that are bound to none."""


class NamespaceNotFound(SchedulerError):
    """The namespace has no row, or this token may not see it."""


class NamespaceTaken(SchedulerError):
    """The namespace has a row already."""


class NamespaceInUse(SchedulerError):
    """The namespace cannot be deleted; the message says what it still has."""


class CalendarNotFound(SchedulerError):
    """No such calendar, or not one that this token may see."""


class CalendarNameTaken(SchedulerError):
    """Another calendar of this namespace, or another shared one, has this name already."""


class CalendarInUse(SchedulerError):
    """Tasks use the calendar: it cannot be deleted."""

    def __init__(self, count: int, names: Sequence[str]) -> None:
        others = f" and {count - len(names):,} more" if count > len(names) else ""
        subject = "1 task uses" if count == 1 else f"{count:,} tasks use"
        super().__init__(
            f"{subject} this calendar: {', '.join(map(repr, names))}{others}. Give them another one, or none, first."
        )


class TemplateNotFound(SchedulerError):
    """No such template, or not one that this token may see."""


class TemplateNameTaken(SchedulerError):
    """Another template of this namespace, or another shared one, has this name already."""


class TemplateInUse(SchedulerError):
    """Tasks were made of the template: it cannot be deleted; the message says how many."""


class EventNotFound(SchedulerError):
    """No such event, or not one that this token may see, or one that is no longer kept."""


class WebhookNotFound(SchedulerError):
    """No such webhook, or not one that this token may see."""


class WebhookOff(SchedulerError):
    """The webhook is switched off: it is sent nothing."""


class DeliveryNotFound(SchedulerError):
    """The webhook has no such message, or it is no longer kept."""


class DeliveryPending(SchedulerError):
    """The message has not come to its end yet: it is tried again by itself."""


class TokenNotFound(SchedulerError):
    """No such token, or not one that this token may see, or one that is revoked already."""


class AuditRecordNotFound(SchedulerError):
    """No such audit record, or not one that this token may see."""


class TaskInUse(SchedulerError):
    """Other tasks depend on the task: it cannot be deleted."""

    def __init__(self, count: int, names: Sequence[str]) -> None:
        others = f"{count - len(names):,} of other namespaces" if not names else f"{count - len(names):,} more"
        said = [", ".join(map(repr, names))] if names else []
        subject = "1 task depends" if count == 1 else f"{count:,} tasks depend"
        named = " and ".join([*said, others] if count > len(names) else said)
        super().__init__(f"{subject} on this one: {named}. Take it out of their dependencies, or delete them first.")


class NothingFailed(SchedulerError):
    """No task of the run can be tried again; the message says why."""


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
