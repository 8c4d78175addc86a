"""`manage.py export_tasks`."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from register.definition import FIELDS
from register.services import delete_task
from scheduler.models import Calendar, Dependency, Handler, Task
from tests.integration.register.filing import command, register

pytestmark = pytest.mark.usefixtures("handlers")

FORMATS = ["yaml", "json", "ndjson", "csv"]

FULL: dict[str, Any] = {
    "namespace": "team-a",
    "description": "=1+1\nsecond line: \"quoted\", 'too'\n\nlast ",
    "taskClass": "com.platform.tasks.CleanupTask",
    "taskData": '{"retentionDays":7, "path": "\\u00e4"}',
    "timeZone": "Europe/Berlin",
    "startAt": "2030-01-01T00:00:00.123456Z",
    "endAt": "2040-01-01T00:00:00Z",
    "jitterSeconds": 3,
    "flexSeconds": 4,
    "maxConcurrency": 4,
    "autoPauseAfterFailures": 5,
    "misfirePolicy": "FIRE_ALL",
    "misfireGraceSeconds": 0,
    "catchUpLimit": 7,
    "overlapPolicy": "SKIP",
    "priority": 10,
    "queue": "bulk",
    "timeoutSeconds": 5,
    "maxRetryCount": 0,
    "retryPolicy": {"backoff": "LINEAR", "delaySeconds": 0.5, "maxDelaySeconds": 60, "jitter": False},
    "retryOn": [],
    "uses": ["billing", "warehouse"],
    "circuitPolicy": "SKIP",
    "sla": {"maxLatenessSeconds": 60, "maxDurationSeconds": None, "deadlineAt": "06:00"},
    "labels": {"no": "yes", "=a": "1e3", "ä": "😀"},
    "owner": "@ada",
    "notifyOn": [{"outcomes": ["RECOVERY"], "channel": {"kind": "EMAIL", "to": ["ada@example.com"]}}],
    "listensTo": [{"event": "=file: ä", "match": {"a": [1, "x"]}}],
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "@hourly, as in Unix": {"cronExpression": "@hourly"},
    "-Quartz": {"cronExpression": "*/10 * * ? * FRI#2"},
    "Interval": {"intervalSeconds": 90},
    "Delay": {"intervalSeconds": 90, "intervalMode": "FIXED_DELAY"},
    "Under a calendar": {"cronExpression": "@daily", "calendar": "Wörk: days", "calendarPolicy": "NEXT_OPEN"},
    "Once": {"runAt": "2031-01-01T06:00:00Z"},
    "123": {"dependencies": [{"name": "Once"}, {"name": "Interval", "condition": "DONE"}], "dependencyMode": "ANY"},
}


@pytest.fixture
def tasks(new_task: Callable[..., Task]) -> list[Task]:
    """Every field with a value of its own, and each kind of schedule."""
    Calendar.objects.create(name="Wörk: days", rules={"weekdays": ["SAT", "SUN"]})
    return [new_task("Plain"), *(new_task(name, **FULL | schedule) for name, schedule in SCHEDULES.items())]


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., str]:
    """Exports into a file and returns its text."""

    def export(*arguments: str, format_name: str = "yaml") -> str:
        path = tmp_path / f"tasks.{format_name}"
        assert command("export_tasks", "--output", path, *arguments).failure is None
        return path.read_text(encoding="utf-8")

    return export


def test_the_cast_has_every_field() -> None:
    schedules = {field for schedule in SCHEDULES.values() for field in schedule}
    assert set(FIELDS) == {"name", *FULL, *schedules}


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_it_writes_is_read_back_as_unchanged(tasks: list[Task], tmp_path: Path, format_name: str) -> None:
    path = tmp_path / f"tasks.{format_name}"
    command("export_tasks", "--output", path)

    assert register(path, "--mode", "upsert").summary == "0 created, 0 updated, 8 unchanged"


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_it_writes_makes_the_same_tasks_anew(
    tasks: list[Task], exported: Callable[..., str], tmp_path: Path, format_name: str
) -> None:
    before = exported(format_name=format_name)
    Dependency.objects.all().delete()
    Task.objects.all().delete()

    register(tmp_path / f"tasks.{format_name}")

    assert exported(format_name=format_name) == before


@pytest.mark.parametrize("format_name", FORMATS)
def test_it_writes_the_same_to_standard_output(
    tasks: list[Task], exported: Callable[..., str], format_name: str
) -> None:
    assert "\n".join(command("export_tasks", "--format", format_name).out) == exported(format_name=format_name).rstrip()


def test_it_names_only_what_differs_from_the_defaults(cleanup: Task, exported: Callable[..., str]) -> None:
    assert (
        exported()
        == """tasks:
- name: Daily Data Cleanup
  description: Removes temporary data older than 7 days
  taskClass: com.platform.tasks.CleanupTask
  taskData:
    retentionDays: 7
    batchSize: 1000
  cronExpression: 0 0 0 * * ?
  priority: 3
  timeoutSeconds: 1800
"""
    )


def test_it_names_a_default_where_the_handler_presets_something_else(
    new_task: Callable[..., Task], exported: Callable[..., str]
) -> None:
    new_task(taskClass="reports.monthly", timeoutSeconds=3600)

    assert "timeoutSeconds: 3600" in exported()


def test_it_orders_by_namespace_and_name(new_task: Callable[..., Task], exported: Callable[..., str]) -> None:
    new_task("b")
    new_task("a", namespace="x")
    new_task("a")
    new_task("B")

    names = [line for line in exported().splitlines() if line.startswith(("- name", "  namespace"))]
    assert names == ["- name: B", "- name: a", "- name: b", "- name: a", "  namespace: x"]


def test_it_leaves_out_deleted_tasks(cleanup: Task, exported: Callable[..., str], now: Any) -> None:
    delete_task(cleanup.id, namespace=None, now=now)

    assert exported() == "tasks: []\n"


def test_it_writes_one_namespace(cleanup: Task, payroll: Task, exported: Callable[..., str]) -> None:
    text = exported("--namespace", "payments")

    assert ("Payroll" in text, "Cleanup" in text) == (True, False)


def test_it_writes_no_cell_that_a_spreadsheet_would_run(tasks: list[Task], exported: Callable[..., str]) -> None:
    text = exported(format_name="csv")

    assert ("'@hourly" in text, "'-Quartz" in text, "'=1+1" in text, "'@ada" in text) == (True, True, True, True)


def test_it_asks_the_database_as_often_for_many_tasks(
    tasks: list[Task], exported: Callable[..., str], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(4):  # the presets, the tasks, what they depend on and its names
        exported()


def test_it_replaces_a_file_and_keeps_its_mode(cleanup: Task, tmp_path: Path) -> None:
    path = tmp_path / "tasks.yaml"
    path.write_text("old")
    path.chmod(0o640)

    said = command("export_tasks", "--output", path)

    assert (said.err, stat.S_IMODE(path.stat().st_mode)) == ([f"Tasks written to {path}: 1"], 0o640)


def test_it_leaves_the_old_file_where_it_fails(cleanup: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tasks.yaml"
    path.write_text("old")
    monkeypatch.setattr("register.export.record", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        command("export_tasks", "--output", path)

    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("tasks.yaml", "old")]


def test_it_says_where_it_cannot_write(tmp_path: Path) -> None:
    assert "it cannot be written: " in str(command("export_tasks", "--output", tmp_path / "none" / "t.yaml").failure)


def test_a_handler_that_is_gone_hinders_nothing(cleanup: Task, exported: Callable[..., str]) -> None:
    Handler.objects.all().delete()

    assert "Daily Data Cleanup" in exported()
