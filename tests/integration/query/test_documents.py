"""/api/schema/ and /api/docs/."""

import base64
import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

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


def test_it_names_every_field_that_can_be_sent() -> None:
    assert set(document()["components"]["schemas"]["TaskInputRequest"]["properties"]) == set(TaskInput().fields)


@pytest.mark.parametrize(("path", "filters"), [("tasks", TaskFilter), ("executions", ExecutionFilter)])
def test_it_names_every_parameter_of_a_list(path: str, filters: Any) -> None:
    named = {parameter["name"] for parameter in document()["paths"][f"/api/v1/{path}"]["get"]["parameters"]}

    assert named == {*filters.base_filters, "page", "size", "cursor"}


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
