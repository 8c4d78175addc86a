"""/api/schema/ and /api/docs/."""

import base64
import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from platform_scheduler.documents import document
from register.api.serializers import TaskInput
from scheduler.filters import TaskFilter
from scheduler.periods import ExecutionFilter
from tests.integration.conftest import Caller


def test_the_document_is_valid() -> None:
    document.cache_clear()

    validate_schema(document())

    assert not GENERATOR_STATS, "drf-spectacular warns"


def test_the_document_is_openapi_31() -> None:
    assert document()["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("tasks", {"get", "post"}),
        ("tasks/{task_id}", {"get", "put", "patch", "delete"}),
        ("tasks/{task_id}/history", {"get"}),
        ("tasks/{task_id}/metrics", {"get"}),
        ("tasks/{task_id}/upcoming", {"get"}),
        ("tasks/{task_id}/trigger", {"post"}),
        ("tasks/{task_id}/pause", {"post"}),
        ("tasks/{task_id}/resume", {"post"}),
        ("tasks/{task_id}/skip", {"post"}),
        ("tasks/{task_id}/clone", {"post"}),
        ("executions", {"get"}),
        ("executions/{execution_id}", {"get"}),
        ("executions/{execution_id}/log", {"get"}),
        ("executions/{execution_id}/cancel", {"post"}),
        ("executions/{execution_id}/retry", {"post"}),
        ("handlers", {"get"}),
        ("nodes", {"get"}),
    ],
)
def test_it_names_every_operation(path: str, methods: set[str]) -> None:
    assert set(document()["paths"][f"/api/v1/{path}"]) == methods


def test_every_operation_says_its_role() -> None:
    said = [
        operation["description"].rpartition("Role: ")[2]
        for operations in document()["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
    ]

    assert set(said) == {"viewer.", "operator.", "editor.", "admin."}


def test_it_names_every_field_that_can_be_sent() -> None:
    assert set(document()["components"]["schemas"]["TaskInputRequest"]["properties"]) == set(TaskInput().fields)


def test_it_says_that_no_other_field_can_be_sent() -> None:
    bodies = {name: schema for name, schema in document()["components"]["schemas"].items() if name.endswith("Request")}

    assert {name for name, schema in bodies.items() if schema.get("additionalProperties") is not False} == set()


@pytest.mark.parametrize(
    ("path", "name", "bounds"),
    [
        ("forecast", "hours", (1, 168)),
        ("tasks", "size", (1, 200)),
        ("tasks/{task_id}/upcoming", "count", (1, 100)),
    ],
)
def test_it_bounds_what_is_counted(path: str, name: str, bounds: tuple[int, int]) -> None:
    [found] = [one for one in document()["paths"][f"/api/v1/{path}"]["get"]["parameters"] if one["name"] == name]

    assert (found["schema"]["minimum"], found["schema"]["maximum"]) == bounds


@pytest.mark.parametrize(("path", "filters"), [("tasks", TaskFilter), ("executions", ExecutionFilter)])
def test_it_names_every_parameter_of_a_list(path: str, filters: Any) -> None:
    named = {parameter["name"] for parameter in document()["paths"][f"/api/v1/{path}"]["get"]["parameters"]}

    assert named == {*filters.base_filters, "page", "size", "cursor"}


def _refuses(name: str, body: Any) -> bool:
    """Tell whether the document refuses a body of this name, as one reads it who generates clients of it."""
    whole = {"$ref": f"#/components/schemas/{name}Request", "components": document()["components"]}
    return not Draft202012Validator(whole).is_valid(body)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("TaskInput", {"name": "a", "taskClass": "b", "queue": "a b"}),
        ("TaskInput", {"name": "a", "taskClass": "b", "runAt": "1969-12-31T23:59:59Z"}),
        ("TaskInput", {"name": "a", "taskClass": "b", "labels": {"a:b": ""}}),
        ("TaskInput", {"name": "a", "taskClass": "b", "labels": {"a": "x" * 256}}),
        ("TaskInput", {"name": "a", "taskClass": "b", "sla": {"deadlineAt": "24:00"}}),
        ("TaskInput", {"name": "a", "taskClass": "b", "sla": {}}),
        ("TaskInput", {"name": "a", "taskClass": "b", "dependencies": [{"name": None}]}),
        ("TaskInput", {"name": "a", "taskClass": "b", "listensTo": [{"match": {}}]}),
        ("TaskInput", {"name": "a", "taskClass": "b", "notifyOn": [{"channel": None}]}),
        ("NamespaceInput", {"name": "a", "notifyChannel": {"kind": "EMAIL"}}),
        (
            "NamespaceInput",
            {"name": "a", "notifyChannel": {"kind": "EMAIL", "to": ["a@b.org"], "url": "https://c.org/"}},
        ),
        ("NamespaceInput", {"name": "a", "secretNames": ["a b"]}),
        ("EventInput", {"name": "a", "payload": "{}"}),
        ("EventInput", {"name": "a", "idempotencyKey": "a,b"}),
        ("InstancesInput", {"instances": []}),
        ("InstancesInput", {"instances": [{}], "namespace": "a"}),
        ("BulkInput", {"tasks": [{"name": "a", "taskClass": "b"}] * 10_001}),
    ],
)
def test_it_refuses_what_the_api_refuses(name: str, body: Any) -> None:
    assert _refuses(name, body)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (
            "TaskInput",
            {"name": "a", "taskClass": "b", "queue": " a.b-c ", "runAt": None, "sla": {"deadlineAt": "06:00"}},
        ),
        ("TaskInput", {"name": "a", "taskClass": "b", "dependencies": [{"name": "x", "taskId": None}], "labels": {}}),
        ("TaskInput", {"name": "a", "taskClass": "b", "notifyOn": [{"outcomes": ["FAILURE"]}], "listensTo": []}),
        ("PatchedTaskInput", {"sla": None}),
        ("NamespaceInput", {"name": "a", "notifyChannel": {"kind": "CHAT", "url": {"$secret": "CHAT"}}}),
        ("NamespaceInput", {"name": "a", "notifyChannel": None}),
        ("EventInput", {"name": "a", "payload": {}, "idempotencyKey": "a b"}),
        ("InstancesInput", {"parameters": {}, "namespace": "a"}),
        ("InstancesInput", {"instances": [{}]}),
    ],
)
def test_it_takes_what_the_api_takes(name: str, body: Any) -> None:
    assert not _refuses(name, body)


_ALWAYS = {400, 401, 406, 429, 503}
_BODY = {411, 413, 415, 422}
_MATCHED = {412, 428}


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "tasks", _ALWAYS),
        ("get", "tasks/{task_id}", _ALWAYS | {404}),
        ("post", "tasks", _ALWAYS | _BODY | {403, 409}),
        ("post", "tasks/validate", _ALWAYS | _BODY | _MATCHED | {403, 404, 409}),
        ("patch", "tasks/{task_id}", _ALWAYS | _BODY | _MATCHED | {403, 404, 409}),
        ("delete", "tasks/{task_id}", _ALWAYS | _MATCHED | {403, 404, 409}),
        ("put", "flow-control", _ALWAYS | _BODY | _MATCHED | {403}),
        ("get", "audit", _ALWAYS | {403}),
        ("delete", "tokens/{token_id}", _ALWAYS | {403, 404}),
    ],
)
def test_it_names_every_refusal(method: str, path: str, statuses: set[int]) -> None:
    answers = document()["paths"][f"/api/v1/{path}"][method]["responses"]

    assert {int(status) for status in answers if int(status) >= 400} == statuses


def test_refusals_are_problems() -> None:
    answers = document()["components"]["responses"].values()

    assert {kind for answer in answers for kind in answer["content"]} == {"application/problem+json"}


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.oai.openapi", "*/*"])
def test_every_token_may_read_it(viewer: Caller, kind: str) -> None:
    assert viewer.get("/api/schema/", headers={"Accept": kind}).status_code == 200


def test_a_browser_reads_it_with_the_token_as_password(viewer: Caller) -> None:
    credentials = base64.b64encode(f"me:{viewer.secret}".encode()).decode()

    assert Client().get("/api/docs/", headers={"Authorization": f"Basic {credentials}"}).status_code == 200


def test_the_page_loads_nothing_from_elsewhere(viewer: Caller) -> None:
    page = viewer.get("/api/docs/").content.decode()

    assert "swagger-ui" in page
    assert not re.search(r"(src|href)=[\"'](https?:)?//", page)
