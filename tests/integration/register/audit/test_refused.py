"""Writes that somebody has no right to leave a record as well."""

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from scheduler import audit
from scheduler.models import AuditRecord, Task
from tests.integration.conftest import Caller


def _refused() -> Any:
    return AuditRecord.objects.get(verb="refused")


def test_a_role_that_is_too_small(viewer: Caller, cleanup: Task) -> None:
    viewer.send("post", f"tasks/{cleanup.id}/trigger", x_reason="Please.")

    record = _refused()
    path = f"/api/v1/tasks/{cleanup.id}/trigger"
    assert (record.actor, record.kind, record.object_name, record.object_id) == ("vera", "request", "POST", path)
    assert (record.reason, record.address) == ("Please.", "127.0.0.1")
    assert "operator" in record.after["detail"]


def test_another_namespace(payments_editor: Caller, handlers: Any) -> None:
    payments_editor.send("post", "tasks", {"name": "A", "taskClass": "platform.noop", "namespace": "default"})

    assert (_refused().actor, _refused().namespace) == ("paula", "payments")


def test_a_refusal_that_is_answered_again_is_one_record(payments_editor: Caller, handlers: Any) -> None:
    body = {"name": "A", "taskClass": "platform.noop", "namespace": "default"}
    payments_editor.send("post", "tasks", body, idempotency_key="once")
    payments_editor.send("post", "tasks", body, idempotency_key="once")

    assert _refused().actor == "paula"


def test_a_long_path_is_cut(viewer: Caller, db: None) -> None:
    viewer.send("patch", f"namespaces/{'x' * 400}", {})

    assert len(_refused().object_id) == audit.NAME_LENGTH


def test_what_nobody_has_asked_for_is_not_recorded(nobody: Client, cleanup: Task) -> None:
    nobody.post(f"/api/v1/tasks/{cleanup.id}/trigger")

    assert not AuditRecord.objects.filter(verb="refused").exists()


def test_a_read_is_not_recorded(viewer: Caller) -> None:
    assert viewer.send("get", "tokens").status_code == 403
    assert not AuditRecord.objects.filter(verb="refused").exists()


def test_the_refusal_stands_where_it_cannot_be_recorded(
    viewer: Caller, cleanup: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: Any, **_others: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(audit, "record", fails)

    assert viewer.send("post", f"tasks/{cleanup.id}/trigger").status_code == 403
