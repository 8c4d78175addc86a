"""Workflows: where they begin, the graph of one with its latest states, and one run of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse

from platform_scheduler.console.answering import may_operate, page, require, task_or_404
from platform_scheduler.console.graphs import of_run, of_tasks
from query import roots, workflows
from scheduler import clock, strips
from scheduler.engine.retry import RETRYABLE
from scheduler.errors import RunNotFound
from scheduler.seats import scope_of

RUNS: Final = 20
WORKFLOWS: Final = 100
# Of each that is listed.
LAST_RUNS: Final = 10


def workflows_page(request: HttpRequest) -> HttpResponse:
    """Show the tasks with which workflows begin."""
    require(request)
    term = request.GET.get("search", "").strip()[:255]
    found = roots.listed(namespace=scope_of(request), search=term, count=WORKFLOWS)
    last = roots.last_runs(found, namespace=scope_of(request), count=LAST_RUNS)
    rows = [{"task": task, "runs": last[task.id]} for task in found]
    content = {"rows": rows, "search": term, "most": WORKFLOWS}
    return page(request, "workflows", content, title="Workflows", at=clock.now())


def workflow_page(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Show the workflow that a task belongs to, with the latest state of each of its tasks, and its latest runs."""
    require(request)
    task = task_or_404(request, task_id)
    shown = workflows.graph_of(task, namespace=scope_of(request))
    last = strips.last_runs([one.id for one in shown.tasks], count=1)
    latest = {task_id: some[-1] for task_id, some in last.items() if some}
    content = {
        "task": task,
        "graph": of_tasks(shown, latest=latest, here=task.id),
        "starts": roots.latest_starts(shown, namespace=scope_of(request), count=RUNS),
    }
    return page(request, "workflow", content, title=f"Workflow of {task.name}", at=clock.now())


def run_page(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Show how far a run has come; what failed in it can be gone on from."""
    require(request)
    try:
        run = workflows.find_run(run_id, namespace=scope_of(request))
    except RunNotFound:
        raise Http404 from None
    has_failed = any(
        place.is_in_run and place.execution is not None and place.execution.status in RETRYABLE for place in run.places
    )
    content: dict[str, Any] = {
        "run": run,
        "graph": of_run(run),
        "may_retry": may_operate(request) and has_failed,
    }
    return page(request, "run", content, title=f"Run of {run.root.task.name}", at=clock.now())


# By name: the path, and the view.
ROUTES: Final[Mapping[str, tuple[str, Callable[..., HttpResponse]]]] = {
    "workflows": ("workflows/", workflows_page),
    "workflow": ("workflows/<uuid:task_id>/", workflow_page),
    "run": ("runs/<uuid:run_id>/", run_page),
}
