"""Webhooks and what they have been told."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from scheduler.models import Delivery, Webhook
from tests.integration.conftest import Caller

BODY: dict[str, Any] = {"url": "https://receiver.example/hook?key=k3y", "events": ["execution.failed", "task.*"]}


@pytest.fixture
def made(editor: Caller) -> Any:
    """A webhook of every namespace, as it was answered."""
    return editor.send("post", "webhooks", BODY).json()


@pytest.fixture
def hook(made: Any) -> Webhook:
    """The same."""
    return Webhook.objects.get(id=made["id"])


@pytest.fixture
def failed(hook: Webhook, now: datetime) -> Delivery:
    """A message that did not get through."""
    return Delivery.objects.create(
        id=uuid4(), webhook=hook, event="execution.failed", subject="execution:7", body='{"type": "execution.failed"}',
        status="FAILED", attempt_count=14, tries_left=0, next_attempt_at=now, created_at=now, ended_at=now,
        attempts=[{"at": "2030-01-01T00:00:00Z", "status": 500, "error": "It answered 500.", "durationMs": 5}],
    )  # fmt: skip
