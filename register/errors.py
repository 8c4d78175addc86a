"""What registration refuses beyond faults of single fields; part of the family in scheduler.errors."""

from collections.abc import Sequence
from typing import Final

import psycopg
from django.db import InterfaceError, OperationalError

from scheduler.errors import Fault, InvalidInput, PartitionMissing, SchedulerError

# What is raised where the database fails, or has no place for a row: the same may succeed a moment later.
UNAVAILABLE: Final = (
    OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, PartitionMissing,
)  # fmt: skip


class Taken(SchedulerError):
    """Something else has this name already."""


class NameTaken(Taken):
    """Another task of this namespace has this name already."""


class RecordsRefused(InvalidInput):
    """Some records are bad, and none was to be stored without the others."""

    def __init__(self, count: int, *, of: int, faults: Sequence[Fault]) -> None:
        super().__init__(faults)
        subject = "1 record is" if count == 1 else f"{count:,} records are"
        self.summary = f"{subject} bad of {of:,}, and nothing was written; see errors."


class StoredInPart(SchedulerError):
    """The database has failed when some records were stored already."""

    def __init__(self, count: int, *, of: int) -> None:
        super().__init__(
            f"The database does not answer in time. At least {count:,} of {of:,} records are stored; send the same "
            "again with the mode upsert."
        )


class AppliedInPart(SchedulerError):
    """The database has failed when some tasks had the latest version of a template already."""

    def __init__(self, count: int) -> None:
        tasks = "1 task has" if count == 1 else f"{count:,} tasks have"
        super().__init__(
            f"The database does not answer in time. At least {tasks} the latest version; apply it again for the others."
        )


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


class NamespaceTaken(Taken):
    """The namespace has a row already."""


class NamespaceInUse(SchedulerError):
    """The namespace cannot be deleted; the message says what it still has."""


class CalendarNotFound(SchedulerError):
    """No such calendar, or not one that this token may see."""


class CalendarNameTaken(Taken):
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


class TemplateNameTaken(Taken):
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
    """The webhook has no such delivery, or it is no longer kept."""


class DeliveryPending(SchedulerError):
    """The delivery has not come to its end yet: it is tried again by itself."""


class TokenNotFound(SchedulerError):
    """No such token, or not one that this token may see, or one that is revoked already."""


class FlowPlanNotFound(SchedulerError):
    """Nothing of that id is planned, or it has begun or was called off."""


class CircuitNotFound(SchedulerError):
    """Nothing of that name has been called yet."""


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


class NotACatchUp(SchedulerError):
    """The operation is no catch-up: there is nothing to approve, throttle or drop."""


class ExecutionEnded(SchedulerError):
    """The execution has ended: there is nothing to cancel."""


class NotRetryable(SchedulerError):
    """This attempt cannot be tried again; the message says why."""
