"""The fixed cast, part three: one of everything that the paths of the API name."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from register.access import create_token
from register.given import Given
from register.templating.services import create_template
from scheduler.models import (
    AuditRecord,
    Calendar,
    Circuit,
    Delivery,
    Event,
    Execution,
    FlowControl,
    Namespace,
    Operation,
    Task,
    Webhook,
)
from tests.integration.conftest import Caller
from tests.integration.register.endpoints import ARRANGED, BODIES, NAMESPACE, dated


@pytest.fixture
def execution(cleanup: Task, admin: Caller) -> Execution:
    """Waits for a worker."""
    admin.send("post", f"tasks/{cleanup.id}/trigger")
    return Execution.objects.get()


@pytest.fixture
def paths(execution: Execution, now: datetime) -> Callable[[str], str]:
    """Fills in routes: the cleanup task, its execution, an operation on it; a calendar, a token of its namespace."""
    operation = Operation.objects.create(
        kind="BACKFILL", namespace="default", task=execution.task, position=execution.scheduled_for,
        arguments={"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "maxParallel": 1, "rerun": False},
    )  # fmt: skip
    calendar = Calendar.objects.create(name="weekends", namespace="default", rules={"weekdays": ["SAT", "SUN"]})
    Namespace.objects.create(name="default")
    token, _ = create_token("theirs", role="viewer", namespace="default", now=now)
    record = AuditRecord.objects.get(kind="token", object_id=token.id)
    given = Given({"name": "noop", "namespace": "default", "parameters": {"type": "object"}, "definition": {}})
    template = create_template(given, actor="ada", namespace=None, now=now)
    event = Event.objects.create(name="told", namespace="default", payload="{}", received_at=now)
    webhook = Webhook.objects.create(namespace="default", url="https://example.com/", events=["*"])
    delivery = Delivery.objects.create(
        id=webhook.id, webhook=webhook, event="webhook.test", subject="test", body="{}", status="FAILED", tries_left=0,
        next_attempt_at=now, created_at=now,
    )  # fmt: skip
    Circuit.objects.create(name="default", since=now)
    plan = FlowControl.objects.create(document={"mode": "PAUSED"}, created_at=now, starts_at=now + timedelta(days=9))
    ids = {
        "uuid:task_id": execution.task_id, "uuid:execution_id": execution.id, "uuid:operation_id": operation.id,
        "uuid:calendar_id": calendar.id, "int:token_id": token.id, "str:name": "default",
        "uuid:template_id": template.id, "int:version": 1, "int:record_id": record.id,
        "uuid:run_id": execution.id, "uuid:event_id": event.id,
        "uuid:webhook_id": webhook.id, "uuid:delivery_id": delivery.id,
        "int:plan_id": plan.id,
    }  # fmt: skip

    def fill_in(route: str) -> str:
        for name, one in ids.items():
            route = route.replace(f"<{name}>", str(one))
        return route

    return fill_in


@pytest.fixture
def arranged(admin: Caller, paths: Callable[[str], str], now: datetime) -> Callable[[str, str], tuple[str, Any]]:
    """Brings about what an endpoint needs in order to do something; returns its path, and a body."""

    def arrange(method: str, route: str) -> tuple[str, Any]:
        path = paths(route)
        ARRANGED.get((method, route), lambda _admin: None)(admin)
        is_removed = (method, route) == ("DELETE", NAMESPACE)
        return path.replace("namespaces/default", "namespaces/spare") if is_removed else path, dated(
            BODIES[method, route], now
        )

    return arrange
