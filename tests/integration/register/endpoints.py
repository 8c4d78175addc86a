"""Every endpoint: by method and route, what each that writes is sent, and one of everything that paths name."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from platform_scheduler.urls.composition import _methods
from query.api.routes import ROUTES as QUERY
from register.api.routes import ROUTES as REGISTER
from scheduler.models import (
    ApiToken,
    Calendar,
    Delivery,
    Event,
    Execution,
    Namespace,
    Operation,
    Revision,
    Task,
    Template,
    Webhook,
)
from tests.integration.conftest import Caller

TASK, EXECUTION = "tasks/<uuid:task_id>", "executions/<uuid:execution_id>"

RUN = "runs/<uuid:run_id>"
OPERATION = "operations/<uuid:operation_id>"
CALENDAR = "calendars/<uuid:calendar_id>"
NAMESPACE = "namespaces/<str:name>"
TOKEN = "tokens/<int:token_id>"
TEMPLATE = "templates/<uuid:template_id>"
EVENT = "events/<uuid:event_id>"
WEBHOOK = "webhooks/<uuid:webhook_id>"
DELIVERY = f"{WEBHOOK}/deliveries/<uuid:delivery_id>"
SERVED = {
    (method, route)
    for routes in (QUERY, REGISTER)
    for route, view in routes.items()
    for method in _methods(view)
    if method != "HEAD"
}

HOUR = timedelta(hours=1)
DAYS = {"weekdays": ["SUN"]}
NOOP = {"name": "New", "taskClass": "platform.noop"}
MADE = {"name": "noop for ${who}", "taskClass": "platform.noop"}
OF_WHO = {"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]}
HOOK = {"url": "https://pager.example/hook", "events": ["*"]}

# By method and route: a body, and verb and kind of what is recorded.
WRITES: dict[tuple[str, str], tuple[Any, str, str]] = {
    ("POST", "tasks"): (NOOP, "create", "task"),
    ("POST", "tasks/bulk"): ({"tasks": [NOOP], "atomic": True}, "create", "task"),
    ("POST", "tasks/bulk-action"): ({"filter": {"status": "ACTIVE"}, "action": "pause"}, "pause", "operation"),
    ("POST", "executions/bulk-action"): ({"filter": {"status": "QUEUED"}, "action": "cancel"}, "cancel", "operation"),
    ("PUT", TASK): ({"priority": 9}, "change", "task"),
    ("PATCH", TASK): ({"priority": 9}, "change", "task"),
    ("DELETE", TASK): (None, "delete", "task"),
    ("POST", f"{TASK}/revisions/<int:version>/restore"): ({}, "restore", "task"),
    ("POST", f"{TASK}/trigger"): ({}, "trigger", "task"),
    ("POST", f"{TASK}/pause"): ({}, "pause", "task"),
    ("POST", f"{TASK}/resume"): ({}, "resume", "task"),
    ("POST", f"{TASK}/skip"): ({"slot": HOUR}, "skip", "task"),
    ("POST", f"{TASK}/clone"): ({"name": "Copy"}, "create", "task"),
    ("POST", f"{TASK}/backfill"): ({"from": -3 * HOUR, "to": -HOUR}, "backfill", "operation"),
    ("POST", f"{EXECUTION}/cancel"): ({}, "cancel", "execution"),
    ("POST", f"{EXECUTION}/retry"): ({}, "retry", "execution"),
    ("POST", f"{RUN}/retry"): ({}, "retry", "execution"),
    ("POST", f"{OPERATION}/abort"): ({}, "abort", "operation"),
    ("POST", f"{OPERATION}/approve"): ({}, "change", "operation"),
    ("POST", f"{OPERATION}/throttle"): ({"maxPerSecond": 5}, "change", "operation"),
    ("POST", f"{OPERATION}/drop"): ({}, "abort", "operation"),
    ("POST", "calendars"): ({"name": "Days", "rules": DAYS}, "create", "calendar"),
    ("PUT", CALENDAR): ({"rules": DAYS}, "change", "calendar"),
    ("PATCH", CALENDAR): ({"rules": DAYS}, "change", "calendar"),
    ("DELETE", CALENDAR): (None, "delete", "calendar"),
    ("POST", "templates"): ({"name": "Made", "parameters": OF_WHO, "definition": MADE}, "create", "template"),
    ("PUT", TEMPLATE): ({"description": "Other"}, "change", "template"),
    ("PATCH", TEMPLATE): ({"description": "Other"}, "change", "template"),
    ("DELETE", TEMPLATE): (None, "delete", "template"),
    ("POST", f"{TEMPLATE}/instantiate"): ({"parameters": {"who": "you"}}, "create", "task"),
    ("POST", f"{TEMPLATE}/apply"): ({}, "change", "task"),
    ("POST", "namespaces"): ({"name": "spare"}, "create", "namespace"),
    ("PUT", NAMESPACE): ({"weight": 7}, "change", "namespace"),
    ("PATCH", NAMESPACE): ({"weight": 7}, "change", "namespace"),
    ("DELETE", NAMESPACE): (None, "delete", "namespace"),
    ("PUT", "flow-control"): ({"mode": "PAUSED"}, "change", "flow-control"),
    ("DELETE", "flow-control/planned/<int:plan_id>"): (None, "delete", "flow-control"),
    ("POST", "circuits/<str:name>/reset"): ({}, "reset", "circuit"),
    ("POST", "tokens"): ({"name": "pipeline", "role": "viewer"}, "create", "token"),
    ("DELETE", TOKEN): (None, "revoke", "token"),
    ("POST", "events"): ({"name": "file.arrived"}, "create", "event"),
    ("POST", "webhooks"): (HOOK, "create", "webhook"),
    ("PUT", WEBHOOK): ({"isActive": False}, "change", "webhook"),
    ("PATCH", WEBHOOK): ({"isActive": False}, "change", "webhook"),
    ("DELETE", WEBHOOK): (None, "delete", "webhook"),
    ("POST", f"{WEBHOOK}/rotate"): ({}, "rotate", "webhook"),
    ("POST", f"{WEBHOOK}/test"): ({}, "send", "webhook"),
    ("POST", f"{WEBHOOK}/deliveries/replay"): ({}, "send", "webhook"),
    ("POST", f"{DELIVERY}/replay"): ({}, "send", "webhook"),
}
# What takes a body and writes nothing.
LOOKS: dict[tuple[str, str], Any] = {
    ("POST", "tasks/validate"): NOOP,
    ("POST", "calendars/preview"): {"rules": DAYS},
    ("POST", "schedules/preview"): {"intervalSeconds": 60},
}
BODIES = {key: body for key, (body, _, _) in WRITES.items()} | LOOKS


def _paused(admin: Caller) -> None:
    admin.send("post", f"tasks/{Task.objects.get().id}/pause")


def _failed(admin: Caller) -> None:
    Execution.objects.update(status="FAILED")


def _changed(admin: Caller) -> None:
    admin.send("patch", f"tasks/{Task.objects.get().id}", {"priority": 9})


def _hourly(admin: Caller) -> None:
    Operation.objects.all().delete()
    admin.send("patch", f"tasks/{Task.objects.get().id}", {"cronExpression": "0 0 * * * ?"})


def _filled_in(admin: Caller) -> None:
    Template.objects.update(parameters=OF_WHO, definition=MADE)


def _outdated(admin: Caller) -> None:
    _filled_in(admin)
    template = Template.objects.get().id
    admin.send("post", f"templates/{template}/instantiate", {"parameters": {"who": "you"}})
    admin.send("patch", f"templates/{template}", {"definition": MADE | {"priority": 9}})


def _deserted(admin: Caller) -> None:
    Namespace.objects.create(name="spare")


def _held(admin: Caller) -> None:
    arguments = {"group": "default", "groupBy": "namespace", "maxPerSecond": 10}
    Operation.objects.update(kind="CATCH_UP", status="HELD", arguments=arguments, task=None, total_count=6)


ARRANGED: dict[tuple[str, str], Callable[[Caller], None]] = {
    ("POST", f"{TASK}/resume"): _paused,
    ("POST", f"{EXECUTION}/retry"): _failed,
    ("POST", f"{RUN}/retry"): _failed,
    ("POST", f"{TASK}/revisions/<int:version>/restore"): _changed,
    ("POST", f"{TASK}/skip"): _hourly,
    ("POST", f"{TASK}/backfill"): _hourly,
    ("POST", f"{TEMPLATE}/instantiate"): _filled_in,
    ("POST", f"{TEMPLATE}/apply"): _outdated,
    ("DELETE", NAMESPACE): _deserted,
    ("POST", f"{OPERATION}/approve"): _held,
    ("POST", f"{OPERATION}/throttle"): _held,
    ("POST", f"{OPERATION}/drop"): _held,
}


def dated(body: Any, now: datetime) -> Any:
    """Return the body with the full hours that lie so far from now in the place of times."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    dated = {name: (hour + value).isoformat() for name, value in (body or {}).items() if isinstance(value, timedelta)}
    return body if body is None else body | dated


def everything() -> list[Any]:
    """Return all that requests write, but for the audit."""
    models: list[Any] = [Task, Execution, Operation, Calendar, Template, Revision, Event, Webhook, Delivery]
    # Every request notes the use of the token that it is sent with.
    tokens = ApiToken.objects.order_by("id").values("id", "name", "revoked_at")
    namespaces = Namespace.objects.order_by("name").values()
    return [*tokens, *namespaces, *(row for model in models for row in model.objects.order_by("id").values())]
