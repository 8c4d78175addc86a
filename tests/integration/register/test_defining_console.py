"""Templates, namespaces, events and imports at /admin/."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from register.admin.service_form import parted
from register.given import Given
from register.templating import instances
from register.templating.services import create_template
from scheduler.models import AuditRecord, Event, Instance, Namespace, Task, Template

TEMPLATES = "/admin/scheduler/template/"
FIELDS = {
    "name": "Import of a feed", "namespace": "", "description": "",
    "parameters": '{"type": "object", "required": ["feed"], "properties": {"feed": {"type": "string"}, '
    '"hour": {"type": "integer", "default": 3, "maximum": 23}}}',
    "definition": '{"name": "Import ${feed}", "taskClass": "platform.noop", "cronExpression": "0 0 ${hour} * * ?"}',
}  # fmt: skip


def sent(client: Client, path: str, body: dict[str, Any]) -> str:
    answer: Any = client.post(path, body, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.fixture
def template(admin_client: Client, handlers: Any) -> Template:
    """The import of a feed, made on its page."""
    sent(admin_client, f"{TEMPLATES}add/", FIELDS)
    return Template.objects.get()


@pytest.fixture
def made(admin_client: Client, template: Template) -> Task:
    """A task of it."""
    sent(admin_client, f"{TEMPLATES}{template.id}/instantiate/", {"parameter.feed": "prices", "parameter.hour": "5"})
    return Task.objects.get()


def test_a_template_is_made(template: Template) -> None:
    assert (template.name, template.namespace, template.version) == ("Import of a feed", None, 1)
    assert AuditRecord.objects.get(kind="template").via == "CONSOLE"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("parameters", "{"), ("parameters", '{"type": "list"}'), ("definition", '{"name": "x"}'),
        ("definition", '{"name": "${nobody}", "taskClass": "platform.noop"}'),
    ],
)  # fmt: skip
def test_what_is_refused_stands_beside_its_field(admin_client: Client, handlers: Any, field: str, text: str) -> None:
    page = sent(admin_client, f"{TEMPLATES}add/", FIELDS | {field: text})

    assert f'id="id_{field}_error"' in page
    assert not Template.objects.exists()


def test_a_task_is_made_of_it(made: Task, template: Template) -> None:
    assert (made.name, made.cron_expression, made.template_name) == ("Import prices", "0 0 5 * * ?", template.name)


def test_a_value_that_is_none_is_refused_beside_its_field(admin_client: Client, template: Template) -> None:
    page = sent(admin_client, f"{TEMPLATES}{template.id}/instantiate/", {"parameter.feed": "x", "parameter.hour": "24"})

    assert "24 is greater than the maximum of 23" in page
    assert not Task.objects.exists()


def test_what_a_change_would_do_is_shown_and_not_done(admin_client: Client, made: Task, template: Template) -> None:
    changed = FIELDS | {"definition": FIELDS["definition"].replace("0 0 ${hour}", "0 30 ${hour}"), "seen_version": "1"}
    page = sent(admin_client, f"{TEMPLATES}{template.id}/change/", changed | {"_plan": "1"})

    assert "Saving makes version 2" in page
    assert "<del>0 0 5 * * ?</del></td><td><ins>0 30 5 * * ?</ins>" in page
    template.refresh_from_db()
    assert template.version == 1


def test_a_new_version_is_given_to_its_tasks(admin_client: Client, made: Task, template: Template) -> None:
    changed = FIELDS | {"definition": FIELDS["definition"].replace("0 0 ${hour}", "0 30 ${hour}"), "seen_version": "1"}
    page = sent(admin_client, f"{TEMPLATES}{template.id}/change/", changed | {"_continue": "1"})
    assert "Give version 2 to 1 task" in page

    sent(admin_client, f"{TEMPLATES}{template.id}/apply/", {})

    made.refresh_from_db()
    assert (made.cron_expression, Instance.objects.get().version) == ("0 30 5 * * ?", 2)


def test_a_task_that_cannot_have_it_keeps_it_from_no_other(
    admin_client: Client, made: Task, template: Template, new_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "MOST_AT_ONCE", 1)
    sent(admin_client, f"{TEMPLATES}{template.id}/instantiate/", {"parameter.feed": "rates", "parameter.hour": "5"})
    new_task("Load prices")
    changed = FIELDS | {"definition": FIELDS["definition"].replace("Import", "Load"), "seen_version": "1"}
    sent(admin_client, f"{TEMPLATES}{template.id}/change/", changed)

    sent(admin_client, f"{TEMPLATES}{template.id}/apply/", {})

    assert Task.objects.filter(name="Load rates").exists()


def test_what_somebody_else_has_changed_is_not_overwritten(admin_client: Client, template: Template) -> None:
    page = sent(admin_client, f"{TEMPLATES}{template.id}/change/", FIELDS | {"seen_version": "7"})

    assert "Somebody else has changed this since" in page


def test_one_with_tasks_is_not_deleted(admin_client: Client, made: Task, template: Template) -> None:
    page = sent(admin_client, f"{TEMPLATES}{template.id}/delete/", {"post": "yes"})

    assert "It was not deleted: There is 1 task" in page


# Namespaces


SETTINGS = {
    "name": "payments", "weight": "3", "description": "Money", "secret_names": "TOKEN\nKEY",
    "notify_channel": '{"kind": "EMAIL", "to": ["ops@example.org"]}',
}  # fmt: skip


def test_a_value_that_cannot_be_stored_is_told(admin_client: Client, handlers: Any) -> None:
    parameters = '{"type": "object", "required": ["feed"], "properties": {"feed": {"type": "object"}}}'
    definition = '{"name": "Import", "taskClass": "platform.noop"}'
    sent(admin_client, f"{TEMPLATES}add/", FIELDS | {"parameters": parameters, "definition": definition})

    path = f"{TEMPLATES}{Template.objects.get().id}/instantiate/"
    page = sent(admin_client, path, {"parameter.feed": '{"a": "\\u0000"}'})

    assert "This may not hold the character NUL." in page
    assert not Task.objects.exists()


def test_a_namespace_is_set_and_changed(admin_client: Client, db: None) -> None:
    sent(admin_client, "/admin/scheduler/namespace/add/", SETTINGS)
    made = Namespace.objects.get()
    assert (made.weight, made.secret_names) == (3, ["TOKEN", "KEY"])
    assert made.notify_channel == {"kind": "EMAIL", "to": ["ops@example.org"]}

    changed = SETTINGS | {"weight": "5", "seen_version": "1"}
    sent(admin_client, "/admin/scheduler/namespace/payments/change/", changed)
    made.refresh_from_db()
    assert (made.weight, made.version) == (5, 2)


def _keep(client: Client, days: str) -> str:
    seen = str(Namespace.objects.get().version)
    changed = SETTINGS | {"retention_days": days, "seen_version": seen}
    return sent(client, "/admin/scheduler/namespace/payments/change/", changed)


def test_how_long_history_is_kept_is_set_and_taken_back(admin_client: Client, db: None) -> None:
    sent(admin_client, "/admin/scheduler/namespace/add/", SETTINGS | {"retention_days": "30"})
    kept = [Namespace.objects.get().retention_days]
    for days in ("10", ""):
        _keep(admin_client, days)
        kept.append(Namespace.objects.get().retention_days)

    assert kept == [30, 10, None]
    assert [record.verb for record in AuditRecord.objects.order_by("id")] == ["create", "change", "change"]


@pytest.mark.parametrize("days", ["9", "61", "0", "-1", "99999999999999999999"])
def test_one_that_cannot_be_is_refused_in_the_words_of_the_api(
    admin_client: Client, admin: Any, db: None, days: str
) -> None:
    sent(admin_client, "/admin/scheduler/namespace/add/", SETTINGS)
    said = admin.send("patch", "namespaces/payments", {"retentionDays": int(days)}).json()["errors"][0]["message"]
    page = _keep(admin_client, days)

    assert 'id="id_retention_days_error"' in page
    assert said in page
    assert Namespace.objects.get().retention_days is None


@pytest.mark.parametrize("days", ["a month", "10.5", "\x00"])
def test_what_is_no_number_of_days_changes_nothing(admin_client: Client, db: None, days: str) -> None:
    sent(admin_client, "/admin/scheduler/namespace/add/", SETTINGS)

    assert 'id="id_retention_days_error"' in _keep(admin_client, days)
    assert Namespace.objects.get().version == 1


def test_a_namespace_that_cannot_be_is_refused(admin_client: Client, db: None) -> None:
    page = sent(admin_client, "/admin/scheduler/namespace/add/", SETTINGS | {"weight": "1000", "notify_channel": "{}"})

    assert 'id="id_weight_error"' in page
    assert 'id="id_notify_channel_error"' in page


# Events


def test_an_event_is_sent_and_starts_who_listens(admin_client: Client, new_task: Callable[..., Task]) -> None:
    new_task("Listens", listensTo=[{"event": "file.landed"}])
    page = sent(
        admin_client, "/admin/scheduler/event/add/",
        {"name": "file.landed", "namespace": "", "payload": '{"kind": "csv"}'},
    )  # fmt: skip

    event = Event.objects.get()
    assert event.started_count == 1
    assert "Listens" in admin_client.get(f"/admin/scheduler/event/{event.id}/change/").content.decode()
    assert "file.landed" in page


# Import


TEXT = "tasks:\n  - name: Made\n    taskClass: platform.noop\n    cronExpression: 0 0 4 * * ?\n"


def test_an_import_is_planned_first(admin_client: Client, handlers: Any) -> None:
    page = sent(admin_client, "/admin/import/", {"text": TEXT, "format": "yaml", "mode": "create"})

    assert "create     default/Made" in page
    assert "Import 1 record" in page
    assert not Task.objects.exists()


def test_an_import_that_is_confirmed_registers(admin_client: Client, handlers: Any) -> None:
    body = {"text": TEXT, "format": "yaml", "mode": "create", "confirmed": "yes"}
    page = sent(admin_client, "/admin/import/", body)

    assert "Imported: 1 created." in page
    assert (Task.objects.get().name, Task.objects.get().created_by) == ("Made", "admin (console)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks: [", "errornote"), ("", "errornote"), ("[]", "There is no record in it."),
        ("tasks:\n  - name: x\n", "tasks[0].taskClass:"),
    ],
)  # fmt: skip
def test_an_import_says_what_is_wrong(admin_client: Client, handlers: Any, text: str, said: str) -> None:
    page = sent(admin_client, "/admin/import/", {"text": text, "format": "yaml", "mode": "create"})

    assert said in page
    assert 'name="confirmed"' not in page


def test_a_record_that_is_bad_by_its_spelling_is_not_registered(admin_client: Client, handlers: Any) -> None:
    text = "name,taskClass,labels\nMade,platform.noop,{team\n"
    body = {"text": text, "format": "csv", "mode": "create", "confirmed": "yes"}

    assert "labels: This cell must hold JSON" in sent(admin_client, "/admin/import/", body)
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"tasks:\n" + b"# x\n" * 300_000, "This is more than 1,048,576 bytes"),
        (TEXT.replace("Made", "B\u00fcro").encode("latin-1"), "line 2: it is not UTF-8"),
        (TEXT.encode("utf-16"), "it is UTF-16; save it as UTF-8."),
    ],
    ids=["long", "latin-1", "utf-16"],
)
def test_a_file_that_cannot_be_read_is_told(admin_client: Client, handlers: Any, content: bytes, said: str) -> None:
    body = {"file": SimpleUploadedFile("tasks.yaml", content), "text": "", "mode": "create", "confirmed": "yes"}

    assert said in sent(admin_client, "/admin/import/", body)
    assert not Task.objects.exists()


def test_a_file_is_planned_as_it_is_registered(admin_client: Client, handlers: Any) -> None:
    content = b'\xef\xbb\xbfname,taskClass,description\r\nMade,platform.noop,"one\r\ntwo"\r\n'
    form = {"text": "", "mode": "create", "format": "yaml"}
    planned: Any = admin_client.post("/admin/import/", form | {"file": SimpleUploadedFile("tasks.csv", content)})
    shown = planned.context["text"].replace("\n", "\r\n")  # as a browser sends it

    sent(admin_client, "/admin/import/", form | {"text": shown, "format": "csv", "confirmed": "yes"})

    assert Task.objects.get().description == "one\ntwo"


def test_templates_are_listed_with_their_tasks(admin_client: Client, handlers: Any, now: datetime) -> None:
    given = Given({"name": "Ours", "namespace": "payments", "parameters": {"type": "object"}, "definition": {}})
    create_template(given, actor="ada", namespace=None, now=now)

    page = admin_client.get(TEMPLATES).content.decode()
    assert ("Ours" in page, "payments" in page) == (True, True)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("name", ("name", "")),
        ("rules.holidays[0].country", ("rules", "holidays[0].country")),
        ("listensTo[1].match", ("listensTo", "[1].match")),
    ],
)
def test_a_place_below_a_field_is_said_as_it_was_written(path: str, parts: tuple[str, str]) -> None:
    assert parted(path) == parts
