"""Completes the OpenAPI document: each field and parameter with its meaning and an example, each refusal once."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from platform_scheduler.refusals import RESPONSES
from platform_scheduler.vocabulary.descriptions import DESCRIPTIONS
from platform_scheduler.vocabulary.examples import EXAMPLES
from platform_scheduler.vocabulary.parameters import PARAMETER_DESCRIPTIONS, PARAMETER_EXAMPLES
from register.api.fields import RECORDS_MAX_COUNT
from register.templating.instances import MOST_AT_ONCE


def _one_of_these(types: Mapping[str, str]) -> dict[str, Any]:
    """Return that one of the fields at least is there, and is not null."""
    return {"anyOf": [{"required": [name], "properties": {name: {"type": of}}} for name, of in types.items()]}


# What bodies ask of several of their fields, also within a change, where the generator takes nothing for needed.
_ASKED: Final[dict[str, dict[str, Any]]] = {
    "Channel": {
        "oneOf": [
            {"required": ["kind", "to"], "properties": {"kind": {"const": "EMAIL"}, "url": False, "webhookId": False}},
            {"required": ["kind", "url"], "properties": {"kind": {"const": "CHAT"}, "to": False, "webhookId": False}},
            {
                "required": ["kind", "webhookId"],
                "properties": {"kind": {"const": "WEBHOOK"}, "to": False, "url": False},
            },
        ]
    },
    "Dependency": _one_of_these({"taskId": "string", "name": "string"}),
    "Instances": {"if": {"required": ["instances"]}, "then": {"maxProperties": 1}},
    "Listener": {"required": ["event"]},
    "Notify": {"required": ["outcomes"]},
    "Sla": _one_of_these({"maxLatenessSeconds": "integer", "maxDurationSeconds": "integer", "deadlineAt": "string"}),
}

_BOUNDED: Final[dict[str, dict[str, Any]]] = {
    "Bulk.tasks": {"maxItems": RECORDS_MAX_COUNT},
    "Instances.instances": {"minItems": 1, "maxItems": MOST_AT_ONCE},
}

_INSTANT: Final = "2030-01-31T06:00:00Z"
_OF_FORMAT: Final = {
    "uuid": "0199c0de-0000-7000-8000-000000000001",
    "date-time": _INSTANT,
    "date": "2030-01-31",
}
_NAME: Final = re.compile(r"^(Patched)?(?P<own>.*?)(Answer|Input)?(Request)?$")


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Return the document with what its generator does not know; a hook of drf-spectacular."""
    components = result["components"]
    schemas = components.get(
        "schemas", {}
    )  # none where the document is made of no path, as a check of its generator does
    for name, schema in schemas.items():
        properties = schema.get("properties", {})
        for field, found in properties.items():
            properties[field] = _described(own_name(name), field, found, schemas)
        if name.endswith("Request"):
            schema["additionalProperties"] = False  # `register.api.strict`: a name that is not known is refused
            schema |= _ASKED.get(own_name(name), {})
    for path, operation in _operations(result):
        for parameter in operation.get("parameters", []):
            _describe_parameter(path, parameter)
    components["responses"] = RESPONSES
    return result


def own_name(schema: str) -> str:
    """Return what a schema is about: `Webhook` of WebhookAnswer, WebhookInputRequest and PatchedWebhookInputRequest."""
    found = _NAME.match(schema)
    return found["own"] if found else schema


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _described(own: str, field: str, found: dict[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    # Beside a reference nothing else was allowed before 3.1, and not every reader knows 3.1.
    schema: dict[str, Any] = {"allOf": [found]} if "$ref" in found else dict(found)
    schema |= _BOUNDED.get(f"{own}.{field}", {})
    if schema.get("oneOf") == _ANYTHING_OR_NULL:
        # null is both, and so neither.
        del schema["oneOf"]
    key = f"{own}.{field}"
    description = DESCRIPTIONS.get(key) or schema.get("description") or DESCRIPTIONS.get(field)
    if description:
        schema["description"] = description
    example = _example(key, field, _resolved(schema, schemas), schemas)
    if example is not _NONE:
        schema["examples"] = [example]
    return schema


_NONE: Final = object()
_ANYTHING_OR_NULL: Final = [{}, {"type": "null"}]


def _example(key: str, field: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return what stands in a field; _NONE of an object, or objects, whose own fields say it."""
    if key in EXAMPLES:
        return EXAMPLES[key]
    of_type = _of_type(schema)
    if of_type is not _NONE:
        return of_type
    items = _resolved(schema.get("items", {}), schemas)
    if "properties" in schema or "properties" in items:
        return _NONE
    of_items = _of_type(items)
    return [of_items] if of_items is not _NONE else EXAMPLES.get(field, _NONE)


def _of_type(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") in _OF_FORMAT:
        return _OF_FORMAT[schema["format"]]
    is_flag = schema.get("type") in ("boolean", ["boolean", "null"])
    return schema.get("default", True) if is_flag else _NONE


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema refers to, alone or beside null; itself where it refers to nothing."""
    first = next(iter(schema.get("allOf") or schema.get("oneOf") or [schema]))
    return schemas[first["$ref"].rpartition("/")[2]] if "$ref" in first else schema


def _describe_parameter(path: str, parameter: dict[str, Any]) -> None:
    name = parameter["name"]
    if parameter["in"] == "query" and not parameter.get("required"):
        parameter["allowEmptyValue"] = True  # nothing behind a name is as good as no name
    if "description" not in parameter and name in PARAMETER_DESCRIPTIONS:
        parameter["description"] = PARAMETER_DESCRIPTIONS[name]
    example = PARAMETER_EXAMPLES.get(f"{path} {name}", _of_type(parameter["schema"]))
    if example is _NONE:
        example = PARAMETER_EXAMPLES.get(name, _NONE)
    if example is not _NONE:
        parameter["example"] = example
