"""What is done from a page: each a form that is posted, the service's verb, and a message of what became of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from platform_scheduler.console.answering import may_look, may_operate, task_or_404
from register import executing, operating, operations, restoring, runs
from register.api.reading import read_pause, read_restore, read_resume, read_skip, read_throttle
from register.given import Given
from register.operators import actor_of, said
from scheduler import clock, display
from scheduler.errors import InvalidInput, SchedulerError
from scheduler.models import Execution
from scheduler.seats import scope_of


@require_POST
def retry(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Try an execution again, and show its next attempt."""

    def verb(now: datetime) -> Execution:
        return executing.retry_execution(execution_id, namespace=scope_of(request), now=now)

    return _on_execution(request, execution_id, verb, done="tried again")


@require_POST
def cancel(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    """Cancel an execution, and show what has become of it."""

    def verb(now: datetime) -> Execution:
        actor = request.user.get_username()
        return executing.cancel_execution(execution_id, actor=actor, namespace=scope_of(request), now=now)

    return _on_execution(request, execution_id, verb, done="cancelled")


def _on_execution(
    request: HttpRequest, execution_id: UUID, verb: Callable[[datetime], Execution], *, done: str
) -> HttpResponse:
    _require(request, is_allowed=request.user.has_perm("scheduler.change_execution"))
    try:
        execution = verb(clock.now())
    except SchedulerError as refusal:
        messages.error(request, f"Execution {execution_id} was not {done}: {said(refusal)}")
        return redirect("admin:scheduler_execution_change", execution_id)
    messages.success(request, f"Execution {execution_id} was {done}; {execution.id} is {execution.status}.")
    return redirect("admin:scheduler_execution_change", execution.id)


@require_POST
def run_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Run a task now, whatever its schedule says."""

    def verb(now: datetime) -> str:
        execution = operating.trigger_task(task_id, Given({}), namespace=scope_of(request), now=now)
        because = f" ({execution.reason})" if execution.reason else ""
        return f"is {execution.status}{because}, execution {execution.id}"

    return _on_task(request, task_id, verb, done="run")


@require_POST
def pause_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Pause a task, with the reason and the end that were typed."""

    def verb(now: datetime) -> str:
        given = read_pause(_typed(request, "reason", "until"))
        operating.pause_task(task_id, given, actor=actor_of(request), namespace=scope_of(request), now=now)
        return "is paused; what is queued or running goes on"

    return _on_task(request, task_id, verb, done="paused")


@require_POST
def resume_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Let a task fire again, and catch up the slots of the pause if that was ticked."""

    def verb(now: datetime) -> str:
        given = read_resume({"catchUp": "catchUp" in request.POST})
        slot = operating.resume_task(task_id, given, namespace=scope_of(request), now=now).next_execution_time
        return f"is resumed; next fire {display.absolute(slot) if slot else 'never'}"

    return _on_task(request, task_id, verb, done="resumed")


@require_POST
def skip_slot(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Leave out one coming slot of a task."""

    def verb(now: datetime) -> str:
        given = read_skip(_typed(request, "slot"))
        operating.skip_slot(task_id, given, namespace=scope_of(request), now=now)
        return f"leaves out the slot of {request.POST.get('slot')}"

    return _on_task(request, task_id, verb, done="told to leave out a slot")


@require_POST
def restore_revision(request: HttpRequest, task_id: UUID, version: int) -> HttpResponse:
    """Give a task the definition back that it had."""

    def verb(now: datetime) -> str:
        seen = request.POST.get("seen_version", "")
        versions = frozenset({int(seen)}) if seen.isdecimal() and len(seen) < 10 else None
        given = read_restore({})
        task = restoring.restore_revision(
            task_id, version, given, namespace=scope_of(request), versions=versions, now=now
        )
        return f"has the definition of version {version} again, as version {task.version}"

    return _on_task(request, task_id, verb, done="restored", is_allowed=request.user.has_perm("scheduler.change_task"))


def _on_task(
    request: HttpRequest,
    task_id: UUID,
    verb: Callable[[datetime], str],
    *,
    done: str,
    is_allowed: bool | None = None,
) -> HttpResponse:
    _require(request, is_allowed=may_operate(request) if is_allowed is None else is_allowed)
    task = task_or_404(request, task_id)
    try:
        messages.success(request, f"{task.name} {verb(clock.now())}.")
    except SchedulerError as refusal:
        messages.error(request, f"{task.name} was not {done}: {reason_of(refusal)}")
    return redirect("admin:task", task_id)


@require_POST
def retry_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Go on with a run from what has failed in it."""
    _require(request, is_allowed=may_operate(request))
    try:
        retried = runs.retry_run(run_id, namespace=scope_of(request), now=clock.now())
    except SchedulerError as refusal:
        messages.error(request, f"The run does not go on: {reason_of(refusal)}")
    else:
        count = len(retried.executions)
        messages.success(request, f"The run goes on: {count} execution{'s' * (count != 1)} tried again.")
        for why in dict.fromkeys(retried.refusals.values()):
            messages.warning(request, why)
    return redirect("admin:run", run_id)


@require_POST
def abort_operation(request: HttpRequest, operation_id: UUID) -> HttpResponse:
    """Have an operation begin nothing more."""

    def verb(now: datetime) -> str:
        operations.abort_operation(operation_id, namespace=scope_of(request), now=now)
        return "The operation begins nothing more; what runs ends."

    return _on_operation(request, operation_id, verb)


@require_POST
def approve_catch_up(request: HttpRequest, operation_id: UUID) -> HttpResponse:
    """Let a catch-up go that waits for it."""

    def verb(now: datetime) -> str:
        operations.approve_catch_up(operation_id, actor=actor_of(request), namespace=scope_of(request), now=now)
        return "The catch-up goes on."

    return _on_operation(request, operation_id, verb)


@require_POST
def throttle_catch_up(request: HttpRequest, operation_id: UUID) -> HttpResponse:
    """Set how many executions a second a catch-up lets go."""

    def verb(now: datetime) -> str:
        typed = request.POST.get("maxPerSecond", "").strip()
        given = read_throttle({"maxPerSecond": float(typed) if typed.replace(".", "", 1).isdecimal() else typed})
        operations.throttle_catch_up(operation_id, given, namespace=scope_of(request), now=now)
        return f"The catch-up lets {given.values['per_second']:g} a second go."

    return _on_operation(request, operation_id, verb)


def _on_operation(request: HttpRequest, operation_id: UUID, verb: Callable[[datetime], str]) -> HttpResponse:
    _require(request, is_allowed=request.user.has_perm("scheduler.change_operation"))
    try:
        messages.success(request, verb(clock.now()))
    except SchedulerError as refusal:
        messages.error(request, reason_of(refusal))
    return redirect("admin:operation", operation_id)


def reason_of(refusal: SchedulerError) -> str:
    """Return why something was refused, with each fault under its field."""
    if isinstance(refusal, InvalidInput):
        return "; ".join(f"{fault.field}: {fault.message}".removeprefix(": ") for fault in refusal.faults)
    return said(refusal)


def _typed(request: HttpRequest, *names: str) -> dict[str, str]:
    """Return the fields in which something was typed."""
    return {name: text for name in names if (text := request.POST.get(name, "").strip())}


def _require(request: HttpRequest, *, is_allowed: bool) -> None:
    if not (may_look(request) and is_allowed):
        raise PermissionDenied


# By name: the path, and the view.
ROUTES: Final[Mapping[str, tuple[str, Callable[..., HttpResponse]]]] = {
    "retry": ("retry/<uuid:execution_id>/", retry),
    "cancel": ("cancel/<uuid:execution_id>/", cancel),
    "task_run": ("task/<uuid:task_id>/run/", run_task),
    "task_pause": ("task/<uuid:task_id>/pause/", pause_task),
    "task_resume": ("task/<uuid:task_id>/resume/", resume_task),
    "task_skip": ("task/<uuid:task_id>/skip/", skip_slot),
    "task_restore": ("task/<uuid:task_id>/revisions/<int:version>/restore/", restore_revision),
    "run_retry": ("runs/<uuid:run_id>/retry/", retry_run),
    "operation_abort": ("operation/<uuid:operation_id>/abort/", abort_operation),
    "operation_approve": ("operation/<uuid:operation_id>/approve/", approve_catch_up),
    "operation_throttle": ("operation/<uuid:operation_id>/throttle/", throttle_catch_up),
}
