"""One row of everything in a namespace, and the pages that show it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.test import Client

from register.access import create_token
from register.given import Given
from register.templating.services import create_template
from scheduler.models import (
    ApiToken,
    AuditRecord,
    Breach,
    Calendar,
    Channel,
    Circuit,
    Delivery,
    Event,
    Execution,
    FlowControl,
    Namespace,
    Operation,
    Seat,
    SlotFault,
    Task,
    Webhook,
)

MARK = "Zanzibar"


def inhabit(
    namespace: str, new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime
) -> dict[str, Any]:
    """Make one of everything in a namespace; what has a name has Zanzibar in it. Return the ids by route parameter."""
    first = new_task(f"{MARK} first", namespace=namespace, intervalSeconds=600)
    task = new_task(f"{MARK} task", namespace=namespace, dependencies=[{"taskId": str(first.id)}])
    columns = {"start_time": now, "end_time": now, "error_message": f"{MARK} burns"}
    failed = record(first, now - timedelta(minutes=2), status="FAILED", execution_time_ms=4, **columns)
    running = record(first, now - timedelta(minutes=1), status="RUNNING", start_time=now)
    Calendar.objects.create(name=f"{MARK} days", namespace=namespace, rules={"weekdays": ["SAT"]})
    Namespace.objects.create(name=namespace, description=f"{MARK} of all")
    create_token(f"{MARK} token", role="viewer", namespace=namespace, now=now)
    given = Given({"name": f"{MARK} template", "namespace": namespace, "parameters": {"type": "object"},
                   "definition": {"name": "x", "taskClass": "platform.noop"}})  # fmt: skip
    template = create_template(given, actor="ada", namespace=None, now=now)
    event = Event.objects.create(name=f"{MARK} event", namespace=namespace, payload="{}", received_at=now)
    webhook = Webhook.objects.create(namespace=namespace, url=f"https://example.com/{MARK}", events=["*"])
    delivery = Delivery.objects.create(
        id=uuid4(), webhook=webhook, event="webhook.test", subject=MARK, body="{}", status="FAILED", tries_left=0,
        next_attempt_at=now, created_at=now,
    )  # fmt: skip
    operation = Operation.objects.create(
        kind="BULK_ACTION", namespace=namespace, created_at=now, total_count=1, created_by=MARK,
        arguments={"on": "tasks", "action": "pause", "arguments": {}, "filter": {"search": MARK}},
    )  # fmt: skip
    channel = Channel.objects.create(
        key="by mail", namespace=namespace, channel={"kind": "EMAIL", "to": [f"{MARK}@x.org"]}
    )
    breach = Breach.objects.create(
        task=first, namespace=namespace, cause="x", promise="DURATION", execution_id=failed.id,
        scheduled_for=failed.scheduled_for, broken_at=now, detected_at=now,
    )  # fmt: skip
    fault = SlotFault.objects.create(
        task=first, namespace=namespace, kind="LATE", scheduled_for=now, late_seconds=75.0, found_at=now
    )
    flow = FlowControl.objects.create(document={"mode": "NORMAL"}, created_at=now, starts_at=now + timedelta(days=9))
    circuit = Circuit.objects.create(name=f"{MARK} service", state="OPEN", since=now, cause=f"{MARK} does not answer")
    return {
        "circuit": circuit,
        "task": task, "first": first, "failed": failed, "running": running, "template": template, "event": event,
        "webhook": webhook, "delivery": delivery, "operation": operation, "channel": channel, "breach": breach,
        "slotfault": fault,
        "flowcontrol": flow, "calendar": Calendar.objects.get(), "apitoken": ApiToken.objects.get(),
        "namespace": Namespace.objects.get(), "auditrecord": AuditRecord.objects.filter(namespace=namespace).first(),
    }  # fmt: skip


def seated(role: str, namespace: str | None = None) -> Client:
    """Return somebody who is logged in and has a seat."""
    user = User.objects.create_user(f"user {uuid4()}", is_staff=True)
    Seat.objects.create(user=user, role=role, namespace=namespace)
    client = Client()
    client.force_login(user)
    return client
