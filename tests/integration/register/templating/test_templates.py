"""POST, GET, PUT, PATCH and DELETE /api/v1/templates."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from scheduler.models import AuditRecord, Template
from tests.integration.conftest import Caller
from tests.integration.register.templating.cast import CLEANUP, DEFINITION, PARAMETERS


def test_it_is_stored_as_it_was_sent(editor: Caller) -> None:
    answer = editor.send("post", "templates", CLEANUP | {"description": "Nightly"})

    template = answer.json()
    assert (answer.status_code, answer["ETag"]) == (201, '"1"')
    assert answer["Location"] == f"/api/v1/templates/{template['id']}"
    assert template == template | CLEANUP | {
        "namespace": None, "description": "Nightly", "version": 1, "createdBy": "edda", "taskCount": 0,
        "pendingTaskCount": 0,
    }  # fmt: skip


def test_it_is_shown_and_listed(viewer: Caller, template: Any) -> None:
    assert viewer.send("get", f"templates/{template['id']}").json() == template
    assert viewer.send("get", "templates?name=cleanup").json()["content"] == [template]


def test_a_cursor_of_another_list_that_is_sorted_alike_is_refused(editor: Caller, template: Any) -> None:
    for name in ("a", "b"):
        editor.send("post", "calendars", {"name": name, "rules": {"weekdays": ["SUN"]}})
    cursor = editor.send("get", "calendars?size=1").json()["nextCursor"]

    refused = editor.get("/api/v1/templates", {"cursor": cursor})

    assert (refused.status_code, [one["field"] for one in refused.json()["errors"]]) == (400, ["cursor"])
    assert editor.get("/api/v1/calendars", {"cursor": cursor}).json()["content"][0]["name"] == "b"


def test_one_of_a_bound_editor_is_of_his_namespace(payments_editor: Caller, editor: Caller) -> None:
    template = payments_editor.send("post", "templates", CLEANUP).json()

    assert template["namespace"] == "payments"
    assert editor.send("get", "templates?namespace=payments").json()["content"] == [template]


def test_a_name_is_there_once(editor: Caller, template: Any) -> None:
    refused = editor.send("post", "templates", CLEANUP)

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "name")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": None}, {"name"}),
        ({"parameters": []}, {"parameters"}),
        ({"parameters": {"type": 7}}, {"parameters.type"}),
        ({"parameters": {"properties": {}}}, {"parameters.type"}),
        ({"parameters": PARAMETERS | {"properties": {"1x": {}}}}, {"parameters.properties.1x"}),
        ({"parameters": PARAMETERS | {"$ref": "http://x"}}, {"parameters.$ref"}),
        (
            {"parameters": PARAMETERS | {"properties": {"region": {"type": "array", "uniqueItems": True}}}},
            {"parameters.properties.region.uniqueItems"},
        ),
        (
            {"parameters": PARAMETERS | {"properties": {"region": {"anyOf": [{"pattern": "(a+)+$"}]}}}},
            {"parameters.properties.region.anyOf[0].pattern"},
        ),
        (
            {"parameters": PARAMETERS | {"properties": {"region": {"type": "string", "default": 7}}}},
            {"parameters.properties.region.default"},
        ),
        ({"definition": DEFINITION | {"name": "${regoin}"}}, {"definition.name"}),
        ({"definition": DEFINITION | {"name": "${}"}}, {"definition.name"}),
        ({"parameters": PARAMETERS | {"required": []}}, {"definition.name", "definition.taskData.path"}),
        ({"definition": {"name": "A"}}, {"definition.taskClass"}),
        ({"definition": DEFINITION | {"cron": "x"}}, {"definition.cron"}),
        ({"definition": DEFINITION | {"namespace": "a"}}, {"definition.namespace"}),
        ({"definition": DEFINITION | {"description": "a\x00"}}, {"definition"}),
        ({"definition": DEFINITION | {"description": "x" * 70_000}}, {"definition"}),
        ({"owner": "me"}, {"owner"}),
    ],
)
def test_what_cannot_be_a_template_is_refused_by_name(editor: Caller, changes: Any, fields: set[str]) -> None:
    refused = editor.send("post", "templates", CLEANUP | changes)

    assert refused.status_code in (400, 422)
    assert fields <= {error["field"] for error in refused.json()["errors"]}
    assert not Template.objects.exists()


def test_a_parameter_that_takes_nothing_is_no_surprise(editor: Caller, handlers: Any) -> None:
    parameters = {"type": "object", "properties": {"region": False}}
    body = {"name": "t", "parameters": parameters, "definition": DEFINITION | {"name": "${region}"} | _WITHOUT}

    refused = editor.send("post", "templates", body)

    assert (refused.status_code, [one["field"] for one in refused.json()["errors"]]) == (422, ["definition.name"])


def test_an_address_below_the_whole_is_refused(editor: Caller, handlers: Any) -> None:
    inner = {"$id": "http://[", "type": "object", "properties": {"b": {"$id": "x"}}}
    parameters = {"$id": "urn:ours", "type": "object", "properties": {"a": inner}}

    refused = editor.send("post", "templates", CLEANUP | {"parameters": parameters})

    assert (refused.status_code, {one["field"] for one in refused.json()["errors"]}) == (
        422, {"parameters.properties.a.$id", "parameters.properties.a.properties.b.$id"},
    )  # fmt: skip


def test_true_is_another_value_than_one(editor: Caller, template: Any) -> None:
    path = f"templates/{template['id']}"
    for number, value in enumerate((1, True), start=2):
        changed = editor.send("patch", path, {"definition": DEFINITION | {"taskData": {"dry": value}}}).json()

        assert (changed["version"], changed["definition"]["taskData"]["dry"] is True) == (number, value is True)


def test_a_parameter_may_be_called_like_a_word_of_the_schema(editor: Caller) -> None:
    parameters = {"type": "object", "properties": {"pattern": {"type": "string"}}, "required": ["pattern"]}
    body = {"name": "t", "parameters": parameters, "definition": DEFINITION | {"name": "${pattern}"} | _WITHOUT}

    assert editor.send("post", "templates", body).status_code == 201


_WITHOUT: dict[str, Any] = {"taskData": None, "labels": {}}


def test_a_change_makes_a_version_and_keeps_both(editor: Caller, template: Any) -> None:
    path = f"templates/{template['id']}"
    changed = editor.send("patch", path, {"definition": DEFINITION | {"priority": 9}}, x_reason="Urgent")

    revisions = editor.send("get", f"{path}/revisions").json()["content"]
    assert (changed.status_code, changed["ETag"]) == (200, '"2"')
    assert [(one["version"], one["definition"].get("priority"), one["reason"]) for one in revisions] == [
        (2, 9, "Urgent"),
        (1, None, None),
    ]


def test_another_description_makes_none(editor: Caller, template: Any) -> None:
    changed = editor.send("put", f"templates/{template['id']}", {"description": "Nightly"}).json()

    assert (changed["description"], changed["version"]) == ("Nightly", 1)


def test_a_stale_version_is_not_changed(editor: Caller, template: Any) -> None:
    body = {"definition": DEFINITION | {"priority": 9}}

    assert editor.send("patch", f"templates/{template['id']}", body, if_match='"2"').status_code == 412


@pytest.mark.parametrize("changes", [{"name": "other"}, {"namespace": "payments"}])
def test_name_and_namespace_stay(editor: Caller, template: Any, changes: Any) -> None:
    refused = editor.send("patch", f"templates/{template['id']}", changes)

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, next(iter(changes)))


def test_other_parameters_must_fit_the_definition(editor: Caller, template: Any) -> None:
    refused = editor.send("patch", f"templates/{template['id']}", {"parameters": {"type": "object"}})

    assert refused.status_code == 422
    assert "definition.name" in {error["field"] for error in refused.json()["errors"]}


def test_one_without_tasks_is_deleted(editor: Caller, template: Any) -> None:
    assert editor.send("delete", f"templates/{template['id']}").status_code == 204
    assert editor.send("get", f"templates/{template['id']}").status_code == 404
    assert editor.send("post", "templates", CLEANUP).status_code == 201


def test_one_with_tasks_is_not(editor: Caller, template: Any, make: Callable[..., Any]) -> None:
    make()

    refused = editor.send("delete", f"templates/{template['id']}")

    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[1]) == (409, "template-in-use")


def test_deleted_tasks_do_not_keep_it(editor: Caller, template: Any, make: Callable[..., Any]) -> None:
    editor.send("delete", f"tasks/{make()['id']}")

    assert editor.send("delete", f"templates/{template['id']}").status_code == 204


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_bound_editor_does_not_write_what_all_share(payments_editor: Caller, template: Any, method: str) -> None:
    assert payments_editor.send(method, f"templates/{template['id']}", {}).status_code == 403


def test_another_namespace_is_not_seen(payments_editor: Caller, editor: Caller) -> None:
    template = editor.send("post", "templates", CLEANUP | {"namespace": "default"}).json()

    assert payments_editor.send("get", f"templates/{template['id']}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("patch", ""), ("delete", ""), ("get", "/revisions"), ("post", "/instantiate"), ("post", "/apply")],
)
def test_there_is_no_such_template(editor: Caller, method: str, path: str) -> None:
    assert editor.send(method, f"templates/{uuid4()}{path}", None if method == "get" else {}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("post", ""), ("patch", "/{id}"), ("post", "/{id}/instantiate"), ("post", "/{id}/apply")]
)
def test_it_takes_an_editor(operator: Caller, template: Any, method: str, path: str) -> None:
    assert operator.send(method, f"templates{path.format(id=template['id'])}", {}).status_code == 403


@pytest.mark.parametrize("member", ["parameters", "definition"])
def test_a_number_that_cannot_be_recorded_is_refused(editor: Caller, handlers: Any, member: str) -> None:
    refused = editor.send("post", "templates", CLEANUP | {member: CLEANUP[member] | {"default": 10**30}})

    assert refused.status_code == 400
    assert refused.json()["errors"][0] == {
        "field": member, "code": "numbers", "message": "Numbers here lie between -2^63 and 2^63.",
    }  # fmt: skip


def test_each_write_leaves_a_record(editor: Caller, template: Any) -> None:
    editor.send("patch", f"templates/{template['id']}", {"description": "Nightly"})
    editor.send("delete", f"templates/{template['id']}")

    records = AuditRecord.objects.filter(object_id=template["id"]).order_by("id")
    assert [(record.kind, record.verb) for record in records] == [
        ("template", "create"), ("template", "change"), ("template", "delete"),
    ]  # fmt: skip
    assert (records[1].before, records[1].after) == ({"description": None}, {"description": "Nightly"})


def test_the_database_refuses_to_change_a_version(template: Any) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM scheduler_template_revisions")
