"""No page of the console writes past the services and the audit; a new page or action has to be entered here."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from django_celery_beat.models import IntervalSchedule

from register.access import create_token
from scheduler.consoles import AuditedAdmin
from scheduler.models import AuditRecord, Delivery, FlowControl, Operation, Task, Webhook

PAGES = {model.__name__: page for model, page in admin.site._registry.items()}

# What each action records; those of tasks and executions ask on the page of bulk actions, which makes an operation.
ACTIONS = {
    ("Delivery", "replay"): ("send", "webhook"),
    ("FlowControl", "withdraw"): ("delete", "flow-control"),
    ("Operation", "abort"): ("abort", "operation"),
    ("ApiToken", "revoke"): ("revoke", "token"),
    ("Webhook", "send_test"): ("send", "webhook"),
    ("Webhook", "rotate"): ("rotate", "webhook"),
    ("Webhook", "switch_off"): ("change", "webhook"),
    ("Webhook", "switch_on"): ("change", "webhook"),
    ("User", "delete_selected"): ("delete", "console"),
    ("Group", "delete_selected"): ("delete", "console"),
    ("IntervalSchedule", "delete_selected"): ("delete", "console"),
}
ASKED_ELSEWHERE = {
    *(("Task", action) for action in ("run_now", "pause", "resume", "set_fields", "delete")),
    ("Execution", "retry"),
    ("Execution", "cancel"),
}


def _request() -> Any:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return request


def _overrides(page: "ModelAdmin[Any]", method: str) -> bool:
    return getattr(type(page), method) is not getattr(ModelAdmin, method)


def _is_edited(page: "ModelAdmin[Any]") -> bool:
    request = _request()
    may_change = page.has_change_permission(request, page.model())
    return page.has_add_permission(request) or (may_change and bool(page.get_form(request, page.model()).base_fields))


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_it_stores_by_a_service_or_is_audited(name: str) -> None:
    page = PAGES[name]

    assert isinstance(page, AuditedAdmin) or not _is_edited(page) or _overrides(page, "save_model")


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_it_deletes_by_a_service_or_is_audited(name: str) -> None:
    page = PAGES[name]

    may_delete = page.has_delete_permission(_request())
    assert isinstance(page, AuditedAdmin) or not may_delete or _overrides(page, "delete_model") or name == "Task"
    assert isinstance(page, AuditedAdmin) or "delete_selected" not in page.get_actions(_request())


@pytest.mark.django_db
def test_every_action_is_here() -> None:
    found = {(name, action) for name, page in PAGES.items() for action in page.get_actions(_request())}

    assert found == ACTIONS.keys() | ASKED_ELSEWHERE


@pytest.fixture
def rows(cleanup: Task, now: datetime) -> Callable[[str, str], Any]:
    """Makes the row that an action is about."""
    webhook = Webhook.objects.create(url="https://example.com/", events=["*"])

    def make(name: str, action: str) -> Any:
        made: dict[str, Callable[[], Any]] = {
            "Webhook": lambda: webhook,
            "Delivery": lambda: Delivery.objects.create(
                id=uuid4(), webhook=webhook, event="webhook.test", subject="test", body="{}", status="FAILED",
                tries_left=0, next_attempt_at=now, created_at=now,
            ),
            "FlowControl": lambda: FlowControl.objects.create(
                document={"mode": "PAUSED"}, created_at=now, starts_at=now.replace(year=now.year + 1)
            ),
            "Operation": lambda: Operation.objects.create(
                kind="BACKFILL", namespace="default", task=cleanup, position=now, created_at=now,
                arguments={"from": now.isoformat(), "to": now.isoformat(), "maxParallel": 1, "rerun": False},
            ),
            "ApiToken": lambda: create_token("theirs", role="viewer", namespace=None, now=now)[0],
            "User": lambda: User.objects.create(username="gone"),
            "Group": lambda: Group.objects.create(name="gone"),
            "IntervalSchedule": lambda: IntervalSchedule.objects.create(every=7, period="minutes"),
        }  # fmt: skip
        return made[name]()

    return make


@pytest.mark.parametrize(("name", "action"), ACTIONS)
def test_an_action_leaves_a_record(
    admin_client: Client, rows: Callable[[str, str], Any], name: str, action: str
) -> None:
    row = rows(name, action)
    Webhook.objects.update(is_active=action != "switch_on")
    seen = AuditRecord.objects.order_by("-id").values_list("id", flat=True).first() or 0
    chosen = {"action": action, "_selected_action": [str(row.pk)], "confirmed": "yes", "post": "yes"}

    answer = admin_client.post(f"/admin/{row._meta.app_label}/{row._meta.model_name}/", chosen, follow=True)

    assert answer.status_code == 200
    records = AuditRecord.objects.filter(id__gt=seen, via="CONSOLE", actor="admin (console)")
    assert {(record.verb, record.kind) for record in records} == {ACTIONS[name, action]}


@pytest.mark.parametrize(("name", "action"), sorted(ASKED_ELSEWHERE))
def test_an_action_on_many_asks_on_the_page_of_bulk_actions(
    admin_client: Client, cleanup: Task, name: str, action: str
) -> None:
    chosen = {"action": action, "_selected_action": [str(cleanup.id)]}

    answer = admin_client.post(f"/admin/scheduler/{name.lower()}/", chosen)

    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, f"/admin/bulk/{name.lower()}s/")
    assert not AuditRecord.objects.filter(via="CONSOLE").exists()
