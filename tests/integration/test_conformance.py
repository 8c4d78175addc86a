"""Whatever is sent, the API answers as its OpenAPI document says: cases of schemathesis, the same in each run."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from platform_scheduler.documents import document
from platform_scheduler.wsgi import application
from scheduler.models import Task
from tests.integration.conftest import Caller

pytestmark = pytest.mark.anywhere

CASES = 12
# It never ends.
_ENDLESS = "/api/v1/stream"
_CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
# Of a list of records each has an answer of its own, and nothing behind a query's name is as good as no name.
_ANSWERED_EACH = "/api/v1/tasks/bulk"


@lru_cache(maxsize=1)
def _schema() -> Any:
    open_document = json.loads(json.dumps(document(), default=str))
    # The token is ours to send: a case with another one would only tell 401 again and again.
    del open_document["components"]["securitySchemes"]
    for operation in (one for methods in open_document["paths"].values() for one in methods.values()):
        del operation["security"]
    schema = schemathesis.openapi.from_dict(open_document)
    schema.app = application
    return schema


@pytest.fixture
def one_connection(known: dict[str, Any]) -> Iterator[None]:
    """A request leaves the test's connection open, as with Django's own client, which undoes this after itself."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


OPERATIONS = [
    pytest.param(method, path, id=f"{method} {path}")
    for path, methods in document()["paths"].items()
    for method in methods
    if path != _ENDLESS
]


def _can_be_wrong(operation: Any) -> bool:
    """Tell whether anything can be sent that is not of the right type; every text is a text."""
    types = {str(one["schema"].get("type")) for one in operation.get("parameters", []) if one["in"] != "header"}
    formats = any("format" in one["schema"] for one in operation.get("parameters", []))
    return "requestBody" in operation or formats or not types <= {"string"}


@pytest.fixture
def known(admin: Caller, cleanup: Task) -> dict[str, Any]:
    """One of each thing that paths name."""
    rules = {"weekdays": ["SUN"]}
    calendar = _made(admin, "calendars", {"name": "sundays", "rules": rules})
    parameters = {"type": "object", "properties": {"team": {"type": "string"}}, "required": ["team"]}
    definition = {"name": "Report ${team}", "taskClass": "platform.noop"}
    template = _made(admin, "templates", {"name": "report", "parameters": parameters, "definition": definition})
    webhook = _made(admin, "webhooks", {"url": "https://receiver.example/", "events": ["*"]})
    return {
        "task_id": str(cleanup.id),
        "version": 1,
        "execution_id": _made(admin, f"tasks/{cleanup.id}/trigger", {})["id"],
        "calendar_id": calendar["id"],
        "template_id": template["id"],
        "webhook_id": webhook["id"],
        "delivery_id": _made(admin, f"webhooks/{webhook['id']}/test", None)["id"],
        "event_id": _made(admin, "events", {"name": "orders.loaded"})["id"],
        "name": _made(admin, "namespaces", {"name": "default"})["name"],
        "token_id": _made(admin, "tokens", {"name": "other", "role": "viewer"})["id"],
    }


def _made(admin: Caller, path: str, body: Any) -> Any:
    answer = admin.send("post", path, body)
    assert answer.status_code in (201, 202), answer.content
    return answer.json()


def _strategy(method: str, path: str) -> Any:
    """Return a strategy of requests that are as the document says, and of such as are not."""
    right = _schema()[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE)
    wrong = _schema()[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return strategies.one_of(right, wrong) if _can_be_wrong(document()["paths"][path][method]) else right


def _put_known(case: Any, known: dict[str, Any]) -> None:
    places = case.path_parameters or {}
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        places |= {name: known[name] for name in places if name in known}


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_it_answers_as_the_document_says(admin: Caller, known: dict[str, Any], method: str, path: str) -> None:
    is_refused_whole = method != "get" and path != _ANSWERED_EACH
    wanted = [*_CHECKS, *([openapi_checks.negative_data_rejection] if is_refused_whole else [])]

    @settings(
        max_examples=CASES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_strategy(method, path), is_known=strategies.booleans())
    def answer(case: Any, is_known: bool) -> None:
        if is_known:
            _put_known(case, known)
        case.call_and_validate(checks=wanted, headers={"Authorization": f"Bearer {admin.secret}"})

    answer()
