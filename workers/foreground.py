"""Runs a handler in this process, for a person who watches: no queue, no reporter, no soft limit, a debugger works."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import uuid4

import psycopg

from scheduler import transitions, triggers
from scheduler.engine.identity import execution_id
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import SchedulerError, TaskNotFound
from scheduler.models import Task
from scheduler.records import Outcome, Started
from workers import registry
from workers.logs import captured
from workers.outcomes import Ending
from workers.run import call

NAMES_LOOKED_AT = 5_000
# Nobody renews the lease here, and whoever debugs takes his time.
SHORTEST_LEASE = timedelta(hours=4)
# Below every fence that was ever drawn: a try may not make a running execution's fence stale.
NO_FENCE = 0
BARE_TIMEOUT_SECONDS = 3_600

Clock = Callable[[], datetime]


class TaskBusy(SchedulerError):
    """Its overlap policy does not let another execution of the task start now."""


class NotRecorded(SchedulerError):
    """The execution ended, and was no longer this process's to write."""


def find_task(name: str, *, namespace: str) -> Task:
    """Return the task of this name. Raises TaskNotFound, which says what was probably meant."""
    tasks = Task.objects.exclude(status=TaskStatus.DELETED)
    found = tasks.filter(namespace=namespace, name=name).first()
    if found is not None:
        return found
    elsewhere = tasks.filter(name=name).values_list("namespace", flat=True).first()
    if elsewhere is not None:
        raise TaskNotFound(f"There is no task {name!r} in namespace {namespace}, but one in {elsewhere}.")
    newest = tasks.filter(search__namespace=namespace).order_by("-search__created_at", "search__task_id")
    hint = _handler_hint(name) or did_you_mean(name, newest.values_list("name", flat=True)[:NAMES_LOOKED_AT])
    raise TaskNotFound(f"There is no task {name!r} in namespace {namespace}.{hint}")


def _handler_hint(name: str) -> str:
    is_handler = any(one.task_class == name for one in registry.all_handlers())
    return " It is a handler's: --task-class runs it without a task." if is_handler else ""


def unrecorded(task: Task, *, at: datetime, task_data: str | None, now: datetime) -> Started:
    """Return what a worker would be given for a slot at `at`, without a row, and with the fence 0."""
    return Started(
        id=execution_id(task.id, cause=f"foreground:{uuid4()}", at=at, attempt=1),
        task_id=task.id,
        task_name=task.name,
        namespace=task.namespace,
        task_class=task.task_class,
        task_data=task.task_data if task_data is None else task_data,
        fence=NO_FENCE,
        attempt=1,
        trigger=Trigger.MANUAL,
        scheduled_for=at,
        run_id=None,
        timeout_seconds=task.timeout_seconds,
        lacked_by=None,
        started_at=now,
        time_zone=task.time_zone,
    )


def bare(task_class: str, *, namespace: str) -> Task:
    """Return a task that is stored nowhere, to try a handler with."""
    return Task(name=task_class, namespace=namespace, task_class=task_class, timeout_seconds=BARE_TIMEOUT_SECONDS)


def begin(connection: psycopg.Connection, task: Task, *, at: datetime, task_data: str | None, now: datetime) -> Started:
    """Record a MANUAL execution and start it here, in one transaction: it is never there for a worker to take.

    Raises TaskBusy, PartitionMissing, TaskDeleted.
    """
    lease = max(SHORTEST_LEASE, timedelta(seconds=task.timeout_seconds))
    with connection.transaction():
        execution, _ = triggers.trigger(connection, task.id, request=uuid4(), task_data=task_data, now=at)
        started = transitions.start(connection, execution, node_id=node_name(), lease_expires_at=now + lease, now=now)
        if started is None:
            raise TaskBusy(f"{task.name} is busy and its overlapPolicy is {task.overlap_policy}: nothing was run.")
    return started


def run(connection: psycopg.Connection, started: Started) -> Ending:
    """Call the handler as a worker does, except that no alarm ends it."""
    return call(started, connection, node_id=node_name(), limit=_unlimited)


def run_recorded(connection: psycopg.Connection, started: Started, *, clock: Clock) -> Ending:
    """Call the handler, then write its log and how it ended; a failure is not tried again behind somebody's back.

    Raises NotRecorded.
    """
    with captured() as log:
        ending = run(connection, started)
    log.save(connection, started.id)
    now = clock()
    outcome = Outcome(
        started.id,
        started.fence,
        ending.status,
        now,
        result=ending.result,
        error_message=ending.error_message,
        reason=ending.reason,
        is_permanent=ending.status is not Status.SUCCESS,
    )
    if started.id not in transitions.finish(connection, [outcome], now=now):
        raise NotRecorded(f"Execution {started.id} was no longer ours: that it is {ending.status} was not written.")
    return ending


def node_name() -> str:
    """Return what history shows as the node of such an execution."""
    return f"run_task@{socket.gethostname()}:{os.getpid()}"[:100]


@contextmanager
def _unlimited(_seconds: float) -> Iterator[None]:
    yield
