"""The pages that are no lists of one table: what each shows, from the same services as the API."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.http import parse_etags
from django.views.decorators.http import require_POST

from platform_scheduler.console import drawing
from platform_scheduler.console.heat import HOURS_SHOWN, heat
from query import attention, coming, forecast, lanes, overview, timeline
from query.timeline import DEFAULT_WINDOW, WINDOWS
from register import executing
from register.inventory import nodes
from register.operators import said
from scheduler import clock
from scheduler.engine.states import Status
from scheduler.errors import SchedulerError
from scheduler.models.choices import NodeRole

LANES: Final = 14
BACK, AHEAD = timedelta(hours=6), timedelta(hours=1)
COMING: Final = 100
PEAKS: Final = 3
LEGEND: Final = (Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.RUNNING, Status.QUEUED)

View = Callable[..., HttpResponse]

_CSRF: Final = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')


def may_look(request: HttpRequest) -> bool:
    """Tell whether the user may see tasks and executions, of which our pages are made."""
    return request.user.has_perms(("scheduler.view_task", "scheduler.view_execution"))


def overview_page(request: HttpRequest) -> HttpResponse:
    """Show what is late, what failed, what runs, what comes and whether all is well."""
    now = clock.now()
    shown = overview.overview(namespace=None, now=now)
    past = timeline.timeline(DEFAULT_WINDOW, namespace=None, now=now)
    ended = [one for one in past.intervals if one.begin <= past.at]
    axis, drawn = drawing.lanes(lanes.lanes(namespace=None, now=now, back=BACK, ahead=AHEAD, count=LANES))
    load = forecast.forecast(HOURS_SHOWN, namespace=None, now=now)
    content = {
        "shown": shown,
        "heat": heat(load),
        "peaks": load.peaks[:PEAKS],
        "attention": attention.attention(namespace=None, now=now),
        "columns": drawing.columns(ended, at=past.at),
        "axis": axis,
        "lanes": drawn,
        "legend": LEGEND,
        "may_retry": request.user.has_perm("scheduler.change_execution"),
    }
    return _page(request, "overview", content, title="Overview", at=shown.at)


def timeline_page(request: HttpRequest) -> HttpResponse:
    """Show past, running and coming executions of the tasks along one axis."""
    _require(request)
    now = clock.now()
    window = request.GET.get("window", "6h")
    if window not in WINDOWS:
        window = "6h"
    reach = WINDOWS[window]
    shown = lanes.lanes(namespace=None, now=now, back=reach.back, ahead=reach.ahead, count=4 * LANES)
    whole = timeline.timeline(window, namespace=None, now=now)
    axis, drawn = drawing.lanes(shown)
    content = {
        "axis": axis,
        "lanes": drawn,
        "legend": LEGEND,
        "columns": drawing.columns(whole.intervals, at=whole.at),
        "windows": list(WINDOWS),
        "window": window,
    }
    return _page(request, "timeline", content, title="Timeline", at=shown.at)


def upcoming_page(request: HttpRequest) -> HttpResponse:
    """Show which slots come next, over all tasks."""
    _require(request)
    shown = coming.coming(namespace=None, now=clock.now(), count=COMING)
    return _page(request, "upcoming", {"shown": shown}, title="Upcoming", at=shown.at)


def fleet_page(request: HttpRequest) -> HttpResponse:
    """Show what waits in the queues, and which processes there are."""
    _require(request)
    now = clock.now()
    role, silent = request.GET.get("role"), request.GET.get("silent")
    content = {
        "shown": overview.overview(namespace=None, now=now),
        "nodes": nodes(
            now=now,
            role=role if role in NodeRole.values else None,
            is_silent={"true": True, "false": False}.get(silent or ""),
        ),
        "role": role,
        "silent": silent,
    }
    return _page(request, "fleet", content, title="Queues and workers", at=now)


@require_POST
def retry(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Try an execution again, and go back to where that was asked."""
    return _act(request, execution_id, executing.retry_execution, done="tried again")


@require_POST
def cancel(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Cancel an execution, and go back to where that was asked."""
    actor = request.user.get_username()

    def verb(one: UUID, **arguments: Any) -> Any:
        return executing.cancel_execution(one, actor=actor, **arguments)

    return _act(request, execution_id, verb, done="cancelled")


def _act(request: HttpRequest, execution_id: UUID, verb: Callable[..., Any], *, done: str) -> HttpResponse:
    if not request.user.has_perm("scheduler.change_execution"):
        raise PermissionDenied
    try:
        execution = verb(execution_id, namespace=None, now=clock.now())
    except SchedulerError as refusal:
        messages.error(request, f"Execution {execution_id} was not {done}: {said(refusal)}")
        return redirect("admin:scheduler_execution_change", execution_id)
    messages.success(request, f"Execution {execution_id} was {done}; {execution.id} is {execution.status}.")
    return redirect("admin:scheduler_execution_change", execution.id)


# By name: the path, and the view.
PAGES: Final[Mapping[str, tuple[str, View]]] = {
    "timeline": ("timeline/", timeline_page),
    "upcoming": ("upcoming/", upcoming_page),
    "fleet": ("fleet/", fleet_page),
    "retry": ("retry/<uuid:execution_id>/", retry),
    "cancel": ("cancel/<uuid:execution_id>/", cancel),
}


def _require(request: HttpRequest) -> None:
    if not may_look(request):
        raise PermissionDenied


def _page(request: HttpRequest, name: str, content: dict[str, Any], *, title: str, at: datetime) -> HttpResponse:
    """Answer a page, or its live part alone to a page that asks for it; unchanged parts are answered 304."""
    context = {**content, "at": at, "now": at}
    if request.headers.get("X-Part") != "live":
        return render(
            request,
            f"console/{name}.html",
            {**admin.site.each_context(request), **context, "title": title, "part": f"console/_{name}.html"},
        )
    part = render_to_string(f"console/_{name}.html", context, request)
    # Each answer writes the same secret another way, and any of them will do.
    same = _CSRF.sub("", part)
    tag = f'"{blake2b(same.encode(), digest_size=12).hexdigest()}"'
    answer: HttpResponse
    if tag in parse_etags(request.headers.get("If-None-Match", "")):
        answer = HttpResponseNotModified()
    else:
        answer = HttpResponse(part)
    answer["ETag"] = tag
    answer["Cache-Control"] = "no-store"
    return answer
