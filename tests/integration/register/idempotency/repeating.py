"""What the tests of idempotency keys do: send a request with one, let time pass, let its process die."""

from datetime import timedelta
from typing import Any

from scheduler.models import Execution, IdempotencyKey, Task
from tests.integration.conftest import Caller

KEY = "9d4e5f0c-0a63-4b7c-a1a6-0d0f4f6c1f11"
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def trigger(caller: Caller, task: Task, body: Any = None, *, key: str = KEY) -> Any:
    return caller.send("post", f"tasks/{task.id}/trigger", body, Idempotency_Key=key)


def age(by: timedelta) -> None:
    """Let time pass for every key."""
    stored = IdempotencyKey.objects.get()
    IdempotencyKey.objects.update(taken_at=stored.taken_at - by, expires_at=stored.expires_at - by)


def let_die() -> None:
    """Leave the key as a process does that dies before it has answered."""
    IdempotencyKey.objects.update(answer_status=None, answer_headers=None, answer_body=None)
    Execution.objects.all().delete()
