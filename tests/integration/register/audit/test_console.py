"""The audit at /admin/."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from register import services
from register.api.reading import read_changes
from scheduler.models import AuditRecord, Task
from tests.integration.conftest import Caller

AUDIT = "/admin/scheduler/auditrecord/"


def _page(client: Client, path: str = AUDIT, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def paused(operator: Caller, cleanup: Task) -> AuditRecord:
    """Olaf has paused a task, and said why."""
    operator.send("post", f"tasks/{cleanup.id}/pause", x_reason="Too much <b>.")
    return AuditRecord.objects.get(verb="pause")


def test_it_lists_who_did_what_from_where_and_why(admin_client: Client, paused: AuditRecord) -> None:
    page = _page(admin_client)

    assert all(text in page for text in ("olaf", "pause", "127.0.0.1", "Too much &lt;b&gt;."))


@pytest.mark.parametrize("term", ["olaf", "{task}"])
def test_it_finds_records(admin_client: Client, paused: AuditRecord, term: str) -> None:
    assert "Too much" in _page(admin_client, q=term.format(task=paused.object_id))


@pytest.mark.parametrize("query", [{"q": "ola"}, {"verb": "resume"}, {"kind": "token"}, {"via__exact": "CONSOLE"}])
def test_it_finds_no_others(admin_client: Client, paused: AuditRecord, query: dict[str, str]) -> None:
    assert "Too much" not in _page(admin_client, **query)


def test_it_shows_what_was_before_and_after(admin_client: Client, cleanup: Task, now: datetime) -> None:
    services.change_task(cleanup.id, read_changes({"priority": 9}), namespace=None, now=now)
    record = AuditRecord.objects.get(verb="change")

    page = _page(admin_client, f"{AUDIT}{record.id}/change/")

    assert page.count("&quot;priority&quot;: 3") == 1
    assert page.count("&quot;priority&quot;: 9") == 1


@pytest.mark.parametrize("path", ["add/", "{record}/delete/"])
def test_nobody_writes_it(admin_client: Client, paused: AuditRecord, path: str) -> None:
    assert admin_client.post(AUDIT + path.format(record=paused.id)).status_code == 403


def _change_of_console(verb: str) -> Any:
    return AuditRecord.objects.get(kind="console", verb=verb, via="CONSOLE", actor="admin (console)")


PASSWORD = "correct horse battery"


def test_a_new_user_is_recorded_without_the_password(admin_client: Client) -> None:
    form = {"username": "sam", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    admin_client.post("/admin/auth/user/add/", form)

    record = _change_of_console("create")
    assert (record.object_name, record.object_id) == ("sam", f"auth.user {User.objects.get(username='sam').pk}")
    assert PASSWORD not in str(record.after)


def test_a_changed_password_is_recorded_without_it(admin_client: Client, django_user_model: Any) -> None:
    sam = django_user_model.objects.create_user("sam")
    form = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    admin_client.post(f"/admin/auth/user/{sam.pk}/password/", form)

    record = _change_of_console("change")
    assert (record.object_name, PASSWORD in str(record.after)) == ("sam", False)


def test_a_deleted_group_is_recorded(admin_client: Client) -> None:
    group = Group.objects.create(name="on call")
    admin_client.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})

    assert _change_of_console("delete").object_name == "on call"


def test_a_chore_that_is_switched_off_is_recorded(admin_client: Client) -> None:
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    chore = PeriodicTask.objects.create(name="Chore", task="scheduler.forget_nodes", interval=interval)
    admin_client.post(f"/admin/django_celery_beat/periodictask/{chore.pk}/change/", {"interval": interval.pk})

    record = _change_of_console("change")
    assert (record.object_name, "Enabled" in str(record.after)) == (str(chore), True)
