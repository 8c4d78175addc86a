"""Whatever an endpoint refuses, and for whatever reason, it refuses in one shape (RFC 9457)."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from platform_scheduler.documents import document
from platform_scheduler.problems import CONTENT_TYPE
from tests.integration.conftest import Caller

pytestmark = pytest.mark.anywhere

PATHS: dict[str, Any] = document()["paths"]
ID = "01900000-0000-7000-8000-000000000000"
NUMBERS = {"version", "token_id", "record_id", "plan_id"}
PROBLEM = {"type", "title", "status", "detail"}


def _filled(path: str) -> str:
    """Return the path with something of the right kind for each of its parameters."""
    return re.sub(r"\{(\w+)\}", lambda one: "1" if one[1] in NUMBERS else ID, path)


def _shape(answer: Any, status: int) -> None:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith(CONTENT_TYPE)
    problem = json.loads(answer.content)
    assert PROBLEM <= problem.keys()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:platform-scheduler:problem:")
    assert problem["detail"].rstrip('"').endswith((".", "?"))


@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_refused_as_everywhere(nobody: Client, path: str):
    method = next(iter(PATHS[path].keys() & {"get", "post", "put"}), "delete")
    answer = getattr(nobody, method)(_filled(path))
    _shape(answer, 401)
    assert answer["WWW-Authenticate"].startswith(("Bearer", "Basic"))


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_is_not_there_is_refused_as_everywhere(admin: Caller, path: str):
    answer = admin.generic("PROPFIND", _filled(path))
    _shape(answer, 405)
    assert answer["Allow"]


@pytest.mark.parametrize("path", sorted(path for path, methods in PATHS.items() if "post" in methods))
def test_a_body_of_another_kind_is_refused_as_everywhere(admin: Caller, path: str):
    _shape(admin.post(_filled(path), data="<task/>", content_type="application/xml"), 415)


@pytest.mark.parametrize("path", sorted(path for path, methods in PATHS.items() if "get" in methods))
def test_an_answer_of_another_kind_is_refused_as_everywhere(admin: Caller, path: str):
    _shape(admin.get(_filled(path), headers={"Accept": "image/png"}), 406)


@pytest.mark.parametrize("path", sorted(path for path, methods in PATHS.items() if "get" in methods))
def test_a_parameter_that_is_not_there_is_refused_by_name(admin: Caller, path: str):
    answer = admin.get(_filled(path), {"colour": "blue"})
    _shape(answer, 404 if answer.status_code == 404 else 400)
    named = [fault["field"] for fault in json.loads(answer.content).get("errors", [])]
    assert named == ([] if answer.status_code == 404 else ["colour"])
