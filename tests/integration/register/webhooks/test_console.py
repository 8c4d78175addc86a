"""Webhooks at /admin/."""

from typing import Any

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


def test_it_shows_one_with_its_deliveries(admin_client: Client, failed: Delivery) -> None:
    shown = _page(admin_client, f"{WEBHOOKS}{failed.webhook_id}/change/")

    assert "execution.failed" in shown
    assert "It answered 500." in shown
    assert "k3y" not in shown


def test_the_navigation_leads_to_them(admin_client: Client) -> None:
    assert f'href="{WEBHOOKS}"' in _page(admin_client, "/admin/scheduler/task/")


def test_it_says_that_it_fails(admin_client: Client, hook: Webhook) -> None:
    Webhook.objects.update(failing_since=hook.created_at, failure_count=3)

    assert 'Failing since <span class="nowrap">' in _page(admin_client)


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


WANTED = {"url": "https://example.com/hook?key=k3y", "events": ["task.*"], "namespace": "", "description": "Ours"}


def test_one_is_made_and_its_secret_is_shown_this_once(admin_client: Client, db: None) -> None:
    answer = admin_client.post(f"{WEBHOOKS}add/", WANTED)

    made = Webhook.objects.get()
    assert (made.events, made.namespace, made.description) == (["task.*"], None, "Ours")
    assert b"whsec_" in answer.content
    assert b"whsec_" not in admin_client.get(f"{WEBHOOKS}{made.id}/change/").content


def test_what_is_refused_stands_beside_its_field(admin_client: Client, db: None) -> None:
    page = admin_client.post(f"{WEBHOOKS}add/", WANTED | {"url": "ftp://example.com/"}).content.decode()

    assert 'class="errorlist" id="id_url_error"' in page
    assert not Webhook.objects.exists()


def test_an_address_that_is_left_empty_stays(admin_client: Client, hook: Webhook) -> None:
    changed = WANTED | {"url": "", "description": "Theirs", "seen_version": hook.version}
    admin_client.post(f"{WEBHOOKS}{hook.id}/change/", changed)

    was = hook.url
    hook.refresh_from_db()
    assert (hook.url, hook.description, hook.events) == (was, "Theirs", ["task.*"])


def test_a_new_secret_is_shown_this_once(admin_client: Client, hook: Webhook) -> None:
    answer = admin_client.post(WEBHOOKS, {"action": "rotate", "_selected_action": [str(hook.id)]})

    assert b"whsec_" in answer.content
    assert Webhook.objects.get().secret_version == hook.secret_version + 1


def test_one_is_deleted(admin_client: Client, hook: Webhook) -> None:
    admin_client.post(f"{WEBHOOKS}{hook.id}/delete/", {"post": "yes"})

    assert Webhook.objects.get().deleted_at is not None


def test_a_message_is_sent_again(admin_client: Client, failed: Delivery) -> None:
    answer: Any = admin_client.post(
        "/admin/scheduler/delivery/", {"action": "replay", "_selected_action": [str(failed.id)]}, follow=True
    )

    failed.refresh_from_db()
    assert failed.status == "PENDING"
    assert "is sent again" in answer.content.decode()


def test_deliveries_are_listed_with_how_they_went(admin_client: Client, failed: Delivery) -> None:
    page = admin_client.get(f"/admin/scheduler/delivery/?q={failed.webhook_id}").content.decode()

    assert "It answered 500." in page
    assert "k3y" not in page
