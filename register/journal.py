"""Leaves the traces of a write, in its transaction: the revisions of definitions, and the audit records of all.

`scheduler.acting` says who; `now` is that of the write.
"""

from collections.abc import Collection
from datetime import datetime
from functools import singledispatch
from typing import Any

from scheduler import audit, connections, revisions
from scheduler.audit import Entry
from scheduler.engine.changes import same
from scheduler.flow import OBJECT as FLOW_CONTROL
from scheduler.models import (
    ApiToken,
    Calendar,
    Circuit,
    Event,
    Execution,
    FlowControl,
    Namespace,
    Operation,
    Task,
    Template,
    Webhook,
)
from scheduler.models.choices import AuditKind, AuditVerb

_About = tuple[AuditKind, Any, str | None, str | None]


def defined(verb: AuditVerb, tasks: Collection[Task], *, now: datetime, restored_from: int | None = None) -> None:
    """Keep the definitions of tasks that have just been stored, with a record each: two statements for all of them."""
    connection = connections.current()
    revisions.keep(connection, [task.id for task in tasks], restored_from=restored_from)
    if restored_from is not None:
        verb = AuditVerb.RESTORE
    after = {"restoredFrom": restored_from} if restored_from is not None else None
    audit.record(connection, [_entry(verb, task, version=task.version, after=after) for task in tasks], now=now)


def note(
    verb: AuditVerb,
    row: Any,
    *,
    now: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Record what was done to a row: what of it was before, and what is after, by the names of the API."""
    audit.record(connections.current(), [_entry(verb, row, before=before, after=after)], now=now)


def retried(pairs: Collection[tuple[Execution, Execution]], *, now: datetime) -> None:
    """Record that executions are tried again: each with its next attempt, in one statement."""
    entries = [
        _entry(
            AuditVerb.RETRY,
            execution,
            after={"executionId": str(attempt.id), "attempt": attempt.attempt, "status": attempt.status},
        )
        for execution, attempt in pairs
    ]
    audit.record(connections.current(), entries, now=now)


def change(row: Any, before: dict[str, Any], after: dict[str, Any], *, now: datetime) -> None:
    """Record a change of a row by what it was and is; of what stayed the same nothing is told."""
    changed = [name for name in after if not same(after[name], before[name])]
    was, is_now = ({name: values[name] for name in changed} for values in (before, after))
    note(AuditVerb.CHANGE, row, before=was, after=is_now, now=now)


def refused(method: str, path: str, detail: str, *, namespace: str | None, now: datetime) -> None:
    """Record a write that whoever acts has no right to; `namespace` is the one that he is bound to."""
    entry = Entry(
        verb=AuditVerb.REFUSED,
        kind=AuditKind.REQUEST,
        object_id=path[: audit.NAME_LENGTH],
        object_name=method,
        namespace=namespace,
        after={"status": 403, "detail": detail},
    )
    audit.record(connections.current(), [entry], now=now)


def _entry(verb: AuditVerb, row: Any, **others: Any) -> Entry:
    kind, key, name, namespace = _about(row)
    return Entry(verb=verb, kind=kind, object_id=str(key), object_name=name, namespace=namespace, **others)


@singledispatch
def _about(row: Any) -> _About:
    raise TypeError(f"Nobody has said what a record of {row!r} is about.")


@_about.register
def _(task: Task) -> _About:
    return AuditKind.TASK, task.id, task.name, task.namespace


@_about.register
def _(execution: Execution) -> _About:
    return AuditKind.EXECUTION, execution.id, execution.task.name, execution.namespace


@_about.register
def _(operation: Operation) -> _About:
    return AuditKind.OPERATION, operation.id, operation.task.name if operation.task else None, operation.namespace


@_about.register
def _(event: Event) -> _About:
    return AuditKind.EVENT, event.id, event.name, event.namespace


@_about.register
def _(calendar: Calendar) -> _About:
    return AuditKind.CALENDAR, calendar.id, calendar.name, calendar.namespace


@_about.register
def _(template: Template) -> _About:
    return AuditKind.TEMPLATE, template.id, template.name, template.namespace


@_about.register
def _(namespace: Namespace) -> _About:
    return AuditKind.NAMESPACE, namespace.name, namespace.name, namespace.name


@_about.register
def _(settings: FlowControl) -> _About:
    return AuditKind.FLOW_CONTROL, FLOW_CONTROL, None, None


@_about.register
def _(circuit: Circuit) -> _About:
    return AuditKind.CIRCUIT, circuit.name, circuit.name[: audit.NAME_LENGTH], None


@_about.register
def _(token: ApiToken) -> _About:
    return AuditKind.TOKEN, token.id, token.name, token.namespace


@_about.register
def _(webhook: Webhook) -> _About:
    name = webhook.description and webhook.description[: audit.NAME_LENGTH]
    return AuditKind.WEBHOOK, webhook.id, name, webhook.namespace
