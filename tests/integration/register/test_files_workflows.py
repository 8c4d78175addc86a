"""`manage.py register_tasks` and `export_tasks` of tasks that depend on each other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scheduler.models import Dependency, Task
from tests.integration.register.filing import Said, command, noop, register

pytestmark = pytest.mark.usefixtures("handlers")

Files = Callable[..., Said]

# Each before what it depends on.
REPORT = noop("a report", dependencies=[{"name": "b clean"}])
CLEAN = noop("b clean", dependencies=[{"name": "c extract", "condition": "DONE"}])
EXTRACT = noop("c extract", cronExpression="0 0 * * * ?")


@pytest.fixture
def file(tmp_path: Path) -> Files:
    """Registers records from one file, upsert, with further arguments."""

    def run(*records: Any, more: str = "") -> Said:
        path = tmp_path / "tasks.json"
        path.write_text(json.dumps(records))
        return register(path, "--mode", "upsert", *more.split())

    return run


def _arrows() -> set[tuple[str, str, str]]:
    return set(Dependency.objects.values_list("task__name", "upstream__name", "condition"))


ARROWS = {("a report", "b clean", "SUCCESS"), ("b clean", "c extract", "DONE")}


def test_the_order_of_the_records_does_not_matter(file: Files) -> None:
    said = file(REPORT, CLEAN, EXTRACT)
    assert (said.failure, said.summary) == (None, "3 created, 0 updated, 0 unchanged")
    assert _arrows() == ARROWS


def test_a_second_run_changes_nothing(file: Files) -> None:
    file(REPORT, CLEAN, EXTRACT)
    assert file(REPORT, CLEAN, EXTRACT).summary == "0 created, 0 updated, 3 unchanged"


def test_a_dry_run_plans_them(file: Files) -> None:
    said = file(REPORT, CLEAN, EXTRACT, more="--dry-run")
    assert (said.err, said.summary) == ([], "Dry run: 3 created, 0 updated, 0 unchanged")
    assert said.out[-2].endswith("next slots: none: it has no schedule and waits for its dependencies")
    assert not Task.objects.exists()


def test_a_dry_run_plans_a_change(file: Files) -> None:
    file(REPORT, CLEAN, EXTRACT)
    changed = REPORT | {"dependencies": [{"name": "b clean", "condition": "DONE"}]}
    assert any("dependencies" in line for line in file(changed, CLEAN, EXTRACT, more="--dry-run").out)


def test_a_dry_run_refuses_what_nobody_registers(file: Files) -> None:
    said = file(REPORT, more="--dry-run")
    assert "tasks[0].dependencies[0].name: There is no task 'b clean'" in said.err[0]


def test_a_cycle_is_told(file: Files) -> None:
    file(REPORT, CLEAN, EXTRACT)
    said = file(EXTRACT | {"dependencies": [{"name": "a report"}]})
    assert "c extract → a report → b clean → c extract" in said.err[0]


def test_a_cycle_of_new_tasks_is_refused(file: Files) -> None:
    said = file(noop("x", dependencies=[{"name": "y"}]), noop("y", dependencies=[{"name": "x"}]))
    assert (len(said.err), Task.objects.count()) == (2, 0)


def test_pruning_takes_dependents_first(file: Files) -> None:
    file(EXTRACT, CLEAN, REPORT, more="--owner team")
    said = file(noop("another"), more="--owner team --prune")
    assert (said.failure, said.summary) == (None, "1 created, 0 updated, 0 unchanged, 3 pruned")


def test_pruning_leaves_what_others_depend_on(file: Files) -> None:
    file(EXTRACT, more="--owner team")
    file(CLEAN)
    said = file(noop("another"), more="--owner team --prune")
    assert said.err == ["default/c extract: it is not pruned, for other tasks depend on it."]


@pytest.mark.parametrize("form", ["yaml", "json", "ndjson", "csv"])
def test_an_export_is_read_back_as_it_was(file: Files, tmp_path: Path, form: str) -> None:
    file(REPORT, CLEAN, EXTRACT)
    path = tmp_path / f"export.{form}"
    command("export_tasks", "--output", path, "--format", form)
    assert register(path, "--mode", "upsert").summary == "0 created, 0 updated, 3 unchanged"


def test_an_export_builds_the_same_elsewhere(file: Files, tmp_path: Path) -> None:
    file(REPORT, CLEAN, EXTRACT)
    path = tmp_path / "export.yaml"
    command("export_tasks", "--output", path)
    Dependency.objects.all().delete()
    Task.objects.all().delete()
    assert register(path).failure is None
    assert _arrows() == ARROWS
