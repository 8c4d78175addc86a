"""`manage.py register_tasks` twice at once."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from register import bulk
from scheduler.models import Task
from tests.concurrency.together import together
from tests.integration.register.filing import Said, noop, register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("handlers")]

RECORDS = 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Some tasks."""
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([noop(f"Task {number}", intervalSeconds=60) for number in range(RECORDS)]))
    return path


def _on_its_own_connection(call: Callable[[], Any]) -> Any:
    try:
        return call()
    finally:
        connection.close()


def _twice(*arguments: object) -> list[Said]:
    run = partial(_on_its_own_connection, partial(register, *arguments))
    return together(run, run)


@pytest.mark.parametrize("more", [[], ["--atomic"]])
def test_two_runs_of_a_file_leave_each_task_once(file: Path, more: list[str]) -> None:
    said = _twice(file, "--mode", "upsert", *more)

    assert [each.failure for each in said] == [None, None]
    assert sorted(Task.objects.values_list("name", flat=True)) == sorted(f"Task {number}" for number in range(RECORDS))


@pytest.mark.parametrize("is_there", [False, True])
def test_two_runs_in_opposite_orders_do_not_wait_for_each_other(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    if is_there:
        register(file)
    monkeypatch.setattr(bulk, "BATCH", 1)
    records = [record | {"priority": 9} for record in json.loads(file.read_text())]
    backwards = tmp_path / "backwards.json"
    backwards.write_text(json.dumps([record | {"priority": 8} for record in reversed(records)]))
    file.write_text(json.dumps(records))

    said = together(
        *[
            partial(_on_its_own_connection, partial(register, one, "--mode", "upsert", "--atomic"))
            for one in (file, backwards)
        ]
    )

    assert [each.failure for each in said] == [None, None]
    assert len(set(Task.objects.values_list("priority", flat=True))) == 1


def test_of_two_runs_that_create_each_task_is_ones(file: Path) -> None:
    said = _twice(file, "--mode", "create")

    assert sum(len(each.err) for each in said) == RECORDS
    assert Task.objects.count() == RECORDS


def test_two_runs_that_prune_delete_once(file: Path) -> None:
    register(file, "--owner", "A")
    file.write_text("[]")

    said = _twice(file, "--owner", "A", "--prune")

    assert [each.failure for each in said] == [None, None]
    assert set(Task.objects.values_list("status", flat=True)) == {"DELETED"}
