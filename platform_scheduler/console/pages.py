"""The pages that are no lists of one table: what each shows, from the same services as the API."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse

from platform_scheduler.console import drawing
from platform_scheduler.console.answering import page, require
from platform_scheduler.console.heat import HOURS_SHOWN, heat
from platform_scheduler.console.protecting import standing
from query import attention, coming, forecast, lanes, overview, slotfaults, timeline
from query.timeline import DEFAULT_WINDOW, WINDOWS
from register import protection
from register.inventory import nodes, queues
from scheduler import clock
from scheduler.engine.circuits import State
from scheduler.engine.states import Status
from scheduler.models.choices import NodeRole
from scheduler.seats import scope_of

LANES: Final = 14
BACK, AHEAD = timedelta(hours=6), timedelta(hours=1)
COMING: Final = 100
PEAKS: Final = 3
LEGEND: Final = (Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.RUNNING, Status.QUEUED)

View = Callable[..., HttpResponse]


def overview_page(request: HttpRequest) -> HttpResponse:
    """Show what is late, what failed, what runs, what comes and whether all is well."""
    now, scope = clock.now(), scope_of(request)
    shown = overview.overview(namespace=scope, now=now)
    past = timeline.timeline(DEFAULT_WINDOW, namespace=scope, now=now)
    ended = [one for one in past.intervals if one.begin <= past.at]
    axis, drawn = drawing.lanes(lanes.lanes(namespace=scope, now=now, back=BACK, ahead=AHEAD, count=LANES))
    load = forecast.forecast(HOURS_SHOWN, namespace=scope, now=now)
    content = {
        "shown": shown,
        "heat": heat(load),
        "peaks": load.peaks[:PEAKS],
        "attention": attention.attention(namespace=scope, now=now),
        "protection": protection.find(bound_to=scope),
        "open_circuits": [one.row.name for one in standing(scope) if one.row.state != State.CLOSED],
        "slot_faults": _slot_faults(request, scope, now),
        "columns": drawing.columns(ended, at=past.at),
        "axis": axis,
        "lanes": drawn,
        "legend": LEGEND,
        "may_retry": request.user.has_perm("scheduler.change_execution"),
    }
    return page(request, "overview", content, title="Overview", at=shown.at)


def _slot_faults(request: HttpRequest, scope: str | None, now: datetime) -> int | None:
    """Return how many the self-audit has found of late; None where they are no business of whoever asks."""
    if not request.user.has_perm("scheduler.view_slotfault"):
        return None
    return slotfaults.count_recent(namespace=scope, now=now)


def timeline_page(request: HttpRequest) -> HttpResponse:
    """Show past, running and coming executions of the tasks along one axis."""
    require(request)
    now, scope = clock.now(), scope_of(request)
    window = request.GET.get("window", "6h")
    if window not in WINDOWS:
        window = "6h"
    reach = WINDOWS[window]
    shown = lanes.lanes(namespace=scope, now=now, back=reach.back, ahead=reach.ahead, count=3 * LANES)
    whole = timeline.timeline(window, namespace=scope, now=now)
    axis, drawn = drawing.lanes(shown)
    content = {
        "axis": axis,
        "lanes": drawn,
        "legend": LEGEND,
        "columns": drawing.columns(whole.intervals, at=whole.at),
        "windows": list(WINDOWS),
        "window": window,
    }
    return page(request, "timeline", content, title="Timeline", at=shown.at)


def upcoming_page(request: HttpRequest) -> HttpResponse:
    """Show which slots come next, over all tasks."""
    require(request)
    shown = coming.coming(namespace=scope_of(request), now=clock.now(), count=COMING)
    return page(request, "upcoming", {"shown": shown}, title="Upcoming", at=shown.at)


def fleet_page(request: HttpRequest) -> HttpResponse:
    """Show what waits in the queues, and which processes there are."""
    require(request)
    now, scope = clock.now(), scope_of(request)
    role, silent = request.GET.get("role"), request.GET.get("silent")
    content = {
        "queues": queues(namespace=scope, now=now),
        "nodes": nodes(
            now=now,
            role=role if role in NodeRole.values else None,
            is_silent={"true": True, "false": False}.get(silent or ""),
        ),
        "role": role,
        "silent": silent,
    }
    return page(request, "fleet", content, title="Queues and workers", at=now)


# By name: the path, and the view.
ROUTES: Final[Mapping[str, tuple[str, View]]] = {
    "timeline": ("timeline/", timeline_page),
    "upcoming": ("upcoming/", upcoming_page),
    "fleet": ("fleet/", fleet_page),
}
