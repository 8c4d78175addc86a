"""Handlers by public name."""

from collections.abc import Iterator
from math import nan
from typing import Any

import pytest
from jsonschema import SchemaError

from workers import registry
from workers.errors import DuplicateHandler, InvalidDeclaration, UnknownHandler
from workers.registry import handler

SCHEMA = {
    "type": "object",
    "properties": {"days": {"type": "integer", "minimum": 0}, "name": {"type": "string"}},
    "required": ["days"],
    "additionalProperties": False,
}


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a registry of its own."""
    monkeypatch.setattr(registry, "_handlers", {})
    yield


def report(data: object, context: object) -> None:
    """Write the report."""


def test_it_finds_a_handler_by_its_public_name():
    handler("acme.report")(report)
    assert registry.find("acme.report").function is report


def test_it_leaves_the_function_as_it_is():
    assert handler("acme.report")(report) is report


def test_it_describes_a_handler_by_its_docstring():
    handler("acme.report")(report)
    assert registry.find("acme.report").description == "Write the report."


def test_it_prefers_a_description_that_is_given():
    handler("acme.report", description="Monthly")(report)
    assert registry.find("acme.report").description == "Monthly"


def test_it_refuses_a_second_handler_of_one_name():
    handler("acme.report")(report)
    with pytest.raises(DuplicateHandler, match=r"acme\.report is registered twice"):
        handler("acme.report")(lambda data, context: None)


def test_it_keeps_the_first_of_two_handlers():
    handler("acme.report")(report)
    with pytest.raises(DuplicateHandler):
        handler("acme.report")(lambda data, context: None)
    assert registry.find("acme.report").function is report


def test_it_takes_the_same_function_twice():
    handler("acme.report")(handler("acme.report")(report))
    assert len(list(registry.all_handlers())) == 1


def test_it_refuses_a_schema_that_is_none():
    with pytest.raises(SchemaError):
        handler("acme.report", schema={"type": "objekt"})(report)


def test_it_registers_nothing_whose_schema_it_refuses():
    with pytest.raises(SchemaError):
        handler("acme.report", schema={"type": "objekt"})(report)
    assert list(registry.all_handlers()) == []


def test_it_names_the_closest_handler_for_one_that_it_lacks():
    handler("acme.report")(report)
    with pytest.raises(UnknownHandler, match=r"no handler acme\.reprot\. Did you mean acme\.report\?"):
        registry.find("acme.reprot")


def test_it_suggests_nothing_that_is_far_away():
    handler("acme.report")(report)
    with pytest.raises(UnknownHandler, match=r"no handler platform\.noop\.$"):
        registry.find("platform.noop")


def test_it_lists_handlers_by_name():
    for name in ("c", "a", "b"):
        handler(name)(report)
    assert [one.task_class for one in registry.all_handlers()] == ["a", "b", "c"]


@pytest.mark.parametrize("data", [{"days": 7}, {"days": 0, "name": "x"}])
def test_it_finds_no_fault_with_data_that_fit(data: dict[str, object]):
    handler("acme.report", schema=SCHEMA)(report)
    assert registry.find("acme.report").faults(data) == []


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({}, "taskData: 'days' is a required property"),
        ({"days": -1}, "taskData.days: -1 is less than the minimum of 0"),
        ({"days": 1, "name": 5}, "taskData.name: 5 is not of type 'string'"),
        ({"days": 1, "x": 5}, "taskData: Additional properties are not allowed ('x' was unexpected)"),
        ([], "taskData: [] is not of type 'object'"),
    ],
)
def test_it_says_what_does_not_fit(data: dict[str, object], fault: str):
    handler("acme.report", schema=SCHEMA)(report)
    assert registry.find("acme.report").faults(data) == [fault]


def test_it_says_every_fault_at_once():
    handler("acme.report", schema=SCHEMA)(report)
    assert len(registry.find("acme.report").faults({"days": -1, "name": 5})) == 2


def test_it_takes_any_object_without_a_schema():
    handler("acme.report")(report)
    assert registry.find("acme.report").faults({"anything": [1, None]}) == []


def test_it_warns_of_a_default_that_no_task_takes(caplog: pytest.LogCaptureFixture) -> None:
    handler("acme.report", defaults={"timeoutSeconds": 5, "maxRetries": 2, "labels": {}})(report)

    assert [record.getMessage() for record in caplog.records] == [
        "acme.report: defaults cannot preset 'maxRetries', it is ignored. Did you mean 'maxRetryCount'?",
        "acme.report: defaults cannot preset 'labels', it is ignored.",
    ]


def test_it_keeps_the_schedules_declared_beside_a_handler() -> None:
    schedule = {"name": "Nightly", "cronExpression": "0 0 2 * * ?"}
    handler("acme.report", schedules=[schedule])(report)

    assert registry.find("acme.report").schedules == (schedule,)


@pytest.mark.parametrize(
    "schedule",
    [
        5,
        {},
        {"name": 5},
        {"name": "A", "taskClass": "another"},
        {"name": "A", "taskData": {1, 2}},
        {"name": "A", "x": nan},
    ],
)
def test_it_refuses_what_can_be_no_schedule(schedule: Any) -> None:
    with pytest.raises(InvalidDeclaration):
        handler("acme.report", schedules=[schedule])(report)
