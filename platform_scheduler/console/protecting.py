"""Circuits: which services may be called, what waits for those that may not, and closing one by hand."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from platform_scheduler.console.answering import page, require
from register import circuits, protection
from register.circuits import Standing
from register.operators import said
from scheduler import clock
from scheduler.engine.circuits import State
from scheduler.errors import SchedulerError
from scheduler.seats import scope_of

# Those first of which somebody has to know.
_FIRST: Final = (State.OPEN, State.HALF_OPEN, State.CLOSED)


def circuits_page(request: HttpRequest) -> HttpResponse:
    """Show the circuits, those first that are not closed."""
    require(request, "scheduler.view_circuit")
    content: dict[str, Any] = {
        "circuits": standing(scope_of(request)),
        "protection": protection.find(bound_to=scope_of(request)),
        "may_reset": request.user.has_perm("scheduler.change_circuit"),
    }
    return page(request, "circuits", content, title="Load and circuits", at=clock.now())


def standing(scope: str | None) -> Sequence[Standing]:
    """Return the circuits that a namespace's tasks use, or all; those first that are not closed."""
    found = circuits.find(bound_to=scope)
    return sorted(found, key=lambda one: (_FIRST.index(State(one.row.state)), one.row.name))


@require_POST
def reset_circuit(request: HttpRequest, name: str) -> HttpResponse:
    """Close a circuit, whatever its calls say."""
    require(request, "scheduler.change_circuit")
    try:
        circuits.reset(name, bound_to=scope_of(request), now=clock.now())
    except SchedulerError as refusal:
        messages.error(request, f"The circuit {name} was not closed: {said(refusal)}")
    else:
        messages.success(request, f"The circuit {name} is closed; what waits for it goes, slowly at first.")
    return redirect("admin:circuits")


# By name: the path, and the view.
ROUTES: Final[Mapping[str, tuple[str, Callable[..., HttpResponse]]]] = {
    "circuits": ("circuits/", circuits_page),
    "circuit_reset": ("circuits/<str:name>/reset/", reset_circuit),
}
