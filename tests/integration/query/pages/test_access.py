"""Every page of the console, role by role as in the API, and that no seat reaches into another namespace."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern

from platform_scheduler.authentication import LADDER
from platform_scheduler.console.seats import LEAST as PERMISSIONS
from scheduler.models import AuditRecord, Execution, Seat, Task
from tests.integration.query.pages.inhabited import MARK, inhabit, seated
from tests.integration.register.test_access import LEAST as API

pytestmark = pytest.mark.anywhere

# By the name of the route: the least role that sees it, and which row it shows.
PAGES: dict[str, tuple[str, str]] = {
    "index": ("viewer", ""), "timeline": ("viewer", ""), "upcoming": ("viewer", ""), "fleet": ("viewer", ""),
    "circuits": ("viewer", ""), "predictions": ("viewer", ""), "workflows": ("viewer", ""), "import": ("editor", ""),
    "task": ("viewer", "task"), "task_why": ("viewer", "task"), "task_revision": ("viewer", "task"),
    "workflow": ("viewer", "first"), "run": ("viewer", "failed"), "operation": ("viewer", "operation"),
    "scheduler_task_changelist": ("viewer", ""), "scheduler_task_add": ("editor", ""),
    "scheduler_task_change": ("viewer", "task"), "scheduler_task_history": ("viewer", "task"),
    "scheduler_execution_changelist": ("viewer", ""), "scheduler_execution_change": ("viewer", "failed"),
    "scheduler_execution_history": ("viewer", "failed"),
    "scheduler_node_changelist": ("viewer", ""), "scheduler_handler_changelist": ("viewer", ""),
    "scheduler_breach_changelist": ("viewer", ""), "scheduler_breach_change": ("viewer", "breach"),
    "scheduler_breach_history": ("viewer", "breach"), "scheduler_breach_report": ("viewer", ""),
    "scheduler_slotfault_changelist": ("admin", ""), "scheduler_slotfault_change": ("admin", "slotfault"),
    "scheduler_slotfault_history": ("admin", "slotfault"),
    "scheduler_operation_changelist": ("viewer", ""), "scheduler_operation_change": ("viewer", "operation"),
    "scheduler_operation_history": ("viewer", "operation"),
    "scheduler_calendar_changelist": ("viewer", ""), "scheduler_calendar_add": ("editor", ""),
    "scheduler_calendar_change": ("viewer", "calendar"), "scheduler_calendar_delete": ("editor", "calendar"),
    "scheduler_calendar_history": ("viewer", "calendar"),
    "scheduler_template_changelist": ("viewer", ""), "scheduler_template_add": ("editor", ""),
    "scheduler_template_change": ("viewer", "template"), "scheduler_template_delete": ("editor", "template"),
    "scheduler_template_history": ("viewer", "template"), "scheduler_template_instantiate": ("editor", "template"),
    "scheduler_event_changelist": ("viewer", ""), "scheduler_event_add": ("operator", ""),
    "scheduler_event_change": ("viewer", "event"), "scheduler_event_history": ("viewer", "event"),
    "scheduler_channel_changelist": ("viewer", ""), "scheduler_channel_change": ("viewer", "channel"),
    "scheduler_channel_history": ("viewer", "channel"),
    "scheduler_flowcontrol_changelist": ("viewer", ""), "scheduler_flowcontrol_add": ("operator", ""),
    "scheduler_flowcontrol_change": ("viewer", "flowcontrol"),
    "scheduler_flowcontrol_history": ("viewer", "flowcontrol"),
    "scheduler_namespace_changelist": ("viewer", ""), "scheduler_namespace_add": ("admin", ""),
    "scheduler_namespace_change": ("viewer", "namespace"), "scheduler_namespace_delete": ("admin", "namespace"),
    "scheduler_namespace_history": ("viewer", "namespace"),
    "scheduler_webhook_changelist": ("editor", ""), "scheduler_webhook_add": ("editor", ""),
    "scheduler_webhook_change": ("editor", "webhook"), "scheduler_webhook_delete": ("editor", "webhook"),
    "scheduler_webhook_history": ("editor", "webhook"),
    "scheduler_delivery_changelist": ("editor", ""), "scheduler_delivery_change": ("editor", "delivery"),
    "scheduler_delivery_history": ("editor", "delivery"),
    "scheduler_auditrecord_changelist": ("admin", ""), "scheduler_auditrecord_change": ("admin", "auditrecord"),
    "scheduler_auditrecord_history": ("admin", "auditrecord"),
    "scheduler_apitoken_changelist": ("admin", ""), "scheduler_apitoken_add": ("admin", ""),
    "scheduler_apitoken_change": ("admin", "apitoken"), "scheduler_apitoken_history": ("admin", "apitoken"),
    "django_celery_beat_periodictask_changelist": ("admin", ""), "auth_user_changelist": ("admin", ""),
    "auth_user_add": ("admin", ""), "auth_group_changelist": ("admin", ""), "auth_group_add": ("admin", ""),
    "django_celery_beat_intervalschedule_changelist": ("admin", ""),
}  # fmt: skip
# Forms that are posted: the least role, the row, and what else stands in the address.
ACTS: dict[str, tuple[str, str]] = {
    "retry": ("operator", "failed"), "cancel": ("operator", "running"), "task_run": ("operator", "first"),
    "task_pause": ("operator", "first"), "task_resume": ("operator", "first"), "task_skip": ("operator", "first"),
    "task_restore": ("editor", "task"), "run_retry": ("operator", "failed"),
    "operation_abort": ("operator", "operation"), "operation_approve": ("operator", "operation"),
    "operation_throttle": ("operator", "operation"), "scheduler_template_apply": ("editor", "template"),
    "scheduler_task_preview": ("editor", ""), "scheduler_calendar_preview": ("editor", ""),
    "circuit_reset": ("operator", "circuit"),
}  # fmt: skip
# Everybody's, Django's own below pages that are listed, or shown by what follows the question mark.
OTHERS = {
    "login", "logout", "password_change", "password_change_done", "jsi18n", "autocomplete", "view_on_site", "app_list",
    "bulk", "auth_user_password_change", "auth_user_change", "auth_user_delete", "auth_user_history",
    "auth_group_change", "auth_group_delete", "auth_group_history", "scheduler_handler_change",
    "scheduler_handler_history", "scheduler_node_change", "scheduler_node_history",
    *(f"django_celery_beat_{model}_{page}" for model in ("periodictask", "intervalschedule")
      for page in ("add", "change", "delete", "history")),
}  # fmt: skip
# What no service adds or deletes, nobody does.
NOBODYS = {
    *(f"scheduler_{model}_add" for model in
      ("execution", "node", "handler", "breach", "operation", "channel", "delivery", "auditrecord",
       "slotfault")),
    *(f"scheduler_{model}_delete" for model in
      ("task", "execution", "node", "handler", "breach", "operation", "event", "channel", "flowcontrol", "delivery",
       "auditrecord", "apitoken", "slotfault")),
}  # fmt: skip
BULK = {
    "tasks/?action=pause": "operator", "tasks/?action=trigger": "operator", "tasks/?action=resume": "operator",
    "tasks/?action=set": "editor", "tasks/?action=delete": "editor", "executions/?action=retry": "operator",
    "executions/?action=cancel": "operator",
}  # fmt: skip
# Of the API's, what answers the same question as a permission.
SAME = {
    "scheduler.view_task": ("GET", "tasks"), "scheduler.view_execution": ("GET", "executions"),
    "scheduler.view_calendar": ("GET", "calendars"), "scheduler.view_template": ("GET", "templates"),
    "scheduler.view_namespace": ("GET", "namespaces"), "scheduler.view_handler": ("GET", "handlers"),
    "scheduler.view_operation": ("GET", "operations"), "scheduler.view_breach": ("GET", "sla/breaches"),
    "scheduler.view_node": ("GET", "nodes"), "scheduler.view_flowcontrol": ("GET", "flow-control"),
    "scheduler.view_event": ("GET", "events"), "scheduler.view_webhook": ("GET", "webhooks"),
    "scheduler.view_auditrecord": ("GET", "audit"), "scheduler.view_apitoken": ("GET", "tokens"),
    "scheduler.view_slotfault": ("GET", "stats/slot-faults"),
    "scheduler.operate_task": ("POST", "tasks/<uuid:task_id>/pause"),
    "scheduler.change_execution": ("POST", "executions/<uuid:execution_id>/retry"),
    "scheduler.change_operation": ("POST", "operations/<uuid:operation_id>/abort"),
    "scheduler.view_circuit": ("GET", "circuits"), "scheduler.change_circuit": ("POST", "circuits/<str:name>/reset"),
    "scheduler.add_event": ("POST", "events"), "scheduler.change_flowcontrol": ("PUT", "flow-control"),
    "scheduler.add_task": ("POST", "tasks"), "scheduler.change_task": ("PATCH", "tasks/<uuid:task_id>"),
    "scheduler.delete_task": ("DELETE", "tasks/<uuid:task_id>"), "scheduler.add_calendar": ("POST", "calendars"),
    "scheduler.add_template": ("POST", "templates"), "scheduler.add_webhook": ("POST", "webhooks"),
    "scheduler.add_namespace": ("POST", "namespaces"), "scheduler.add_apitoken": ("POST", "tokens"),
}  # fmt: skip


@pytest.fixture
def inhabited(new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime) -> dict[str, Any]:
    """One row of everything in the namespace default."""
    return inhabit("default", new_task, record, now)


def routes() -> dict[str, str]:
    """Return the console's routes by name."""
    return dict(_named(admin.site.get_urls(), ""))


def _named(patterns: list[Any], prefix: str) -> list[tuple[str, str]]:
    found = []
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found += [(pattern.name, route)] if pattern.name else []
        else:
            found += _named(pattern.url_patterns, route)
    return found


def path(name: str, row: str, rows: dict[str, Any]) -> str:
    """Return the address of a route that shows this row."""
    route = "/admin/" + routes()[name]
    begin, between, end = route.partition("<")
    if not between:
        return route
    below = end.partition(">")[2].replace("<int:version>", "1")
    return begin + str(rows[row].pk) + below


def test_every_route_has_its_role_here() -> None:
    assert set(routes()) == {*PAGES, *ACTS, *OTHERS, *NOBODYS}


def test_a_permission_asks_for_the_role_that_the_api_asks_for() -> None:
    assert {name: PERMISSIONS[name] for name in SAME} == {name: API[key] for name, key in SAME.items()}


@pytest.mark.parametrize("role", LADDER)
def test_a_page_is_shown_to_its_role_and_above(inhabited: dict[str, Any], role: str) -> None:
    client = seated(role)
    seen = {name: client.get(path(name, row, inhabited)).status_code for name, (_, row) in PAGES.items()}

    may = {name: LADDER.index(role) >= LADDER.index(least) for name, (least, _) in PAGES.items()}
    assert seen == {name: 200 if may[name] else 403 for name in PAGES}


@pytest.mark.parametrize("role", LADDER)
def test_an_act_is_refused_below_its_role(inhabited: dict[str, Any], role: str) -> None:
    client = seated(role)
    done = {name: client.post(path(name, row, inhabited)).status_code for name, (_, row) in ACTS.items()}

    may = {name: LADDER.index(role) >= LADDER.index(least) for name, (least, _) in ACTS.items()}
    assert {name: status != 403 for name, status in done.items()} == may


@pytest.mark.parametrize("role", LADDER)
def test_a_bulk_act_is_refused_below_its_role(inhabited: dict[str, Any], role: str) -> None:
    client = seated(role)
    seen = {act: client.get(f"/admin/bulk/{act}&namespace=default").status_code for act in BULK}

    assert seen == {act: 200 if LADDER.index(role) >= LADDER.index(least) else 403 for act, least in BULK.items()}


def test_a_viewer_changes_nothing(inhabited: dict[str, Any]) -> None:
    before = list(AuditRecord.objects.values_list("id", flat=True))
    viewer = seated("viewer")
    answers = [viewer.post(path(name, row, inhabited)).status_code for name, (_, row) in ACTS.items()]

    assert answers == [403] * len(ACTS)
    assert list(AuditRecord.objects.values_list("id", flat=True)) == before


# Another namespace


def test_a_list_has_nothing_of_another_namespace(inhabited: dict[str, Any]) -> None:
    bound = seated("admin", "payments")
    lists = [path(name, row, inhabited) for name, (_, row) in PAGES.items() if not row]

    pages = {one: bound.get(one) for one in lists}
    assert {one: MARK in page.content.decode() for one, page in pages.items()} == dict.fromkeys(lists, False)


def test_a_row_of_another_namespace_is_not_there(inhabited: dict[str, Any]) -> None:
    bound = seated("admin", "payments")
    # What limits everybody is everybody's to see.
    of_one = [path(name, row, inhabited) for name, (_, row) in PAGES.items() if row and row != "flowcontrol"]

    pages = {one: bound.get(one, follow=True).content.decode() for one in of_one}
    assert {one: MARK in page for one, page in pages.items()} == dict.fromkeys(of_one, False)


def test_nothing_of_another_namespace_is_acted_on(inhabited: dict[str, Any]) -> None:
    before = list(AuditRecord.objects.values_list("id", flat=True))
    bound = seated("admin", "payments")
    acts = {name: path(name, row, inhabited) for name, (_, row) in ACTS.items() if row}
    answers = {name: bound.post(one, follow=True) for name, one in acts.items()}

    assert {name: MARK in answer.content.decode() for name, answer in answers.items()} == dict.fromkeys(acts, False)
    assert list(AuditRecord.objects.values_list("id", flat=True)) == before


@pytest.mark.parametrize("chosen", ["search=Zanzibar", "ids={}"])
def test_a_bulk_act_is_about_nothing_of_another_namespace(inhabited: dict[str, Any], chosen: str) -> None:
    page = seated("admin", "payments").get(f"/admin/bulk/tasks/?action=pause&{chosen.format(inhabited['task'].id)}")

    assert MARK not in page.content.decode().replace("search=Zanzibar", "").replace("<code>search=Zanzibar</code>", "")


def test_a_task_is_made_in_ones_own_namespace(inhabited: dict[str, Any]) -> None:
    page = seated("editor", "payments").get("/admin/scheduler/task/add/").content.decode()

    assert 'name="namespace" value="payments"' in page


def test_what_is_everybodys_is_not_written_by_who_is_bound(inhabited: dict[str, Any]) -> None:
    bound = seated("admin", "payments")
    pages = ["scheduler_flowcontrol_add", "scheduler_namespace_add", "auth_user_changelist"]

    assert [bound.get(path(name, "", {})).status_code for name in pages] == [403] * 3


def test_a_seat_is_given_on_the_users_page(admin_client: Client, admin_user: User) -> None:
    user = User.objects.create_user("sam", is_staff=True)
    page = admin_client.get(f"/admin/auth/user/{user.pk}/change/").content.decode()

    assert 'name="seat-0-role"' in page
    assert not Seat.objects.exists()
