"""register.drafting: what a new task is like before anybody has stored it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from register import drafting
from register.drafting import Draft
from register.given import Given
from register.stored import Stored
from scheduler.models import Task

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
VALUES = {"name": "Report", "task_class": "acme.report", "interval_seconds": 60, "labels": {"team": "finance"}}


def _draft(values: dict[str, Any]) -> Draft:
    given = Given(values, allow_unknown_task_class=True)
    return drafting.of_new(given, actor="somebody", namespace=None, among=Stored([]), now=NOW)


def test_it_makes_what_the_model_would_make() -> None:
    task = _draft(VALUES).task
    columns = {field.attname: getattr(task, field.attname) for field in Task._meta.concrete_fields}

    by_the_model = Task(**columns)

    assert vars(by_the_model).keys() <= vars(task).keys()
    assert {name: vars(by_the_model)[name] for name in columns} == columns
    assert task._state.adding
    assert task._state.db is None
    assert task.calendar is None


def test_it_shares_nothing_between_two_tasks() -> None:
    one, other = _draft(VALUES).task, _draft(VALUES).task

    assert one.id != other.id
    assert one.retry_on is not other.retry_on
    assert one.uses is not other.uses
    assert one.listens_to is not other.listens_to


def test_it_refuses_a_column_that_there_is_not() -> None:
    with pytest.raises(TypeError, match="'colour'"):
        _draft(VALUES | {"colour": "red"})
