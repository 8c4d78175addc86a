"""The fixed cast, part two: callers with their tokens, and the tasks that they meet."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from register.access import create_token
from register.api.reading import read_new_task
from register.services import create_task
from scheduler.models import Handler, Task


class Caller(Client):
    """A client of the API that sends its token, and JSON."""

    def __init__(self, secret: str) -> None:
        super().__init__(headers={"Authorization": f"Bearer {secret}"})
        self.secret = secret

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send `body` as JSON and return the answer."""
        make: Callable[..., Any] = getattr(self, method)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return make(f"/api/v1/{path}", data=body, content_type="application/json", headers=names)


def _caller(name: str, role: str, now: datetime, namespace: str | None = None) -> Caller:
    _, secret = create_token(name, role=role, namespace=namespace, now=now)
    return Caller(secret)


@pytest.fixture
def viewer(now: datetime) -> Caller:
    """Reads everything."""
    return _caller("vera", "viewer", now)


@pytest.fixture
def operator(now: datetime) -> Caller:
    """Runs things."""
    return _caller("olaf", "operator", now)


@pytest.fixture
def editor(now: datetime) -> Caller:
    """Defines tasks, in every namespace."""
    return _caller("edda", "editor", now)


@pytest.fixture
def payments_editor(now: datetime) -> Caller:
    """Defines tasks in the namespace payments and sees no other."""
    return _caller("paula", "editor", now, namespace="payments")


@pytest.fixture
def admin(now: datetime) -> Caller:
    """May do everything."""
    return _caller("ada", "admin", now)


@pytest.fixture
def payments_admin(now: datetime) -> Caller:
    """May do everything in the namespace payments."""
    return _caller("pia", "admin", now, namespace="payments")


@pytest.fixture
def nobody(db: None) -> Client:
    """Has no token."""
    return Client()


SEED = {
    "name": "Daily Data Cleanup",
    "description": "Removes temporary data older than 7 days",
    "cronExpression": "0 0 0 * * ?",
    "taskClass": "com.platform.tasks.CleanupTask",
    "taskData": '{"retentionDays": 7, "batchSize": 1000}',
    "priority": 3,
    "maxRetryCount": 3,
    "timeoutSeconds": 1800,
}


@pytest.fixture
def new_task(handlers: dict[str, Handler], now: datetime) -> Callable[..., Task]:
    """Registers a task from fields of the API, as edda at `now` unless said otherwise."""

    def register(name: str = "A task", *, at: datetime = now, **fields: Any) -> Task:
        given = read_new_task({"name": name, "taskClass": "platform.noop"} | fields)
        return create_task(given, actor="edda", namespace=None, now=at)

    return register


@pytest.fixture
def cleanup(new_task: Callable[..., Task]) -> Task:
    """The seed's example."""
    return new_task(**SEED)


@pytest.fixture
def payroll(new_task: Callable[..., Task]) -> Task:
    """A task of the namespace payments, every hour."""
    return new_task("Payroll", namespace="payments", cronExpression="0 0 * * * ?", priority=9)
