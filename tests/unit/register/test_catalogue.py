"""register.catalogue: task data against the schema of a handler, whatever either holds."""

import json
from typing import Any

import pytest

from register.catalogue import task_data_faults
from scheduler.models import Handler


@pytest.mark.parametrize(
    ("schema", "data", "fields"),
    [
        ({"properties": {"x": {"multipleOf": 0.5}}}, {"x": 1.5}, []),
        ({"properties": {"x": {"multipleOf": 0.5}}}, {"x": 1.2}, ["taskData.x"]),
        ({"properties": {"x": {"multipleOf": 0.5}}}, {"x": 10**400}, ["taskData"]),
        ({"$ref": "#"}, {"x": 1}, []),
        ({"$ref": "https://elsewhere.example/schema"}, {"x": 1}, []),
    ],
)
def test_it_says_where_task_data_do_not_meet_it(schema: Any, data: Any, fields: list[str]) -> None:
    handler = Handler(task_class="mycompany.report", schema=schema)

    assert [fault.field for fault in task_data_faults(handler, json.dumps(data))] == fields
