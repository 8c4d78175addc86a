"""Where workflows begin: tasks that others wait for and that wait for nobody, and the runs that they have begun."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef

from query import selectors
from query.workflows import Shown, come_to
from scheduler import connections, runs, strips
from scheduler.engine.states import Status, TaskStatus
from scheduler.filters import named_like, searched
from scheduler.models import Dependency, Task
from scheduler.strips import Run


class Start(NamedTuple):
    """A run of a workflow: the task and the execution with which it began, and what the whole has come to by now."""

    task: Task
    execution: Run
    status: str


def listed(*, namespace: str | None, search: str, count: int) -> Sequence[Task]:
    """Return the tasks with which workflows begin, by name; those whose name has a part, where one is given."""
    tasks = selectors.visible_tasks(namespace=namespace).exclude(status=TaskStatus.DELETED)
    if "\0" in search:  # no name has it, and PostgreSQL takes no text that does
        return []
    if search:
        tasks = tasks.filter(id__in=searched(named_like(search)))
    waits = Dependency.objects.filter(task_id=OuterRef("upstream_id"))
    begins = Dependency.objects.filter(~Exists(waits)).values("upstream_id")
    return list(tasks.filter(id__in=begins).order_by("name", "id")[:count])


def last_runs(tasks: Sequence[Task], *, namespace: str | None, count: int) -> dict[UUID, list[Run]]:
    """Return the last runs of the workflows that begin with these tasks, the oldest first.

    Each is the execution with which it began, with the status and the duration of the whole.
    """
    last = {
        task_id: [run for run in some if _has_begun(run)][-count:]
        for task_id, some in strips.last_runs([task.id for task in tasks]).items()
    }
    whole = _wholes([run for some in last.values() for run in some], namespace=namespace)
    return {task_id: [whole[run.id] for run in some] for task_id, some in last.items()}


def _has_begun(run: Run) -> bool:
    return run.attempt == 1 and run.status != Status.SKIPPED


def _wholes(began: Sequence[Run], *, namespace: str | None) -> dict[UUID, Run]:
    """Return runs, each as the execution with which it began, with the status and the duration of the whole."""
    connection, ids = connections.current(), [run.id for run in began]
    outcomes, unseen = runs.outcomes(connection, ids, namespace=namespace), runs.unseen(connection, ids)
    return {run.id: _whole(run, outcomes.get(run.id), is_open=run.id in unseen) for run in began}


def _whole(run: Run, outcome: runs.Outcome | None, *, is_open: bool) -> Run:
    statuses, took_ms = outcome or runs.Outcome(frozenset({run.status}), run.took_ms)
    return run._replace(status=Status(come_to(statuses, is_open=is_open)), took_ms=took_ms)


def latest_starts(shown: Shown, *, namespace: str | None, count: int) -> list[Start]:
    """Return the latest runs of a workflow, the latest first, as far as a namespace may see them."""
    waiting = {edge.task_id for edge in shown.edges}
    roots = {task.id: task for task in shown.tasks if task.id not in waiting}
    began = [run for some in strips.last_runs(list(roots), count=count).values() for run in some if _has_begun(run)]
    latest = sorted(began, key=lambda run: (run.scheduled_for, run.id), reverse=True)[:count]
    whole = _wholes(latest, namespace=namespace)
    return [Start(roots[run.task_id], run, whole[run.id].status) for run in latest]
