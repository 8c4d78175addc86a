"""Bodies that are huge, deep, broken or meant to tire: each is refused at once, and changes nothing."""

import json
import time
import tracemalloc
from typing import Any

import pytest

from platform_scheduler.parsing import limit_of
from query.api.routes import ROUTES as QUERY
from register.api.routes import ROUTES as REGISTER
from register.api.serializers import RecordInput
from scheduler.models import Task
from tests.integration.conftest import Caller

pytestmark = pytest.mark.anywhere

MEGABYTE = 1024 * 1024


def post(caller: Caller, body: bytes, path: str = "tasks") -> Any:
    return caller.post(f"/api/v1/{path}", data=body, content_type="application/json")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, 400, id="nested a hundred thousand deep"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, id="objects in objects"),
        pytest.param(b'{"name": "' + b"x" * (2 * MEGABYTE) + b'"}', 413, id="two megabytes"),
        pytest.param(b'{"priority": ' + b"9" * 100_000 + b"}", 400, id="a number of 100,000 digits"),
        pytest.param(b'{"priority": 1e999999}', 400, id="a number beyond all"),
        pytest.param(b'{"priority": NaN}', 400, id="no number"),
        pytest.param(b'{"name": "a", "name": "b"}', 400, id="one name twice"),
        pytest.param(b'{"name": "\\ud800"}', 400, id="half a character"),
        pytest.param(b'{"name": "\\u0000"}', 400, id="a NUL"),
        pytest.param(b"\xff\xfe{}", 400, id="no UTF-8"),
        pytest.param(b'{"__proto__": {"role": "admin"}}', 400, id="a prototype"),
    ],
)
def test_it_is_refused(editor: Caller, body: bytes, status: int):
    answer = post(editor, body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Task.objects.exists()


def test_a_hundred_thousand_names_that_are_not_known_are_refused_at_once(viewer: Caller, editor: Caller):
    body = b"{" + b",".join(b'"k%d":1' % number for number in range(70_000)) + b"}"
    began = time.process_time()
    answers = [post(editor, body), post(viewer, body, "schedules/preview")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert max(len(answer.content) for answer in answers) < 10_000
    assert time.process_time() - began < 10  # a guess what each was meant to be took a minute


@pytest.mark.parametrize("field", ["dependencies", "listensTo", "notifyOn", "retryOn", "uses"])
@pytest.mark.parametrize("item", [1, "x", None])
def test_a_list_without_end_is_one_fault(editor: Caller, field: str, item: Any):
    body = {"name": "x", "taskClass": "platform.noop", field: [item] * 100_000}
    answer = post(editor, json.dumps(body).encode())

    assert (answer.status_code, len(answer.content) < 2_000) == (400, True)
    assert [error["field"] for error in answer.json()["errors"] if error["field"].startswith(field)] == [field]


def test_what_is_accepted_once_is_not_kept_with_the_blanks_around_it():
    body = RecordInput(partial=True)
    tracemalloc.start()
    try:
        for number in range(50):
            assert body.read({"owner": "x" + " " * (100_000 + number)}).values == {"owner": "x"}
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content_type", ["application/xml", "text/plain", "multipart/form-data; boundary=x", "application/x-yaml", ""]
)
def test_no_other_kind_of_body_is_read(editor: Caller, content_type: str):
    answer = editor.post("/api/v1/tasks", data=b"!!python/object/apply:os.system ['id']", content_type=content_type)
    assert answer.status_code in (400, 415)


def _takes_a_body(view: Any) -> bool:
    return any(hasattr(view, method) for method in ("post", "put", "patch"))


@pytest.mark.parametrize("route", [name for name, view in REGISTER.items() if _takes_a_body(view)])
def test_every_endpoint_has_a_limit_for_its_body(route: str):
    assert limit_of(REGISTER[route]) <= 32 * MEGABYTE


@pytest.mark.parametrize(
    "route", [name for name, view in REGISTER.items() if _takes_a_body(view) and limit_of(view) <= MEGABYTE]
)
def test_no_endpoint_takes_more_than_its_limit(admin: Caller, route: str):
    view: Any = REGISTER[route]
    send = getattr(admin, next(name for name in ("post", "put", "patch") if hasattr(view, name)))
    body = b'{"name": "' + b" " * MEGABYTE + b'"}'
    answer = send(f"/api/v1/{_filled(route)}", data=body, content_type="application/json")
    assert answer.status_code in (404, 413)  # what is not there takes no body at all


@pytest.mark.parametrize("route", ["tasks", "executions", "operations", "audit", "webhooks", "tokens", "calendars"])
@pytest.mark.parametrize("query", ["size=201", "size=1000000", "size=-1", "page=99999999999999999999"])
def test_no_list_answers_more_than_its_page(admin: Caller, route: str, query: str):
    assert (route in QUERY) or (route in REGISTER)
    answer = admin.send("get", f"{route}?{query}")
    assert answer.status_code == 400 or len(answer.json()["content"]) <= 200


@pytest.mark.parametrize("search", ["(a+)+$", "%" * 1_000, "_" * 300, "a" * 10_000, "\\", "[", "*" * 500])
def test_what_is_searched_for_is_text_and_no_pattern(viewer: Caller, cleanup: Task, search: str):
    answer = viewer.get("/api/v1/tasks", {"search": search})
    assert answer.status_code in (200, 400)
    assert answer.json().get("content", []) == []


@pytest.mark.parametrize(
    "expression", ["0 " * 40, "*/1," * 30, "0-59/1," * 14, "9" * 100 + " * * * *", "0 0 0 L-999999999 * ?"]
)
def test_no_cron_expression_tires_it(editor: Caller, expression: str):
    body = {"name": "x", "taskClass": "platform.noop", "cronExpression": expression[:100]}
    assert post(editor, json.dumps(body).encode()).status_code in (400, 422)


def _filled(route: str) -> str:
    for kind, value in {
        "uuid": "00000000-0000-4000-8000-000000000001", "int": "1", "str": "nothing",
    }.items():  # fmt: skip
        while f"<{kind}:" in route:
            begin, _, rest = route.partition(f"<{kind}:")
            route = begin + value + rest.partition(">")[2]
    return route
