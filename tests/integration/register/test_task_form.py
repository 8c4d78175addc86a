"""Tasks defined in the console: by the API's services, round and round without a change that nobody made."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from register.admin.task_form import TaskForm
from register.definition import defaults, definition
from scheduler.models import AuditRecord, Revision, Task
from scheduler.representations import definition_as_json

TASKS = "/admin/scheduler/task/"
NEW = {
    "name": "Nightly", "taskClass": "platform.noop", "scheduleKind": "daily", "atTime": "02:30",
    "timeZone": "Europe/Berlin",
}  # fmt: skip


def fields_of(form: Any) -> dict[str, Any]:
    """Return what a browser sends of a form as it stands."""
    sent: dict[str, Any] = {}
    for bound in form:
        value = bound.field.widget.format_value(bound.value()) if bound.value() is not None else None
        if bound.name == "retryJitter":
            sent |= {"retryJitter": "on"} if bound.value() else {}
        elif value not in (None, "", []):
            sent[bound.name] = value
    return sent


def add(client: Client, **changes: Any) -> Any:
    return client.post(f"{TASKS}add/", fields_of(TaskForm()) | NEW | changes)


def change(client: Client, task: Task, **changes: Any) -> Any:
    return client.post(f"{TASKS}{task.id}/change/", _standing(task) | changes)


def _standing(task: Task) -> dict[str, Any]:
    return fields_of(TaskForm(instance=Task.objects.get(id=task.id)))


def errors(answer: Any) -> dict[str, str]:
    """Return by field what the page says is wrong."""
    assert answer.status_code == 200
    return {name: str(said[0]) for name, said in answer.context["adminform"].form.errors.items()}


@pytest.mark.usefixtures("handlers")
class TestNew:
    """Registering a task by the form."""

    def test_it_is_registered_as_over_the_api(self, admin_client: Client) -> None:
        assert add(admin_client).status_code == 302
        task = Task.objects.get()
        assert (task.name, task.cron_expression, task.time_zone, task.created_by) == (
            "Nightly", "0 30 2 * * ?", "Europe/Berlin", "admin (console)",
        )  # fmt: skip
        assert task.next_execution_time is not None
        assert [record.verb for record in AuditRecord.objects.all()] == ["create"]

    def test_what_was_left_as_it_stood_is_a_default(self, admin_client: Client) -> None:
        add(admin_client)
        stored, usual = definition(Task.objects.get()), defaults()
        differing = {name for name in stored if stored[name] != usual[name]}
        assert differing == {"name", "taskClass", "cronExpression", "timeZone"}

    def test_a_name_that_is_taken_is_told_beside_it(self, admin_client: Client) -> None:
        add(admin_client)
        assert list(errors(add(admin_client))) == ["name"]
        assert Task.objects.count() == 1

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": ""}, "name"),
            ({"taskClass": "os.system"}, "taskClass"),
            ({"taskData": "{"}, "taskData"),
            ({"priority": "11"}, "priority"),
            ({"priority": "many"}, "priority"),
            ({"timeZone": "Mars/Olympus"}, "timeZone"),
            ({"scheduleKind": "advanced", "cronExpression": "0 0 12 29W * ? *?"}, "cronExpression"),
            ({"scheduleKind": "advanced", "cronExpression": ""}, "cronExpression"),
            ({"scheduleKind": "weekly"}, "weekdays"),
            ({"scheduleKind": "monthly", "monthDay": "32"}, "monthDay"),
            ({"scheduleKind": "hourly", "atMinute": "60"}, "atMinute"),
            ({"scheduleKind": "interval", "intervalCount": "99999999999"}, "scheduleKind"),
            ({"scheduleKind": "once", "runOn": "2001-01-01T00:00"}, "scheduleKind"),
            ({"scheduleKind": "now"}, "scheduleKind"),
            ({"retryDelaySeconds": "-1"}, "retryDelaySeconds"),
            ({"startAt": "tomorrow"}, "startAt"),
            ({"labels": "no colon"}, "labels"),
            ({"listensTo": "file.landed"}, "listensTo"),
            ({"listensTo": '[{"evnt": "x"}]'}, "listensTo"),
            ({"notifyOn": "[1]"}, "notifyOn"),
            ({"sla": '{"deadlineAt": "25:00"}'}, "sla"),
            ({"dependencies": "Nobody"}, "dependencies"),
            ({"namespace": "not a name"}, "namespace"),
            ({"queue": "platform"}, "queue"),
        ],
    )
    def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_stored(
        self, admin_client: Client, changes: dict[str, str], field: str
    ) -> None:
        assert field in errors(add(admin_client, **changes))
        assert not Task.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "column", "value"),
        [
            ({"scheduleKind": "interval", "intervalCount": "5", "intervalUnit": "minutes"}, "interval_seconds", 300),
            ({"scheduleKind": "request"}, "cron_expression", None),
            ({"scheduleKind": "advanced", "cronExpression": "*/5 * * * *"}, "cron_expression", "*/5 * * * *"),
            ({"labels": "team: billing\nurl: https://x"}, "labels", {"team": "billing", "url": "https://x"}),
            ({"retryOn": ["LOST"]}, "retry_on", ["LOST"]),
            ({"description": "Grüße <b>"}, "description", "Grüße <b>"),
            ({"maxConcurrency": "3"}, "max_concurrency", 3),
            ({"listensTo": '[{"event": "a.b"}]'}, "listens_to", [{"event": "a.b", "match": {}}]),
        ],
    )
    def test_each_field_reaches_its_column(
        self, admin_client: Client, changes: dict[str, Any], column: str, value: Any
    ) -> None:
        assert add(admin_client, **changes).status_code == 302
        assert getattr(Task.objects.get(), column) == value

    def test_it_waits_for_others_by_name_with_a_condition(self, admin_client: Client) -> None:
        add(admin_client, name="Load: all")
        add(admin_client, name="Report", scheduleKind="request", dependencies="Load: all\nNightly : x: FAILURE")
        assert not Task.objects.filter(name="Report").exists()
        add(admin_client, name="Report", scheduleKind="request", dependencies="Load: all: FAILURE")
        (upstream,) = definition_as_json(Task.objects.get(name="Report"))["dependencies"]
        assert (upstream["name"], upstream["condition"]) == ("Load: all", "FAILURE")


class TestChange:
    """Changing a task by the form."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"cronExpression": "0 0 12 ? * FRI#2", "timeZone": "Europe/Berlin"},
            {"cronExpression": "0 0 9 ? * MON-FRI"},
            {"cronExpression": "17 3 * * 1-5"},
            {"intervalSeconds": 90, "intervalMode": "FIXED_DELAY"},
            {"runAt": "2099-07-01T10:00:00.250000Z", "timeZone": "America/New_York"},
            {"taskData": {"b": 1, "a": [1, 2]}, "labels": {"a": "1", "b": "x:y"}},
            {"retryPolicy": {"backoff": "LINEAR", "delaySeconds": 0.5, "jitter": False}, "retryOn": []},
            {"listensTo": [{"event": "file.landed", "match": {"kind": "csv"}}]},
            {"notifyOn": [{"outcomes": ["FAILURE"], "channel": {"kind": "EMAIL", "to": ["ops@example.com"]}}]},
            {"sla": {"maxLatenessSeconds": 60, "deadlineAt": "06:00"}},
            {"startAt": "2027-01-01T00:00:00Z", "endAt": "2028-01-01T00:00:00Z", "jitterSeconds": 30},
        ],
    )
    def test_a_form_that_nobody_touched_changes_nothing(
        self, admin_client: Client, new_task: Callable[..., Task], fields: dict[str, Any]
    ) -> None:
        task = new_task("Report", **fields)
        before = definition_as_json(task)
        answer = change(admin_client, task)
        assert answer.status_code == 302, errors(answer)
        task.refresh_from_db()
        assert (definition_as_json(task), task.version) == (before, 1)

    @pytest.mark.parametrize(
        ("changes", "column", "stored"),
        [
            ({"taskData": '{"dry": true}'}, "task_data", '{"dry": true}'),
            (
                {"listensTo": '[{"event": "a", "match": {"dry": true}}]'}, "listens_to",
                [{"event": "a", "match": {"dry": True}}],
            ),
        ],
    )  # fmt: skip
    def test_true_is_another_value_than_one(
        self, admin_client: Client, new_task: Callable[..., Task], changes: dict[str, str], column: str, stored: Any
    ) -> None:
        task = new_task(taskData={"dry": 1}, listensTo=[{"event": "a", "match": {"dry": 1}}], intervalSeconds=60)
        assert change(admin_client, task, **changes).status_code == 302
        task.refresh_from_db()
        assert (str(getattr(task, column)), task.version) == (str(stored), 2)

    def test_task_data_that_are_nested_without_end_are_refused(self, admin_client: Client, new_task: Any) -> None:
        task = new_task(taskData={"a": 1}, intervalSeconds=60)
        assert "taskData" in errors(change(admin_client, task, taskData="[" * 60_000))

    def test_a_change_is_a_version(self, admin_client: Client, cleanup: Task) -> None:
        answer = change(admin_client, cleanup, priority="9", scheduleKind="hourly", atMinute="7")
        assert answer.status_code == 302, errors(answer)
        cleanup.refresh_from_db()
        assert (cleanup.priority, cleanup.cron_expression, cleanup.version) == (9, "0 7 * * * ?", 2)
        assert Revision.objects.filter(task=cleanup).count() == 2

    def test_another_kind_of_schedule_takes_the_place_of_the_first(self, admin_client: Client, cleanup: Task) -> None:
        change(admin_client, cleanup, scheduleKind="interval", intervalCount="1", intervalUnit="hours")
        cleanup.refresh_from_db()
        assert (cleanup.cron_expression, cleanup.interval_seconds) == (None, 3_600)

    def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten(
        self, admin_client: Client, cleanup: Task
    ) -> None:
        stale = _standing(cleanup)
        change(admin_client, cleanup, priority="9")
        answer = admin_client.post(f"{TASKS}{cleanup.id}/change/", stale | {"priority": "2"})
        assert "Somebody else has changed this since" in errors(answer)["__all__"]
        cleanup.refresh_from_db()
        assert cleanup.priority == 9

    def test_a_deleted_task_is_for_looking(self, admin_client: Client, cleanup: Task) -> None:
        Task.objects.filter(id=cleanup.id).update(status="DELETED", claim_at=None)
        assert change(admin_client, cleanup, priority="9").status_code == 403

    def test_who_may_only_look_sees_what_there_is(self, cleanup: Task) -> None:
        client = _staff("view_task")
        page = client.get(f"{TASKS}{cleanup.id}/change/").content.decode()
        assert ("CleanupTask" in page, 'name="_save"' in page) == (True, False)
        assert change(client, cleanup, priority="9").status_code == 403
        assert client.get(f"{TASKS}add/").status_code == 403


def _staff(*permissions: str) -> Client:
    user = User.objects.create_user("sam", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.usefixtures("handlers")
class TestMeaning:
    """What the editor shows while somebody types."""

    def ask(self, client: Client, **changes: Any) -> str:
        answer = client.post(f"{TASKS}preview/", NEW | changes)
        assert answer.status_code == 200
        return unescape(re.sub(r"\s+", " ", answer.content.decode()))

    def test_it_says_the_schedule_in_words_with_its_next_ten_slots(self, admin_client: Client) -> None:
        said = self.ask(admin_client)
        assert "<code>0 30 2 * * ?</code>" in said
        assert "At 02:30" in said
        assert said.count("<li>") == 10
        assert said.count("02:30:00 CE") >= 9

    def test_it_warns_of_a_clock_that_changes(self, admin_client: Client) -> None:
        assert "⚠" in self.ask(admin_client)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"scheduleKind": "advanced", "cronExpression": "0 0 0 31 2 ?"}, "cronExpression"),
            ({"scheduleKind": "weekly"}, "On: Say this"),
            ({"timeZone": "Mars/Olympus"}, "timeZone"),
            ({"scheduleKind": "<script>"}, "Runs: "),
        ],
    )
    def test_it_says_what_is_wrong(self, admin_client: Client, changes: dict[str, str], message: str) -> None:
        said = self.ask(admin_client, **changes)
        assert 'class="errorlist"' in said
        assert message in said

    def test_what_was_typed_stays_text(self, admin_client: Client) -> None:
        typed = {"scheduleKind": "advanced", "cronExpression": "<script>alert(1)</script>", "timeZone": "<b>"}
        page = admin_client.post(f"{TASKS}preview/", NEW | typed).content.decode()
        assert ("&lt;b&gt;" in page or "&lt;script&gt;" in page, "<script>" in page, "<b>" in page) == (
            True,
            False,
            False,
        )

    def test_on_request_has_no_slots(self, admin_client: Client) -> None:
        assert "on request" in self.ask(admin_client, scheduleKind="request")

    def test_it_stores_nothing(self, admin_client: Client) -> None:
        self.ask(admin_client)
        assert not Task.objects.exists()

    def test_it_is_for_those_who_may_write(self, db: None) -> None:
        assert _staff("view_task").post(f"{TASKS}preview/", NEW).status_code == 403
        assert _staff_may("add_task").post(f"{TASKS}preview/", NEW).status_code == 200

    def test_it_takes_a_form_and_no_link(self, admin_client: Client) -> None:
        assert admin_client.get(f"{TASKS}preview/").status_code == 405


def _staff_may(permission: str) -> Client:
    User.objects.filter(username="sam").delete()
    return _staff(permission)
