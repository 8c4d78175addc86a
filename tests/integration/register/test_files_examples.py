"""examples/tasks.yaml, as `make up` registers it."""

from datetime import datetime
from pathlib import Path

import pytest

from platform_scheduler.embedded.services import EXAMPLES_FILE, write_examples
from scheduler.models import Handler, Task
from tests.integration.register.filing import command, register
from workers import registry

COUNT = 13


@pytest.fixture(autouse=True)
def built_in_handlers(now: datetime) -> None:
    """The catalogue that a worker of `make up` announces."""
    registry.load(["workers.handlers"])
    Handler.objects.bulk_create(
        Handler(task_class=each.task_class, schema=each.schema, defaults=each.defaults, node_id="w", seen_at=now)
        for each in registry.all_handlers()
    )


def test_they_can_be_registered() -> None:
    assert register(EXAMPLES_FILE).summary == f"{COUNT} created, 0 updated, 0 unchanged"


def test_they_can_be_registered_again() -> None:
    register(EXAMPLES_FILE)

    assert register(EXAMPLES_FILE, "--mode", "upsert").summary == f"0 created, 0 updated, {COUNT} unchanged"


def test_they_can_be_exported_and_read_back(tmp_path: Path) -> None:
    register(EXAMPLES_FILE, "--owner", "examples")
    command("export_tasks", "--output", tmp_path / "t.yaml")

    assert register(tmp_path / "t.yaml", "--mode", "upsert").summary == f"0 created, 0 updated, {COUNT} unchanged"


def test_they_ask_the_platform_where_it_listens(tmp_path: Path) -> None:
    write_examples(tmp_path / "t.yaml", url="http://127.0.0.1:8123")
    register(tmp_path / "t.yaml")

    assert "http://127.0.0.1:8123/health/ready" in str(Task.objects.get(name="Platform answers").task_data)


def test_each_says_what_it_shows() -> None:
    register(EXAMPLES_FILE)

    assert all(task.description and "example" in task.labels for task in Task.objects.all())
