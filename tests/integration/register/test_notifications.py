"""`notifyOn` of a task and `notifyChannel` of a namespace: given, answered, refused."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from scheduler.models import AuditRecord, Channel, Namespace, Revision, Task, Webhook
from tests.integration.conftest import Caller

pytestmark = pytest.mark.usefixtures("handlers")

MAIL = {"kind": "EMAIL", "to": ["ops@example.com"]}
CHAT = {"kind": "CHAT", "url": "https://chat.example/room?key=1"}
HOOK = {"kind": "WEBHOOK", "webhookId": str(uuid4())}
UNKNOWN = {"kind": "WEBHOOK", "webhookId": str(uuid4())}
SECRET = {"kind": "CHAT", "url": {"$secret": "CHAT"}}


@pytest.fixture(autouse=True)
def hook(db: None) -> Webhook:
    """A webhook of all namespaces."""
    return Webhook.objects.create(id=HOOK["webhookId"], url="https://pager.example/", events=["*"])


def _post(caller: Caller, notify_on: Any) -> Any:
    body = {"name": "load", "taskClass": "platform.noop", "notifyOn": notify_on}
    return caller.send("post", "tasks", body)


@pytest.mark.parametrize("channel", [MAIL, CHAT, HOOK, SECRET, None])
def test_a_task_names_its_people(editor: Caller, channel: Any) -> None:
    rule = {"outcomes": ["FAILURE", "RECOVERY"], "channel": channel}

    answer = _post(editor, [rule])

    assert (answer.status_code, answer.json()["notifyOn"]) == (201, [rule])
    assert editor.send("get", f"tasks/{answer.json()['id']}").json()["notifyOn"] == [rule]
    assert Revision.objects.get().definition["notify_on"] == [rule]


@pytest.mark.parametrize(("given", "answered"), [(None, None), ([], [])])
def test_it_may_leave_it_to_the_namespace_or_name_nobody(editor: Caller, given: Any, answered: Any) -> None:
    assert _post(editor, given).json()["notifyOn"] == answered


def test_without_a_channel_it_is_the_namespaces(editor: Caller) -> None:
    answer = _post(editor, [{"outcomes": ["FAILURE", "FAILURE"]}])

    assert answer.json()["notifyOn"] == [{"outcomes": ["FAILURE"], "channel": None}]


def _with(**channel: Any) -> Any:
    return [{"outcomes": ["FAILURE"], "channel": channel}]


@pytest.mark.parametrize(
    ("notify_on", "field"),
    [
        ("x", "notifyOn"),
        ({}, "notifyOn"),
        ([{"outcomes": ["FAILURE"]}] * 11, "notifyOn"),
        ([{}], "notifyOn[0].outcomes"),
        ([{"outcomes": []}], "notifyOn[0].outcomes"),
        ([{"outcomes": ["FAILED"]}], "notifyOn[0].outcomes[0]"),
        ([{"outcomes": ["FAILURE"], "channels": []}], "notifyOn[0].channels"),
        (_with(), "notifyOn[0].channel.kind"),
        (_with(kind="SMS"), "notifyOn[0].channel.kind"),
        (_with(kind="EMAIL"), "notifyOn[0].channel.to"),
        (_with(kind="EMAIL", to=[]), "notifyOn[0].channel.to"),
        (_with(kind="EMAIL", to=["ops"]), "notifyOn[0].channel.to[0]"),
        (_with(kind="EMAIL", to=["ops@example.com\nBcc: eve@example.com"]), "notifyOn[0].channel.to[0]"),
        (_with(kind="EMAIL", to=["ops@example.com"], url="https://a.example"), "notifyOn[0].channel.url"),
        (_with(kind="CHAT", url="ftp://a.example"), "notifyOn[0].channel.url"),
        (_with(kind="CHAT", url={"$secret": 5}), "notifyOn[0].channel.url"),
        (_with(kind="WEBHOOK", webhookId="7"), "notifyOn[0].channel.webhookId"),
    ],
)
@pytest.mark.parametrize("is_change", [False, True])
def test_it_refuses(editor: Caller, new_task: Any, notify_on: Any, field: str, is_change: bool) -> None:
    task = new_task()
    if is_change:
        answer = editor.send("patch", f"tasks/{task.id}", {"notifyOn": notify_on})
    else:
        answer = _post(editor, notify_on)

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (400, [field])
    assert Task.objects.get().version == 1


def test_it_names_listed_secrets_only(editor: Caller) -> None:
    Namespace.objects.create(name="default", secret_names=["PAGER"])

    answer = _post(editor, [{"outcomes": ["FAILURE"], "channel": SECRET}])

    fault = answer.json()["errors"][0]
    assert (answer.status_code, fault["field"]) == (422, "notifyOn[0].channel.url")


def test_it_names_webhooks_that_are_there(editor: Caller) -> None:
    answer = _post(editor, [{"outcomes": ["FAILURE"], "channel": one} for one in (HOOK, UNKNOWN)])

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (
        422, ["notifyOn[1].channel.webhookId"],
    )  # fmt: skip


@pytest.mark.parametrize("changed", [{"namespace": "payments"}, {"deleted_at": "2030-01-01T00:00:00Z"}])
def test_another_namespaces_webhook_is_none_of_its(editor: Caller, hook: Webhook, changed: Any) -> None:
    Webhook.objects.update(**changed)

    assert _post(editor, [{"outcomes": ["FAILURE"], "channel": HOOK}]).status_code == 422


def test_what_has_gone_since_stands_in_the_way_of_no_other_change(editor: Caller) -> None:
    task = _post(editor, [{"outcomes": ["FAILURE"], "channel": HOOK}]).json()
    Webhook.objects.update(deleted_at="2030-01-01T00:00:00Z")

    assert editor.send("patch", f"tasks/{task['id']}", {"priority": 9}).status_code == 200


class TestNamespaces:
    def test_it_has_a_channel(self, admin: Caller) -> None:
        made = admin.send("post", "namespaces", {"name": "payments", "notifyChannel": MAIL})

        assert (made.status_code, made.json()["notifyChannel"]) == (201, MAIL)
        changed = admin.send("patch", "namespaces/payments", {"notifyChannel": None}).json()
        assert (changed["notifyChannel"], changed["version"]) == (None, 2)

    def test_a_bound_admin_chooses_his_peoples(self, admin: Caller, payments_admin: Caller) -> None:
        admin.send("post", "namespaces", {"name": "payments"})

        answer = payments_admin.send("patch", "namespaces/payments", {"notifyChannel": CHAT})

        assert (answer.status_code, answer.json()["notifyChannel"]) == (200, CHAT)

    def test_the_audit_does_not_tell_where_a_chat_listens(self, admin: Caller) -> None:
        admin.send("post", "namespaces", {"name": "payments", "notifyChannel": CHAT})

        after: Any = AuditRecord.objects.get(kind="namespace").after
        assert after["notifyChannel"] == {"kind": "CHAT", "url": "chat.example"}

    def test_it_refuses_another(self, admin: Caller) -> None:
        answer = admin.send("post", "namespaces", {"name": "payments", "notifyChannel": {"kind": "EMAIL"}})

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "notifyChannel.to")
        assert not Namespace.objects.exists()

    @pytest.mark.parametrize(
        ("channel", "field"), [(SECRET, "notifyChannel.url"), (UNKNOWN, "notifyChannel.webhookId")]
    )
    def test_its_channel_leads_somewhere(self, admin: Caller, channel: Any, field: str) -> None:
        body = {"name": "payments", "notifyChannel": channel, "secretNames": ["PAGER"]}

        answer = admin.send("post", "namespaces", body)

        assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, [field])
        assert not Namespace.objects.exists()

    @pytest.mark.parametrize("channel", [MAIL, CHAT, SECRET])
    def test_the_dashboard_says_where_failures_are_told(
        self, admin: Caller, admin_client: Client, channel: Any
    ) -> None:
        admin.send("post", "namespaces", {"name": "payments", "notifyChannel": channel})
        Channel.objects.create(key="k", namespace="payments", channel=channel)
        words = {"EMAIL": "ops@example.com", "CHAT": "chat.example"}
        said = "the secret CHAT" if channel is SECRET else words[channel["kind"]]

        for path in ("namespace", "channel", "channel/k/change"):
            assert said in admin_client.get(f"/admin/scheduler/{path}/").content.decode()

    def test_a_secret_is_listed_with_the_channel_that_names_it(self, admin: Caller) -> None:
        admin.send("post", "namespaces", {"name": "payments", "secretNames": ["PAGER"]})
        both = {"notifyChannel": SECRET, "secretNames": ["PAGER", "CHAT"]}

        assert admin.send("patch", "namespaces/payments", both).status_code == 200
        assert admin.send("patch", "namespaces/payments", {"secretNames": ["PAGER"]}).status_code == 422
        assert Namespace.objects.get().secret_names == ["PAGER", "CHAT"]
