"""Every answer, good or bad, tells a browser to run nothing, lend nothing and keep nothing."""

from typing import Any

import pytest
from django.test import Client

from scheduler.models import Task
from tests.integration.conftest import Caller

ANSWERS = [
    ("get", "/api/v1/tasks", 401),
    ("get", "/api/v1/nowhere", 404),
    ("delete", "/api/v1/tasks", 401),
    ("get", "/nowhere", 404),
    ("get", "/health/live", 200),
    ("get", "/health/ready", 200),
    ("get", "/metrics", 401),
    ("get", "/admin/login/", 200),
    ("get", "/admin/", 302),
    ("get", "/admin/nowhere/", 302),
    ("post", "/admin/login/", 200),
    ("get", "/static/console/console.css", 200),
    ("get", "/static/console/nothing.css", 404),
]
SIGNED = [
    ("get", "/api/v1/tasks", None, 200),
    ("get", "/api/schema/", None, 200),
    ("get", "/api/docs/", None, 200),
    ("get", "/api/v1/tasks/00000000-0000-4000-8000-000000000001", None, 404),
    ("post", "/api/v1/tasks", "{", 403),
    ("delete", "/api/v1/tasks", None, 403),
    ("get", "/api/v1/tasks?size=100000", None, 400),
    ("get", "/api/v1/executions?format=csv", None, 404),
]


def assert_strict(answer: Any) -> None:
    """Assert what holds for all of them."""
    answer.close()  # a static file is open until then
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_nobody_gets_an_answer_without_them(nobody: Client, method: str, path: str, status: int):
    answer = getattr(nobody, method)(path)
    assert answer.status_code == status
    assert_strict(answer)


@pytest.mark.parametrize(("method", "path", "body", "status"), SIGNED)
def test_nor_does_a_token(viewer: Caller, method: str, path: str, body: str | None, status: int):
    arguments = {"data": body, "content_type": "application/json"} if body else {}
    answer = getattr(viewer, method)(path, **arguments)
    assert answer.status_code == status
    assert_strict(answer)


def test_a_host_that_is_not_ours_gets_them_too(nobody: Client):
    answer = nobody.get("/api/v1/tasks", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert_strict(answer)


def test_a_fault_of_ours_has_them_and_tells_nothing(viewer: Caller, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("query.selectors.tasks", _broken, raising=False)
    monkeypatch.setattr("query.api.views.TasksView.get", _broken)
    viewer.raise_request_exception = False
    answer = viewer.get("/api/v1/tasks")
    assert answer.status_code == 500
    assert "the inside" not in answer.content.decode()
    assert_strict(answer)


def _broken(*_: object, **__: object) -> None:
    raise RuntimeError("the inside of it")


@pytest.mark.parametrize("path", ["/api/v1/tasks", "/admin/login/"])
def test_nothing_of_it_is_kept(viewer: Caller, cleanup: Task, path: str):
    assert "no-store" in viewer.get(path).headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../manage.py",
        "/static/%2e%2e/manage.py",
        "/static/..%2f..%2fetc/passwd",
        "/static/console/..%5c..%5csettings/base.py",
        "/static//etc/passwd",
        "/static/console/%00.css",
    ],
)
def test_no_path_leaves_the_static_files(nobody: Client, path: str):
    assert nobody.get(path).status_code in (400, 404)
