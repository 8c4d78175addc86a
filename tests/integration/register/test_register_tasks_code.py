"""`manage.py register_tasks --from-code` and `--catalogue`, and `manage.py export_catalogue`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scheduler.models import Handler, Task
from tests.integration.register.filing import Said, command, noop, register

pytestmark = pytest.mark.usefixtures("handlers")

ROOT = Path(__file__).parents[3]
HOURLY = {"name": "Hourly report", "cronExpression": "0 0 * * * ?"}


def _declare(*schedules: Any) -> None:
    Handler.objects.filter(task_class="reports.monthly").update(schedules=list(schedules))


def _from_code(*more: object) -> Said:
    return register("--from-code", "--mode", "upsert", *more)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """What export_catalogue writes."""
    _declare(HOURLY)
    path = tmp_path / "catalogue.json"
    command("export_catalogue", "--output", path)
    return path


def test_it_registers_what_handlers_declare() -> None:
    _declare(HOURLY, {"name": "Daily report", "cronExpression": "0 0 6 * * ?", "namespace": "reports"})

    assert _from_code().summary == "2 created, 0 updated, 0 unchanged"
    task = Task.objects.get(name="Hourly report")
    # What the handler presets holds for them as for any task of it.
    assert (task.task_class, task.owner, task.labels, task.timeout_seconds) == (
        "reports.monthly", "code", {"registered-by": "code"}, 120
    )  # fmt: skip


def test_it_prunes_what_the_code_no_longer_declares() -> None:
    _declare(HOURLY)
    _from_code()
    register_file = noop("By file")
    _declare({"name": "Other"})

    assert _from_code("--prune").summary == "1 created, 0 updated, 0 unchanged, 1 pruned"
    assert Task.objects.get(name="Hourly report").status == "DELETED"
    assert register_file["name"] not in Task.objects.values_list("name", flat=True)


def test_it_prunes_nothing_of_another_owner(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([noop("By file")]))
    register(path, "--owner", "team-a")
    _declare(HOURLY)

    _from_code("--prune")

    assert Task.objects.get(name="By file").status == "ACTIVE"


def test_it_names_the_place_of_a_bad_declaration() -> None:
    _declare(HOURLY | {"cronExpression": "0 0 25 * * ?"}, 5)

    said = _from_code()

    assert said.failure == "2 failed; the lines above say why."
    assert said.err[0].startswith("reports.monthly: schedules[0].cronExpression: ")
    assert said.err[1] == "reports.monthly: schedules[1]: This must be an object."


def test_an_empty_catalogue_prunes_nothing() -> None:
    _declare(HOURLY)
    _from_code()
    Handler.objects.all().delete()

    said = _from_code("--prune")

    assert said.failure == "No handler is in the catalogue: start a worker first, or name another --catalogue."
    assert Task.objects.get().status == "ACTIVE"


def test_it_asks_for_a_file_or_the_code() -> None:
    assert register().failure == "Name a file, or `-` for standard input, or say --from-code."


def test_the_catalogue_holds_what_tasks_are_checked_against(catalogue: Path) -> None:
    handlers = {one["taskClass"]: one for one in json.loads(catalogue.read_text())["content"]}

    assert handlers["reports.monthly"]["schedules"] == [HOURLY]
    assert handlers["com.platform.tasks.CleanupTask"]["schema"]["required"] == ["retentionDays"]
    assert "nodeId" not in handlers["platform.noop"]


def test_it_registers_from_the_code_of_a_catalogue(catalogue: Path) -> None:
    Handler.objects.all().delete()

    assert _from_code("--catalogue", catalogue).summary == "1 created, 0 updated, 0 unchanged"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "it is not JSON"),
        ("[]", "it must hold handlers under `content`"),
        ('{"content": {}}', "it must hold handlers under `content`"),
        ('{"content": [5]}', "content[0]: it must be an object with a taskClass"),
        ('{"content": [{"taskClass": "a", "schema": []}]}', "content[0].schema: this must be an object"),
        ('{"content": [{"taskClass": "a", "schedules": {}}]}', "content[0].schedules: this must be a list"),
    ],
)
def test_it_refuses_what_is_no_catalogue(tmp_path: Path, text: str, refusal: str) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(text)

    failure = _from_code("--catalogue", path).failure

    assert failure is not None
    assert refusal in failure


def _offline(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run register_tasks as a team's CI would: no server, no key."""
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "manage.py", "register_tasks", *map(str, arguments)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_a_dry_run_against_a_catalogue_needs_no_database(catalogue: Path, tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    good = noop("Good", runAt="2099-01-01T00:00:00Z", calendar="holidays", calendarPolicy="NEXT_OPEN")
    bad = {"name": "Bad", "taskClass": "com.platform.tasks.CleanUpTask", "prority": 1}
    path.write_text(json.dumps([good, bad, good, noop("After", dependencies=[{"name": "Good"}])]))

    run = _offline(path, "--from-code", "--catalogue", catalogue, "--dry-run")

    assert run.stdout.splitlines() == [
        "valid      default/Good",
        "           calendar holidays is not in the catalogue: not checked",
        "           next slots: 2099-01-01T00:00:00Z",
        "valid      default/After",
        "           next slots: none: it has no schedule and waits for its dependencies",
        "valid      default/Hourly report",
        run.stdout.splitlines()[6],
        "Dry run without a database: 3 valid",
    ]
    assert "tasks[1].taskClass: No worker has announced" in run.stderr
    assert "Did you mean 'com.platform.tasks.CleanupTask'?" in run.stderr
    assert "tasks[1].prority: There is no such field. Did you mean 'priority'?" in run.stderr
    assert "tasks[2].name: An earlier record has this name." in run.stderr
    assert run.returncode == 1
