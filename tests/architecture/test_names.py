"""Up-calls go by name; every name must lead somewhere."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from docs import generate
from scheduler import housekeeping
from scheduler.engine.states import ARROWS, FINAL, OPEN, Status

TASKS: tuple[Any, ...] = housekeeping.TASKS
REST: Any = settings.REST_FRAMEWORK
DOTTED: list[str] = [
    *REST["DEFAULT_AUTHENTICATION_CLASSES"],
    *REST["DEFAULT_PERMISSION_CLASSES"],
    *REST["DEFAULT_PARSER_CLASSES"],
    REST["EXCEPTION_HANDLER"],
    settings.WSGI_APPLICATION,
]


def _celery_tasks() -> set[Any]:
    from workers import deliveries, tasks

    return {tasks.execute.name, tasks.execute_long.name, deliveries.deliver.name, *(task.name for task in TASKS)}


@pytest.mark.parametrize("name", [settings.EXECUTE_TASK_NAME, settings.EXECUTE_LONG_TASK_NAME])
def test_it_publishes_to_tasks_that_workers_have(name):
    assert name in _celery_tasks()


@pytest.mark.parametrize("chore", housekeeping.CHORES, ids=lambda chore: chore.name)
def test_it_registers_chores_that_workers_have(chore):
    assert chore.task in _celery_tasks()


@pytest.mark.parametrize("path", DOTTED)
def test_it_resolves_dotted_settings(path):
    assert import_string(path)


def test_it_documents_the_state_machine_as_it_is():
    assert generate.STATE_MACHINE.read_text() == generate.state_machine()


@pytest.mark.parametrize("path", sorted(generate.references()), ids=lambda path: path.stem)
def test_it_documents_what_the_code_has(path: Path):
    assert path.read_text() == generate.references()[path](), "run `make docs`"


def _named_in_the_architecture() -> list[tuple[str, str]]:
    text = (generate.STATE_MACHINE.parent / "architecture.md").read_text()
    return re.findall(r"`([a-z_/]+\.py):(\w+)`", text)


@pytest.mark.parametrize(("path", "name"), _named_in_the_architecture())
def test_it_describes_ways_that_are_there(path: str, name: str):
    module = ast.parse((generate.STATE_MACHINE.parents[1] / path).read_text())
    assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_it_reaches_every_state_and_leaves_no_final_one():
    assert {arrow.target for arrow in ARROWS} == set(Status)
    assert {arrow.source for arrow in ARROWS} & FINAL == set()
    assert {arrow.source for arrow in ARROWS} - {None} == OPEN
