"""Webhooks over the API: made, shown, changed, deleted, refused."""

from typing import Any

import pytest

from scheduler.models import AuditRecord, Delivery, OutboxEntry, Webhook
from tests.integration.conftest import Caller
from tests.integration.register.webhooks.conftest import BODY


def test_it_is_made(editor: Caller) -> None:
    answer = editor.send("post", "webhooks", BODY)

    body = answer.json()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert answer["Location"] == f"/api/v1/webhooks/{body['id']}"
    assert (body["url"], body["events"], body["namespace"]) == (BODY["url"], BODY["events"], None)
    assert (body["isActive"], body["createdBy"], body["failureCount"]) == (True, "edda", 0)


def test_its_secret_is_shown_once(editor: Caller, made: Any) -> None:
    shown = editor.send("get", f"webhooks/{made['id']}").json()

    assert made["secret"].startswith("whsec_")
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert made["secret"] not in editor.send("get", "webhooks").content.decode()


def test_its_secret_is_stored_nowhere(made: Any) -> None:
    stored = [*Webhook.objects.values_list(), *AuditRecord.objects.values_list()]

    assert made["secret"] not in repr(stored)


def test_a_new_secret_takes_the_place_of_the_old_one(editor: Caller, made: Any) -> None:
    answer = editor.send("post", f"webhooks/{made['id']}/rotate")

    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert answer.json()["secret"] != made["secret"]
    assert Webhook.objects.get().secret_changed_at is not None


def test_the_audit_tells_nothing_of_the_query(editor: Caller, made: Any) -> None:
    editor.send("patch", f"webhooks/{made['id']}", {"url": "https://receiver.example/other?key=s3cret"})

    records = list(AuditRecord.objects.filter(kind="webhook").order_by("id"))
    assert [record.verb for record in records] == ["create", "change"]
    assert "k3y" not in repr([(one.before, one.after) for one in records])
    assert records[1].after == {"url": "https://receiver.example/other?…"}


def test_it_is_changed(editor: Caller, made: Any) -> None:
    answer = editor.send("patch", f"webhooks/{made['id']}", {"events": ["*"], "description": "Pager"})

    assert (answer.json()["events"], answer.json()["description"]) == (["*"], "Pager")
    assert (answer.json()["url"], answer.json()["version"], answer["ETag"]) == (BODY["url"], 2, '"2"')


def test_what_changes_nothing_makes_no_version(editor: Caller, made: Any) -> None:
    assert editor.send("patch", f"webhooks/{made['id']}", BODY).json()["version"] == 1


def test_a_stale_version_is_refused(editor: Caller, made: Any) -> None:
    answer = editor.send("patch", f"webhooks/{made['id']}", {"events": ["*"]}, If_Match='"7"')

    assert (answer.status_code, Webhook.objects.get().version) == (412, 1)


def test_switched_on_again_it_begins_anew(editor: Caller, hook: Webhook) -> None:
    Webhook.objects.update(
        is_active=False, switched_off_at=hook.created_at, switched_off_reason="x", failure_count=20,
        failing_since=hook.created_at,
    )  # fmt: skip

    answer = editor.send("patch", f"webhooks/{hook.id}", {"isActive": True}).json()

    assert (answer["isActive"], answer["switchedOffAt"], answer["switchedOffReason"]) == (True, None, None)
    assert (answer["failureCount"], answer["failingSince"]) == (0, None)


@pytest.mark.parametrize("asked", ["test", "deliveries/replay", "deliveries/{id}/replay"])
def test_what_somebody_asks_for_does_not_wait_for_the_peace(
    editor: Caller, hook: Webhook, failed: Delivery, asked: str
) -> None:
    Webhook.objects.update(failure_count=9, failing_since=hook.created_at, not_before=hook.created_at)

    assert editor.send("post", f"webhooks/{hook.id}/{asked.format(id=failed.id)}", {}).status_code == 202

    found = Webhook.objects.get()
    assert (found.not_before, found.failure_count) == (None, 9)


def test_what_listens_elsewhere_has_not_failed_yet(editor: Caller, hook: Webhook) -> None:
    Webhook.objects.update(failure_count=20, failing_since=hook.created_at, not_before=hook.created_at)

    answer = editor.send("patch", f"webhooks/{hook.id}", {"url": "https://other.example/"}).json()

    assert (answer["failureCount"], answer["failingSince"]) == (0, None)
    assert Webhook.objects.get().not_before is None


def test_what_listens_elsewhere_still_says_why_it_is_off(editor: Caller, hook: Webhook) -> None:
    Webhook.objects.update(is_active=False, switched_off_at=hook.created_at, switched_off_reason="x")

    answer = editor.send("patch", f"webhooks/{hook.id}", {"url": "https://other.example/"}).json()

    assert (answer["isActive"], answer["switchedOffReason"]) == (False, "x")


def test_it_is_deleted(editor: Caller, made: Any) -> None:
    assert editor.send("delete", f"webhooks/{made['id']}").status_code == 204

    assert editor.send("get", f"webhooks/{made['id']}").status_code == 404
    assert editor.send("delete", f"webhooks/{made['id']}").status_code == 404
    assert editor.send("get", "webhooks").json()["content"] == []
    assert not Webhook.objects.get().is_active


def test_a_bound_token_makes_its_own(payments_editor: Caller) -> None:
    assert payments_editor.send("post", "webhooks", BODY).json()["namespace"] == "payments"


@pytest.mark.parametrize("namespace", [None, "default"])
def test_a_bound_token_makes_no_other(payments_editor: Caller, namespace: str | None) -> None:
    assert payments_editor.send("post", "webhooks", BODY | {"namespace": namespace}).status_code == 403
    assert not Webhook.objects.exists()


def test_a_bound_token_sees_no_other(payments_editor: Caller, made: Any) -> None:
    assert payments_editor.send("get", "webhooks").json()["content"] == []
    assert payments_editor.send("get", f"webhooks/{made['id']}").status_code == 404
    assert payments_editor.send("delete", f"webhooks/{made['id']}").status_code == 404


def test_a_registration_is_told(editor: Caller, made: Any, handlers: Any) -> None:
    editor.send("post", "tasks", {"name": "load", "taskClass": "platform.noop"})

    assert list(OutboxEntry.objects.values_list("records", flat=True)) == [[AuditRecord.objects.get(kind="task").id]]


def test_without_webhooks_nothing_is_written(editor: Caller, handlers: Any) -> None:
    editor.send("post", "tasks", {"name": "load", "taskClass": "platform.noop"})

    assert not OutboxEntry.objects.exists()


URL, EVENTS = BODY["url"], BODY["events"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], [""]),
        ({}, ["url", "events"]),
        ({"url": 5, "events": "x"}, ["url", "events"]),
        ({"url": "", "events": []}, ["url", "events"]),
        ({"url": "ftp://receiver.example/", "events": EVENTS}, ["url"]),
        ({"url": "receiver.example", "events": EVENTS}, ["url"]),
        ({"url": "https://user:password@receiver.example/", "events": EVENTS}, ["url"]),
        ({"url": "https://0x7f.1/", "events": EVENTS}, ["url"]),
        ({"url": "https://receiver.example/\n", "events": EVENTS}, []),
        ({"url": "https://receiver.example/a b", "events": EVENTS}, ["url"]),
        ({"url": "https://receiver.example/" + "x" * 2048, "events": EVENTS}, ["url"]),
        ({"url": URL, "events": ["execution.fialed"]}, ["events[0]"]),
        ({"url": URL, "events": [None, "*"]}, ["events[0]"]),
        ({"url": URL, "events": ["webhook.test"]}, ["events[0]"]),
        ({"url": URL, "events": EVENTS, "secret": "mine"}, ["secret"]),
        ({"url": URL, "events": EVENTS, "isActive": "yes"}, ["isActive"]),
        ({"url": URL, "events": EVENTS, "namespace": "no such!"}, ["namespace"]),
        ({"url": URL, "events": EVENTS, "description": "x" * 1001}, ["description"]),
    ],
)
def test_it_refuses(editor: Caller, body: Any, fields: list[str]) -> None:
    answer = editor.send("post", "webhooks", body)

    assert [fault["field"] for fault in answer.json().get("errors", [])] == fields
    assert Webhook.objects.exists() is not bool(fields)


def test_it_guesses_what_was_meant(editor: Caller) -> None:
    answer = editor.send("post", "webhooks", {"url": URL, "events": ["execution.fialed"]})

    assert "Did you mean 'execution.failed'?" in answer.json()["errors"][0]["message"]


def test_it_stays_in_its_namespace(editor: Caller, made: Any) -> None:
    answer = editor.send("patch", f"webhooks/{made['id']}", {"namespace": "payments"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "namespace")


def test_there_may_be_so_many(editor: Caller, monkeypatch: pytest.MonkeyPatch, made: Any) -> None:
    monkeypatch.setattr("register.webhooks.MOST_WEBHOOKS", 1)

    answer = editor.send("post", "webhooks", BODY)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_many")
