"""What operators do with a run: go on from what has failed. One transaction.

`namespace` is the one that the caller is bound to, None for a caller of every namespace.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from django.db.transaction import atomic

from register import journal
from register.errors import NothingFailed
from register.locking import publish_after_commit
from scheduler import claims, connections, overlaps, permits, requests, runs, workflows
from scheduler.errors import RunNotFound, TaskDeleted
from scheduler.models import Execution
from scheduler.records import Ready
from scheduler.requests import RETRYABLE
from scheduler.runs import Latest


@dataclass(frozen=True, slots=True)
class RetriedRun:
    """The new attempts of what had failed, and why others cannot be tried again now, by task."""

    run_id: UUID
    executions: Sequence[Execution]
    refusals: Mapping[UUID, str]


def retry_run(run_id: UUID, *, namespace: str | None, now: datetime) -> RetriedRun:
    """Try again what has failed in a run; what was left out for it follows once it has succeeded.

    Raises RunNotFound, NothingFailed.
    """
    with atomic():
        root = _visible(run_id, namespace=namespace)
        connection = connections.current()
        failed = _failed(connection, root, namespace=namespace)
        if not failed:
            raise NothingFailed(f"Nothing of this run is {', '.join(sorted(RETRYABLE))}.")
        _lock(connection, failed, now=now)
        retried: dict[UUID, UUID] = {}
        ready: list[Ready] = []
        refusals: dict[UUID, str] = {}
        for latest in failed:
            outcome = _retry(connection, latest.execution, now=now)
            ready += outcome.ready
            if outcome.execution is None:
                refusals[latest.task_id] = outcome.refusal
            else:
                retried[latest.execution] = outcome.execution
        if not retried:
            raise NothingFailed(" ".join(dict.fromkeys(refusals.values())))
        publish_after_commit(ready, now=now)
        attempts = _executions(retried.values())
        _note(retried, attempts, now=now)
        return RetriedRun(run_id, attempts, refusals)


def _visible(run_id: UUID, *, namespace: str | None) -> Execution:
    executions = Execution.objects.filter(id=run_id, attempt=1)
    root = (executions if namespace is None else executions.filter(namespace=namespace)).first()
    if root is None or root.run_id not in (None, run_id):
        raise RunNotFound
    return root


def _failed(connection: psycopg.Connection, root: Execution, *, namespace: str | None) -> list[Latest]:
    """Return the latest attempts of the run's tasks that can be tried again, by id of the task."""
    workflow = workflows.above(connection, workflows.joined(connection, root.task_id))
    members = workflows.in_run(workflow, root.task_id)
    latest = runs.in_runs(connection, [(task_id, root.id) for task_id in members]).values()
    failed = [one for one in latest if one.status in RETRYABLE and namespace in (None, one.namespace)]
    return sorted(failed, key=lambda one: one.task_id)


def _lock(connection: psycopg.Connection, failed: Sequence[Latest], *, now: datetime) -> None:
    """Lock all that the retries need before the first of them, in the order of all locks."""
    for execution in sorted(one.execution for one in failed):
        claims.attempt(connection, execution)
    tasks = claims.tasks(connection, {one.task_id for one in failed})
    permits.lock(connection, {key for task in tasks for key in overlaps.keys_of(task)}, now=now)


def _retry(connection: psycopg.Connection, execution: UUID, *, now: datetime) -> requests.Retried:
    try:
        return requests.retry(connection, execution, now=now)
    except TaskDeleted:
        return requests.Retried("Its task is deleted.")


def _note(retried: Mapping[UUID, UUID], attempts: Sequence[Execution], *, now: datetime) -> None:
    before = {execution.id: execution for execution in _executions(retried)}
    after = {execution.id: execution for execution in attempts}
    journal.retried([(before[execution], after[attempt]) for execution, attempt in retried.items()], now=now)


def _executions(ids: Collection[UUID]) -> list[Execution]:
    rows = Execution.objects.select_related("task").filter(id__in=ids, id__gte=min(ids), id__lte=max(ids))
    return sorted(rows, key=lambda row: (row.task.name, row.id))
