"""Acting in bulk: what is chosen and how much it is, the question, and the operation that the schedulers carry out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from platform_scheduler.console.answering import may_look, may_operate, page, require, whole
from register import actions, operations
from register.actions import Plan
from register.api.action_input import (
    EXECUTION_ACTIONS,
    TASK_ACTIONS,
    ExecutionActionInput,
    TaskActionInput,
    read_action,
)
from register.errors import OperationNotFound
from register.operators import actor_of
from scheduler import clock
from scheduler.errors import Fault, InvalidInput
from scheduler.models import Operation
from scheduler.models.choices import OperationKind
from scheduler.operations_shown import operation_as_json
from scheduler.parameters import REPEATABLE
from scheduler.seats import scope_of

Json = dict[str, Any]

# What the address has beside the filter.
_OWN: Final = frozenset({"ids", "action", "expected", "csrfmiddlewaretoken"})
_ARGUMENT: Final = "argument."


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done to many: as the button says it, what it does, and the fields that go with it."""

    name: str
    label: str
    says: str
    arguments: tuple[tuple[str, str, str], ...] = ()
    is_dangerous: bool = False


ACTIONS: Final[Mapping[str, tuple[Action, ...]]] = {
    "tasks": (
        Action("trigger", "Run now", "Each runs once, at once, whatever its schedule says."),
        Action(
            "pause", "Pause", "None fires until it is resumed; what is queued or running goes on.",
            (("reason", "Reason", "text"), ("until", "Until, UTC; empty is until somebody resumes it", "text")),
        ),
        Action(
            "resume", "Resume", "Each fires again; the slots of the pause are left out.",
            (("catchUp", "Catch up the slots of the pause, by each task's own policy", "checkbox"),),
        ),
        Action(
            "set", "Set", "What is filled in is set on each; the rest stays.",
            (
                ("priority", "Priority, 1 to 10", "number"), ("queue", "Queue", "text"),
                ("labels", "Labels, key: value, several by commas; key: alone takes one away", "text"),
            ),
        ),
        Action("delete", "Delete", "None fires again; what waits is cancelled, history stays.", is_dangerous=True),
    ),
    "executions": (
        Action("retry", "Retry", "Each slot that has failed is tried again, as its next attempt."),
        Action("cancel", "Cancel", "What waits ends at once; what runs is asked to end.", is_dangerous=True),
    ),
}  # fmt: skip
_DEFINING: Final = {"set": "scheduler.change_task", "delete": "scheduler.delete_task"}


def bulk_page(request: HttpRequest, on: str) -> HttpResponse:
    """Ask whether an action on what the address chooses is meant; once confirmed, start it and show how it goes."""
    if on not in ACTIONS:
        raise Http404
    offered = [one for one in ACTIONS[on] if _may(request, on, one)]
    if not offered:
        raise PermissionDenied
    asked = request.POST if request.method == "POST" else request.GET
    action = next((one for one in ACTIONS[on] if one.name == asked.get("action")), None)
    if action is not None and action not in offered:
        raise PermissionDenied
    now = clock.now()
    content: Json = {
        "on": on,
        "offered": offered,
        "action": action,
        "chosen": _chosen(request),
        "filter": _filter(request),
    }
    try:
        plan = _plan(request, on, action or offered[0], now=now)
        if request.method == "POST" and action is not None:
            if _is_confirmed(request, plan):
                return _started(request, on, action, now=now)
            content["has_grown"] = True
        content["plan"] = plan
    except InvalidInput as refusal:
        content["faults"] = refusal.faults
    content["typed"] = request.POST if request.method == "POST" else {}
    return whole(request, "bulk", content, title=f"Act on {on}")


def _may(request: HttpRequest, on: str, action: Action) -> bool:
    if not may_look(request):
        return False
    if on == actions.EXECUTIONS:
        return request.user.has_perm("scheduler.change_execution")
    return request.user.has_perm(_DEFINING[action.name]) if action.name in _DEFINING else may_operate(request)


def _is_confirmed(request: HttpRequest, plan: Plan) -> bool:
    """Tell whether no more match than whoever confirmed was told."""
    expected = request.POST.get("expected", "")
    return expected.isdecimal() and len(expected) < 10 and plan.total <= int(expected)


def _plan(request: HttpRequest, on: str, action: Action, *, now: datetime) -> Plan:
    return actions.plan_action(on, _given(request, on, action, is_plan=True), namespace=scope_of(request), now=now)


def _started(request: HttpRequest, on: str, action: Action, *, now: datetime) -> HttpResponse:
    given = _given(request, on, action, is_plan=False)
    operation = actions.start_action(on, given, actor=actor_of(request), namespace=scope_of(request), now=now)
    return redirect("admin:operation", operation.id)


def _given(request: HttpRequest, on: str, action: Action, *, is_plan: bool) -> Any:
    """Return the action as the API takes it. Raises InvalidInput."""
    body: Json = {"action": action.name}
    arguments = {} if is_plan and request.method != "POST" else _arguments(request, action)
    # What is to be set is asked for on the page: before that there is nothing to read.
    body["arguments"] = arguments or ({"priority": 5} if is_plan and action.name == "set" else {})
    if ids := _chosen(request):
        body["ids"] = ids
    elif wanted := _filter(request):
        body["filter"] = wanted
    else:
        raise InvalidInput([Fault("filter", "required", "Choose rows of the list, or filter it first.")])
    schema, known = (
        (TaskActionInput(), TASK_ACTIONS) if on == actions.TASKS else (ExecutionActionInput(), EXECUTION_ACTIONS)
    )
    given = read_action(schema, body, known)
    if given.faults:
        raise InvalidInput(given.faults)
    return given


def _chosen(request: HttpRequest) -> list[str]:
    return request.GET.getlist("ids")


def _filter(request: HttpRequest) -> Json:
    wanted = ((name, request.GET.getlist(name)) for name in request.GET if name not in _OWN)
    return {name: values if name in REPEATABLE else values[-1] for name, values in wanted}


def _arguments(request: HttpRequest, action: Action) -> Json:
    typed = {name: request.POST.get(_ARGUMENT + name, "").strip() for name, _, _ in action.arguments}
    given: Json = {name: text for name, text in typed.items() if text}
    if "catchUp" in given:
        given["catchUp"] = True
    if given.get("priority", "").isdecimal():
        given["priority"] = int(given["priority"][:3])
    if "labels" in given:
        pairs = (part.partition(":") for part in given["labels"].split(",") if part.strip())
        given["labels"] = {key.strip(): value.strip() or None for key, _, value in pairs}
    return given


def operation_page(request: HttpRequest, operation_id: UUID) -> HttpResponse:
    """Show how an operation goes: its progress, what has failed of it, and a way to end it."""
    require(request, "scheduler.view_operation")
    now = clock.now()
    try:
        operation = operations.find_operation(operation_id, namespace=scope_of(request))
    except OperationNotFound:
        raise Http404 from None
    running = operations.running_counts([operation])[operation.id]
    content = {
        "operation": operation,
        "shown": operation_as_json(operation, running=running, now=now),
        "about": about(operation),
        "is_catch_up": operation.kind == OperationKind.CATCH_UP,
        "may_abort": request.user.has_perm("scheduler.change_operation") and operation.ended_at is None,
    }
    return page(request, "operation", content, title="Operation", at=now)


def about(operation: Operation) -> str:
    """Return what an operation does to what, in words."""
    arguments = operation.arguments
    if "action" in arguments:
        wanted = arguments.get("filter")
        of = ", ".join(f"{name}={value}" for name, value in wanted.items()) if wanted else "a selection"
        return f"{arguments['action']} {arguments['on']}: {of}"
    if operation.kind == OperationKind.CATCH_UP:
        return f"catch-up of {arguments.get('group', 'what an outage left behind')}"
    return f"backfill of {operation.task}" if operation.task else operation.kind.replace("_", " ").lower()


# By name: the path, and the view.
ROUTES: Final[Mapping[str, tuple[str, Callable[..., HttpResponse]]]] = {
    "bulk": ("bulk/<str:on>/", bulk_page),
    "operation": ("operation/<uuid:operation_id>/", operation_page),
}
