"""The words of the OpenAPI document: no field, parameter or refusal without a meaning and an example that is true."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from platform_scheduler.described import own_name
from platform_scheduler.documents import document
from platform_scheduler.refusals import RESPONSES
from platform_scheduler.vocabulary.descriptions import DESCRIPTIONS
from platform_scheduler.vocabulary.examples import EXAMPLES
from platform_scheduler.vocabulary.parameters import PARAMETER_DESCRIPTIONS, PARAMETER_EXAMPLES


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = document()["components"]["schemas"]
    return found


def _fields() -> list[tuple[str, str, Any]]:
    return [
        (schema, name, field)
        for schema, found in _schemas().items()
        for name, field in found.get("properties", {}).items()
    ]


def _parameters() -> list[tuple[str, str, Any]]:
    return [
        (f"{method} {path}", parameter["name"], parameter)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        for parameter in operation.get("parameters", [])
    ]


def _is_object(schema: Any) -> bool:
    """Tell whether it is made of objects whose own fields are described: one, a list of them, or one or null."""
    if "$ref" in schema:
        return "properties" in _schemas()[schema["$ref"].rpartition("/")[2]]
    parts = [*schema.get("allOf", []), *schema.get("oneOf", [])]
    inner = [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    return any(_is_object(part) for part in (*parts, *inner))


def _faults(schema: Any, example: Any) -> Iterator[str]:
    whole = schema | {"components": document()["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return (fault.message for fault in validator.iter_errors(example))


def test_every_field_has_a_meaning() -> None:
    assert [f"{schema}.{name}" for schema, name, field in _fields() if not field.get("description")] == []


def test_every_field_has_an_example() -> None:
    silent = [(schema, name) for schema, name, field in _fields() if "examples" not in field and not _is_object(field)]

    assert silent == []


def test_every_example_of_a_field_is_true() -> None:
    wrong = [
        (schema, name, fault)
        for schema, name, field in _fields()
        for example in field.get("examples", [])
        for fault in _faults(field, example)
    ]

    assert wrong == []


def test_every_parameter_has_a_meaning() -> None:
    assert [(where, name) for where, name, one in _parameters() if not one.get("description")] == []


def test_every_example_of_a_parameter_is_there_and_true() -> None:
    wrong = [
        (where, name, fault)
        for where, name, one in _parameters()
        for fault in (_faults(one["schema"], one["example"]) if "example" in one else ["is missing"])
    ]

    assert wrong == []


def test_every_operation_says_what_it_does() -> None:
    operations = [one for methods in document()["paths"].values() for one in methods.values()]

    assert [one["operationId"] for one in operations if not one.get("summary") or not one.get("description")] == []


@pytest.mark.parametrize("status", sorted(RESPONSES))
def test_every_refusal_has_an_example_that_is_true(status: str) -> None:
    content = document()["components"]["responses"][status]["content"]["application/problem+json"]

    assert list(_faults(content["schema"], content["example"])) == []


def test_every_refusal_is_answered_by_some_operation() -> None:
    answered = {
        answer["$ref"].rpartition("/")[2]
        for methods in document()["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        if "$ref" in answer
    }

    assert answered == set(document()["components"]["responses"])


def test_it_says_nothing_of_what_there_is_not() -> None:
    known = {word for schema, name, _ in _fields() for word in (name, f"{own_name(schema)}.{name}")}
    parameters = {word for where, name, _ in _parameters() for word in (name, f"{where.split()[1]} {name}")}

    assert sorted({*DESCRIPTIONS, *EXAMPLES} - known) == []
    assert sorted({*PARAMETER_DESCRIPTIONS, *PARAMETER_EXAMPLES} - parameters) == []
