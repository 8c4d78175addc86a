"""Webhooks at /admin/."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from scheduler.models import AuditRecord, Delivery, Webhook

WEBHOOKS = "/admin/scheduler/webhook/"


def _page(client: Client, path: str = WEBHOOKS) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def _act(client: Client, action: str, hook: Webhook) -> str:
    chosen = {"action": action, "_selected_action": [str(hook.id)]}
    answer: Any = client.post(WEBHOOKS, chosen, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_it_lists_them_without_what_may_be_a_key(admin_client: Client, hook: Webhook) -> None:
    shown = _page(admin_client)

    assert "https://receiver.example/hook?…" in shown
    assert "k3y" not in shown


def test_it_shows_one_with_its_messages(admin_client: Client, failed: Delivery) -> None:
    shown = _page(admin_client, f"{WEBHOOKS}{failed.webhook_id}/change/")

    assert "execution.failed" in shown
    assert "It answered 500." in shown
    assert "k3y" not in shown


def test_the_navigation_leads_to_them(admin_client: Client) -> None:
    assert f'href="{WEBHOOKS}"' in _page(admin_client, "/admin/scheduler/task/")


def test_it_says_that_it_fails(admin_client: Client, hook: Webhook) -> None:
    Webhook.objects.update(failing_since=hook.created_at, failure_count=3)

    assert "Failing since" in _page(admin_client)


def test_it_is_switched_off_and_on(admin_client: Client, hook: Webhook) -> None:
    assert "is switched off" in _act(admin_client, "switch_off", hook)
    assert not Webhook.objects.get().is_active

    assert "is switched on" in _act(admin_client, "switch_on", hook)
    assert Webhook.objects.get().is_active
    assert AuditRecord.objects.filter(kind="webhook", verb="change", via="CONSOLE").count() == 2


def test_it_is_sent_a_test(admin_client: Client, hook: Webhook) -> None:
    assert "is sent a test" in _act(admin_client, "send_test", hook)

    assert Delivery.objects.get().event == "webhook.test"


def test_a_deleted_one_is_not_there(admin_client: Client, hook: Webhook) -> None:
    Webhook.objects.update(deleted_at=hook.created_at, is_active=False)

    assert "receiver.example" not in _page(admin_client)


def test_who_may_only_look_may_not_look_here_without_the_right(
    hook: Webhook, client: Client, django_user_model: type[User]
) -> None:
    client.force_login(django_user_model.objects.create_user("vera", is_staff=True))

    assert client.get(WEBHOOKS).status_code == 403


@pytest.mark.parametrize("path", ["add/", "{}/delete/"])
def test_rows_are_neither_added_nor_deleted(admin_client: Client, hook: Webhook, path: str) -> None:
    assert admin_client.get(WEBHOOKS + path.format(hook.id)).status_code == 403
