"""Who looks at the pages, and at what."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from scheduler.models import Execution, Node, Task

MINUTE = timedelta(minutes=1)


@pytest.fixture
def logged_in(db: None) -> Callable[..., Client]:
    """Logs a member of staff in who has these permissions of the scheduler and no others."""

    def log_in(*names: str) -> Client:
        user = User.objects.create_user(f"user {uuid4()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client = Client()
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def looking(logged_in: Callable[..., Client]) -> Client:
    """Somebody who may see, and nothing else."""
    return logged_in("view_task", "view_execution")


@pytest.fixture
def platform(
    new_task: Callable[..., Task], record: Callable[..., Execution], count: Callable[[], None], now: datetime
) -> Task:
    """Something of everything: late, failed, running, queued, coming; a scheduler, a worker and a silent one."""
    task = new_task("Busy", intervalSeconds=600)
    failing = new_task("Failing", intervalSeconds=600)
    late = new_task("Late", intervalSeconds=600)
    Task.objects.filter(id=late.id).update(claim_at=now - MINUTE, next_execution_time=now - MINUTE)
    for number in range(3):
        record(task, now - (number + 5) * MINUTE, status="SUCCESS", start_time=now, end_time=now)
    record(task, now - 2 * MINUTE, status="RUNNING", start_time=now - MINUTE)
    record(task, now - 4 * MINUTE, status="QUEUED", queued_at=now - 4 * MINUTE, published_at=now - 4 * MINUTE)
    error = "KeyError: 'eur_usd'\n  <b>trace</b>"
    record(failing, now - MINUTE, status="FAILED", error_message=error, start_time=now, end_time=now)
    _node("scheduler", now)
    _node("worker", now, concurrency=4, queues=["default"], running=["x"])
    _node("worker", now - 5 * MINUTE, concurrency=8)
    count()
    return task


def _node(role: str, beat: datetime, **load: Any) -> None:
    Node.objects.create(id=uuid4(), role=role, hostname="host", pid=1, started_at=beat, heartbeat_at=beat, load=load)
