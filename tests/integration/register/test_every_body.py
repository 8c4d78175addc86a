"""Every endpoint that takes a body refuses whatever its document does not allow, by name, and changes nothing.

The endpoints come from the routes and their fields from the OpenAPI document: a new one is tried as it comes.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from platform_scheduler.documents import document
from tests.integration.conftest import Caller
from tests.integration.register.endpoints import BODIES, everything

pytestmark = pytest.mark.anywhere

# One of each kind, and what is too much of it, or in no alphabet.
VALUES: list[Any] = [
    None, True, 5, -1, 1.5, 10**30, "", "x" * 40_000, "a\0b", "größe\u2028", [], [[]], [None], {}, {"\0": {}},
]  # fmt: skip
NO_OBJECT = [
    "[]",
    "5",
    '"x"',
    "null",
    "{",
    '{"a": 1, "a": 2}',
    '{"a": NaN}',
    "[" * 5_000,
    "\\",
    "\ufeff{}",
    "{}x",
    '{"a": "\\ud800"}',
]


class Sent(NamedTuple):
    """One request that is wrong, and which field is to be named; none where it is no object at all."""

    what: str
    data: str
    field: str | None
    headers: dict[str, str]


@lru_cache(maxsize=1)
def _document() -> Any:
    return json.loads(json.dumps(document(), default=str))


def _operation(method: str, route: str) -> Any:
    return _document()["paths"]["/api/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route)][method.lower()]


def _fields(operation: Any) -> dict[str, Any]:
    """Return the schemas of the fields of a body, by name."""
    content = operation.get("requestBody", {"content": {}})["content"].get("application/json", {"schema": {}})
    reference = content["schema"].get("$ref")
    schema = _document()["components"]["schemas"][reference.rpartition("/")[2]] if reference else content["schema"]
    return dict(schema.get("properties", {}))


def _refused_values(schema: Any) -> Iterator[tuple[int, Any]]:
    """Yield the values that a field does not take, as its schema says."""
    validator = Draft202012Validator({**schema, "components": _document()["components"]})
    return ((number, value) for number, value in enumerate(VALUES) if not validator.is_valid(value))


def _wrong_fields(operation: Any, body: dict[str, Any]) -> Iterator[Sent]:
    for name, schema in _fields(operation).items():
        for number, value in _refused_values(schema):
            yield Sent(f"{name}: {number}", json.dumps({**body, name: value}), name, {})


def _wrong_bodies(body: dict[str, Any]) -> Iterator[Sent]:
    yield Sent("unknown", json.dumps({**body, "bogus": 1}), "bogus", {})
    yield from (Sent(f"body: {text[:9]}", text, None, {}) for text in NO_OBJECT)


HEADERS: dict[str, list[str]] = {
    "If-Match": ['"99"', "99", "*, x", '"' + "9" * 400 + '"', "\x7f"],
    "Idempotency-Key": ["x" * 256, "\x7f"],
    "X-Reason": ["x" * 1_001, "\x7f"],
}


def _wrong_headers(operation: Any, body: Any) -> Iterator[Sent]:
    data = json.dumps(body) if body is not None else ""
    for name in (one["name"] for one in operation["parameters"] if one["in"] == "header"):
        yield from (Sent(f"{name}: {value[:9]}", data, None, {name: value}) for value in HEADERS[name])


def _wrong(method: str, route: str, body: Any) -> list[Sent]:
    operation = _operation(method, route)
    bodies = [] if method == "DELETE" else [*_wrong_fields(operation, body), *_wrong_bodies(body)]
    return [*bodies, *_wrong_headers(operation, body)]


def _said(answer: Any) -> str:
    return f"{answer.status_code} {answer.content[:300]!r}"


def _is_refused(answer: Any, field: str | None) -> bool:
    is_problem: bool = 400 <= answer.status_code < 500 and answer["Content-Type"] == "application/problem+json"
    if not is_problem or field is None:
        return is_problem
    named = [fault["field"] for fault in answer.json().get("errors", ())]
    return any(re.split(r"[.\[]", name)[0] == field for name in named)


@pytest.mark.parametrize(("method", "route"), BODIES)
def test_it_refuses_what_its_document_does_not_allow(
    admin: Caller, arranged: Callable[[str, str], tuple[str, Any]], method: str, route: str
) -> None:
    path, body = arranged(method, route)
    before = everything()

    answers = [
        (sent, admin.generic(method, f"/api/v1/{path}", sent.data, "application/json", headers=sent.headers))
        for sent in _wrong(method, route, body)
    ]

    taken = {sent.what: _said(answer) for sent, answer in answers if not _is_refused(answer, sent.field)}
    assert taken == {}
    assert everything() == before


@pytest.mark.parametrize(("method", "route"), BODIES)
def test_each_of_its_fields_is_tried(method: str, route: str) -> None:
    free = {name for name, schema in _fields(_operation(method, route)).items() if not [*_refused_values(schema)]}
    assert free == set()


MATCHING = [key for key in BODIES if "If-Match" in {one["name"] for one in _operation(*key)["parameters"]}]


@pytest.mark.parametrize(("method", "route"), MATCHING)
def test_it_leaves_alone_what_has_changed_since(
    admin: Caller, arranged: Callable[[str, str], tuple[str, Any]], method: str, route: str
) -> None:
    path, body = arranged(method, route)
    before = everything()

    answer = admin.send(method.lower(), path, body, If_Match='"99"')

    assert (answer.status_code, answer["Content-Type"]) == (412, "application/problem+json")
    assert everything() == before
