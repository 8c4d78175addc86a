"""The page of a task: how it does, what comes, what it waits for, how it became what it is; and why of any slot."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse

from platform_scheduler.console import charts
from platform_scheduler.console.answering import may_operate, page, require, task_or_404, whole
from platform_scheduler.console.graphs import of_tasks
from query import metrics, predictions, revisions, selectors, slots, workflows
from register.operators import said
from scheduler import clock, strips, wording
from scheduler.engine.schedules import InvalidSchedule
from scheduler.engine.states import TaskStatus
from scheduler.errors import RevisionNotFound
from scheduler.instants import InstantField
from scheduler.models import Task
from scheduler.seats import scope_of
from scheduler.upcoming import upcoming

SHOWN: Final = 20
NEXT: Final = 10
VERSIONS: Final = 10


def task_page(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Show a task; what changes by itself is kept fresh."""
    require(request)
    task = task_or_404(request, task_id)
    now = clock.now()
    window = request.GET.get("window", metrics.DEFAULT_WINDOW)
    window = window if window in metrics.WINDOWS else metrics.DEFAULT_WINDOW
    rows = list(selectors.history_of(task).order_by("-id")[: charts.LATEST_SHOWN])
    prediction = predictions.predict(task, now=now)
    begin = metrics.begin_of(metrics.WINDOWS[window], now=now)
    content = {
        "task": task,
        "words": words_of(task),
        "runs": strips.last_runs([task.id])[task.id],
        "rows": rows[:SHOWN],
        "chart": charts.runs(rows, prediction),
        "prediction": prediction,
        "metrics": metrics.measured(task, begin=begin, end=now),
        "window": window,
        "windows": list(metrics.WINDOWS),
        "coming": list(upcoming(task, count=NEXT)) if task.status == TaskStatus.ACTIVE else [],
        "graph": _graph(request, task),
        "revisions": revisions.listed(task).order_by("-version")[:VERSIONS],
        "may_operate": may_operate(request) and task.status != TaskStatus.DELETED,
        "may_change": request.user.has_perm("scheduler.change_task") and task.status != TaskStatus.DELETED,
    }
    return page(request, "task", content, title=task.name, at=now)


def words_of(task: Task) -> str:
    """Return in plain words when a task fires."""
    try:
        return f"{wording.words_of(task)}."
    except InvalidSchedule as refusal:
        return f"Its schedule cannot be worked out: {refusal}"


def _graph(request: HttpRequest, task: Task) -> Any:
    shown = workflows.graph_of(task, namespace=scope_of(request))
    return of_tasks(shown, latest={}, here=task.id) if shown.edges else None


def why_page(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Tell why a slot of a task ran, ran late, or did not, whether it is past or coming."""
    require(request)
    task = task_or_404(request, task_id)
    now = clock.now()
    typed = request.GET.get("at", "")
    content: dict[str, Any] = {"task": task, "typed": typed, "now": now}
    if typed:
        at = _instant(typed)
        if at is None:
            content["fault"] = "This is no instant: write it as in 2026-12-01T06:00:00Z."
        else:
            content["at"], content["shown"] = at, slots.explain_at(task, at, now=now)
    return whole(request, "why", content, title=f"Why? {task.name}")


def _instant(text: str) -> datetime | None:
    """Return an instant as the API takes it, or as a browser's field for local times writes it, in UTC."""
    for written in (text, f"{text}Z"):
        with suppress(ValidationError):
            return InstantField().clean(written)
    return None


def revision_page(request: HttpRequest, task_id: UUID, version: int) -> HttpResponse:
    """Show what a version of a task's definition changed, and what restoring it would change today."""
    require(request)
    task = task_or_404(request, task_id)
    try:
        revision = revisions.find(task, version)
        latest = revisions.find(task, task.version)
    except RevisionNotFound as refusal:
        raise Http404(said(refusal)) from None
    against_latest = revisions.as_json(revision, against=latest.definition)["changes"]
    content = {
        "task": task,
        "revision": revision,
        "changes": revisions.as_json(revision, against=revisions.before(revision))["changes"],
        "definition": revisions.whole_as_json(revision, against=None)["definition"],
        "against_latest": against_latest,
        "may_restore": request.user.has_perm("scheduler.change_task")
        and task.status != TaskStatus.DELETED
        and bool(against_latest),
    }
    return whole(request, "revision", content, title=f"{task.name}, version {version}")


# By name: the path, and the view.
ROUTES: Final[Mapping[str, tuple[str, Callable[..., HttpResponse]]]] = {
    "task": ("task/<uuid:task_id>/", task_page),
    "task_why": ("task/<uuid:task_id>/why/", why_page),
    "task_revision": ("task/<uuid:task_id>/revisions/<int:version>/", revision_page),
}
