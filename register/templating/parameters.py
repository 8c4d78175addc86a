"""The parameters of a template: a JSON schema of their values, and what it says of values that somebody gives."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from scheduler.engine.suggestions import did_you_mean, strangers
from scheduler.engine.templates import NAME, named
from scheduler.errors import Fault

FAULTS_SHOWN = 20
MESSAGE_LENGTH = 300
MOST = 64

# A reference could lead anywhere; a stranger's pattern can keep a process busy for hours, and so can some thousand
# objects that are held against each other.
_REFUSED = frozenset({"$id", "$ref", "$dynamicRef", "pattern", "patternProperties", "uniqueItems"})
# Words below which there are names, or values, and no further words.
_OF_NAMES = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_OF_VALUES = frozenset({"default", "enum", "const", "examples"})

Json = dict[str, Any]


def schema_faults(schema: Json) -> list[Fault]:
    """Return what is wrong with the schema of a template's parameters."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [Fault(_path("parameters", error.absolute_path), "schema", error.message[:MESSAGE_LENGTH])]
    return list(_schema_faults(schema))


def _schema_faults(schema: Json) -> Iterator[Fault]:
    properties = schema.get("properties", {})
    if schema.get("type") != "object":
        yield _impossible("parameters.type", 'Parameters are the properties of an object: set this to "object".')
    if len(properties) > MOST:
        yield _impossible("parameters.properties", f"There may be {MOST} parameters.")
    for name in properties:
        if not NAME.fullmatch(name):
            message = (
                "A parameter's name has letters A to Z, digits and underscores, and begins with none of the digits."
            )
            yield _impossible(f"parameters.properties.{name[:100]}", message)
    # That of the whole leads nowhere; below it, jsonschema joins names to addresses, and fails where one is none.
    for path in _refused({word: inner for word, inner in schema.items() if word != "$id"}, "parameters"):
        yield _impossible(path, "This word of JSON Schema is not available here.")
    yield from _default_faults(properties)


def _default_faults(properties: Mapping[str, Any]) -> Iterator[Fault]:
    for name, rule in properties.items():
        if isinstance(rule, dict) and "default" in rule and not _validator(json.dumps(rule)).is_valid(rule["default"]):
            yield _impossible(f"parameters.properties.{name[:100]}.default", "Its own schema refuses this value.")


def _refused(schema: Any, path: str) -> Iterator[str]:
    """Yield the places of words that are refused; a parameter may be called like one of them."""
    for word, inner in schema.items() if isinstance(schema, dict) else ():
        below = f"{path}.{word}"
        if word in _REFUSED:
            yield below
        elif word in _OF_NAMES and isinstance(inner, dict):
            for name, rule in inner.items():
                yield from _refused(rule, f"{below}.{name}")
        elif word not in _OF_VALUES:
            for number, rule in enumerate(inner if isinstance(inner, list) else [inner]):
                yield from _refused(rule, f"{below}[{number}]" if isinstance(inner, list) else below)


def use_faults(schema: Json, definition: Json) -> Iterator[Fault]:
    """Yield the uses of parameters that there are not, or that may be left out and have no default."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    for path, name in named(definition, "definition"):
        if name not in properties:
            yield _impossible(path, f"There is no parameter {name[:100]!r}.{did_you_mean(name, properties)}")
        elif name not in required and "default" not in (properties[name] if isinstance(properties[name], dict) else {}):
            yield _impossible(path, f"The parameter {name!r} may be left out: require it, or give it a default.")


def completed(schema: Json, values: Mapping[str, Any]) -> Json:
    """Return values with the defaults of those that are left out."""
    properties = schema.get("properties", {})
    defaults = {
        name: rule["default"] for name, rule in properties.items() if isinstance(rule, dict) and "default" in rule
    }
    return defaults | dict(values)


def value_faults(schema: Json, values: Json) -> list[Fault]:
    """Return what is wrong with completed values; those that are no parameters are refused by name."""
    known = schema.get("properties", {})
    unknown = [
        Fault(f"parameters.{name[:100]}", "unknown", f"There is no such parameter.{hint}", True)
        for name, hint in strangers(values, known)
    ]
    errors = _validator(json.dumps(schema)).iter_errors(values)
    found = [
        Fault(_path("parameters", error.absolute_path), "schema", error.message[:MESSAGE_LENGTH], is_impossible=True)
        for error in errors
    ]
    return (unknown + found)[:FAULTS_SHOWN]


@lru_cache(maxsize=256)
def _validator(schema_text: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_text))


def _path(path: str, parts: Iterable[Any]) -> str:
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path[:300]


def _impossible(field: str, message: str) -> Fault:
    return Fault(field, "impossible", message, is_impossible=True)
