"""How a page of the console is answered: whole, or its live part alone; who may see it, and of which namespace."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from query import selectors
from scheduler import live
from scheduler.errors import TaskNotFound
from scheduler.models import Task
from scheduler.seats import scope_of

LOOKING: Final = ("scheduler.view_task", "scheduler.view_execution")


def may_look(request: HttpRequest) -> bool:
    """Tell whether the user may see tasks and executions, of which our pages are made."""
    return request.user.has_perms(LOOKING)


def may_operate(request: HttpRequest) -> bool:
    """Tell whether the user may run, pause and resume tasks; who may define them may do that too."""
    return request.user.has_perm("scheduler.operate_task") or request.user.has_perm("scheduler.change_task")


def require(request: HttpRequest, *permissions: str) -> None:
    """Refuse who may not see tasks and executions, or lacks one of these permissions. Raises PermissionDenied."""
    if not may_look(request) or not request.user.has_perms(permissions):
        raise PermissionDenied


def task_or_404(request: HttpRequest, task_id: UUID) -> Task:
    """Return a task that the user may see. Raises Http404."""
    try:
        return selectors.find_task(task_id, namespace=scope_of(request))
    except TaskNotFound:
        raise Http404 from None


def page(request: HttpRequest, name: str, content: dict[str, Any], *, title: str, at: datetime) -> HttpResponse:
    """Answer a page, or its live part alone to a page that asks for it; unchanged parts are answered 304."""
    context = {**content, "at": at, "now": at}
    if not live.is_asked_for(request):
        return whole(request, name, context | {"part": f"console/_{name}.html"}, title=title)
    return live.answer(request, render_to_string(f"console/_{name}.html", context, request))


def whole(request: HttpRequest, name: str, content: dict[str, Any], *, title: str, status: int = 200) -> HttpResponse:
    """Answer a whole page, which need have no live part."""
    context = {**admin.site.each_context(request), **content, "title": title}
    return render(request, f"console/{name}.html", context, status=status)
