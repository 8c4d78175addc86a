"""Task data as it is stored: a secret stands where a text may, whatever else the schema asks of that text."""

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from scheduler.engine.placeholders import Unknown, is_secret, lenient, marked, named_secrets

REFERENCE = {"$secret": "TOKEN"}


def faults(schema, data, *, kind=Draft202012Validator):
    return [error.message for error in lenient(kind)(schema).iter_errors(marked(data))]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "minLength": 100},
        {"type": "string", "maxLength": 1},
        {"type": "string", "pattern": "^x$"},
        {"enum": ["a", "b"]},
        {"const": "a"},
        {"anyOf": [{"type": "integer"}, {"type": "string", "format": "uri"}]},
        {"not": {"type": "object"}},
    ],
)
def test_it_lets_a_secret_stand_where_a_text_may(schema):
    assert faults({"properties": {"token": schema}}, {"token": REFERENCE}) == []


def test_it_lets_a_secret_stand_in_lists_and_deep_inside():
    schema = {"properties": {"a": {"items": {"properties": {"b": {"type": "string", "maxLength": 1}}}}}}
    assert faults(schema, {"a": [{"b": REFERENCE}]}) == []


def test_it_lets_no_secret_stand_where_a_number_is_asked_for():
    assert faults({"properties": {"count": {"type": "integer"}}}, {"count": REFERENCE}) == [
        "'TOKEN' is not of type 'integer'"
    ]


def test_it_asks_of_other_texts_what_it_always_did():
    assert faults({"properties": {"name": {"maxLength": 1}}}, {"name": "ab"}) == ["'ab' is too long"]


def test_it_keeps_the_draft_of_the_schema():
    assert faults({"properties": {"a": {"const": "x"}}}, {"a": REFERENCE}, kind=Draft7Validator) == []


@pytest.mark.parametrize("value", [{"$secret": 5}, {"$secret": "A", "more": 1}, {"secret": "A"}, "$secret"])
def test_it_leaves_alone_what_names_no_secret_properly(value):
    assert marked({"field": value}) == {"field": value}


def test_it_marks_a_copy():
    data = {"field": REFERENCE}
    assert isinstance(marked(data)["field"], Unknown)
    assert data == {"field": {"$secret": "TOKEN"}}


@pytest.mark.parametrize(("value", "is_one"), [(REFERENCE, True), ({"$secret": 5}, True), ({}, False), ("x", False)])
def test_it_tells_what_names_a_secret(value, is_one):
    assert is_secret(value) is is_one


def test_it_finds_the_secrets_that_are_named_and_where():
    data = {"a": [{"$secret": "ONE"}, {"$secret": 5}, {"$secret": "TWO", "more": 1}], "b": {"c": {"$secret": "ONE"}}}
    assert list(named_secrets(data)) == [("taskData.a[0]", "ONE"), ("taskData.b.c", "ONE")]
