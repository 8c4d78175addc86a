"""`manage.py register_tasks --dry-run`, and `--prune`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from register import ordering
from register.api.reading import read_clone
from register.services import clone_task
from scheduler import clock
from scheduler.models import Task
from tests.integration.register.filing import Said, noop, register

pytestmark = pytest.mark.usefixtures("handlers")

Files = Callable[..., Said]

HOURLY = noop("Hourly", cronExpression="0 0 * * * ?", labels={"a": "1"})
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon."""
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def file(tmp_path: Path) -> Files:
    """Registers records from one file, upsert, with further arguments."""

    def run(*records: Any, more: str = "") -> Said:
        path = tmp_path / "tasks.json"
        path.write_text(json.dumps(records))
        return register(path, "--mode", "upsert", *more.split())

    return run


@pytest.mark.usefixtures("at_noon")
def test_it_plans_a_creation_with_its_next_slots(file: Files) -> None:
    assert file(HOURLY, more="--dry-run").out == [
        "create     default/Hourly",
        "           next slots: 2030-01-01T13:00:00Z, 2030-01-01T14:00:00Z, 2030-01-01T15:00:00Z",
        "Dry run: 1 created, 0 updated, 0 unchanged",
    ]


@pytest.mark.usefixtures("at_noon")
def test_it_plans_a_change_field_by_field(file: Files) -> None:
    file(HOURLY)

    changed = HOURLY | {"cronExpression": "0 30 * * * ?", "priority": 9, "labels": {"b": "2"}, "owner": "Ada"}
    assert file(changed, more="--dry-run").out == [
        "change     default/Hourly",
        '           cronExpression: "0 0 * * * ?" → "0 30 * * * ?"',
        "           priority: 5 → 9",
        '           labels.a: "1" → none',
        '           labels.b: none → "2"',
        '           owner: none → "Ada"',
        "           next slots before: 2030-01-01T13:00:00Z, 2030-01-01T14:00:00Z, 2030-01-01T15:00:00Z",
        "           next slots after:  2030-01-01T12:30:00Z, 2030-01-01T13:30:00Z, 2030-01-01T14:30:00Z",
        "           next 30 days: 720 slots added, 719 removed",
        "Dry run: 0 created, 1 updated, 0 unchanged",
    ]


def test_it_plans_no_slots_where_the_schedule_stays(file: Files) -> None:
    file(HOURLY)

    assert file(HOURLY | {"priority": 9}, more="--dry-run").out[1:-1] == ["           priority: 5 → 9"]


def test_it_plans_nothing_where_nothing_changes(file: Files) -> None:
    file(HOURLY)

    assert file(HOURLY, more="--dry-run").out == ["Dry run: 0 created, 0 updated, 1 unchanged"]


def test_it_names_what_is_unchanged_where_that_is_asked_for(file: Files) -> None:
    file(HOURLY)

    assert file(HOURLY, more="--dry-run -v 2").out == [
        "unchanged  default/Hourly",
        "Dry run: 0 created, 0 updated, 1 unchanged",
    ]


def test_it_says_what_never_fires(file: Files) -> None:
    waiting = "           next slots: none: it has no schedule and waits for "
    assert file(noop("By hand"), more="--dry-run").out[1] == f"{waiting}requests"
    told = noop("Told") | {"listensTo": [{"event": "file.arrived"}]}
    assert file(told, more="--dry-run").out[1] == f"{waiting}its events"


def test_it_cuts_long_values(file: Files) -> None:
    file(HOURLY)

    planned = file(HOURLY | {"description": "x\n" * 5000}, more="--dry-run").out[1]
    assert planned.endswith("… (15002 characters)")


@pytest.mark.parametrize("more", ["--dry-run", "--dry-run --atomic", "--dry-run --owner A --prune"])
def test_a_dry_run_writes_nothing(file: Files, more: str) -> None:
    file(HOURLY, noop("Old"), more="--owner A")
    before = list(Task.objects.order_by("name").values())

    file(HOURLY | {"priority": 9}, noop("New"), more=more)

    assert list(Task.objects.order_by("name").values()) == before


def test_a_dry_run_names_bad_records(file: Files) -> None:
    said = file(HOURLY, 5, more="--dry-run")

    assert (len(said.err), said.failure) == (1, "1 failed; the lines above say why.")


def test_it_prunes_what_the_files_no_longer_name(file: Files) -> None:
    file(HOURLY, noop("Old"), more="--owner A")

    assert file(HOURLY, more="--owner A --prune").summary == "0 created, 0 updated, 1 unchanged, 1 pruned"
    assert Task.objects.get(name="Old").status == "DELETED"


def test_it_plans_what_it_would_prune(file: Files) -> None:
    file(HOURLY, noop("Old"), more="--owner A")

    assert file(HOURLY, more="--owner A --prune --dry-run").out == [
        "prune      default/Old",
        "Dry run: 0 created, 0 updated, 1 unchanged, 1 pruned",
    ]


def test_it_prunes_no_other_owners_tasks(file: Files) -> None:
    file(noop("Theirs"), more="--owner B")
    file(noop("Nobody's"))

    assert file(more="--owner A --prune").summary == "0 created, 0 updated, 0 unchanged, 0 pruned"


def test_it_prunes_nothing_that_somebody_has_cloned(file: Files) -> None:
    file(HOURLY, more="--owner A")
    clone_task(Task.objects.get().id, read_clone({"name": "Mine"}), actor="edda", namespace=None, now=clock.now())

    file(HOURLY, more="--owner A --prune")

    assert Task.objects.get(name="Mine").status == "ACTIVE"


def test_it_prunes_nothing_that_was_there_before_the_files(file: Files, new_task: Callable[..., Task]) -> None:
    new_task("Mine")
    file(noop("Mine"), more="--owner A")

    file(more="--owner A --prune")

    assert Task.objects.get().status == "ACTIVE"


def test_a_task_that_another_owners_files_have_taken_over_is_theirs(file: Files) -> None:
    file(HOURLY, more="--owner A")
    file(HOURLY, more="--owner B")

    file(more="--owner A --prune")

    assert Task.objects.get().status == "ACTIVE"


@pytest.mark.parametrize("more", [[], [noop("After", dependencies=[{"name": "Hourly"}])]])
def test_what_another_owner_takes_over_meanwhile_is_theirs(
    file: Files, monkeypatch: pytest.MonkeyPatch, more: list[Any]
) -> None:
    file(HOURLY, *more, more="--owner A")
    joined = ordering.joined

    def take_over(task_ids: Any) -> Any:
        Task.objects.update(labels={"registered-by": "B"})
        return joined(task_ids)

    monkeypatch.setattr(ordering, "joined", take_over)

    assert file(more="--owner A --prune").summary == "0 created, 0 updated, 0 unchanged, 0 pruned"
    assert set(Task.objects.values_list("status", flat=True)) == {"ACTIVE"}


def test_it_prunes_one_namespace_where_one_is_given(file: Files) -> None:
    file(HOURLY, more="--owner A --namespace one")
    file(HOURLY, more="--owner A --namespace two")

    file(more="--owner A --namespace two --prune")

    assert set(Task.objects.values_list("namespace", "status")) == {("one", "ACTIVE"), ("two", "DELETED")}


@pytest.mark.parametrize("bad", [5, {"name": "No class"}])
def test_it_prunes_nothing_beside_a_bad_record(file: Files, bad: Any) -> None:
    file(HOURLY, more="--owner A")

    said = file(bad, more="--owner A --prune")

    assert said.failure == "1 failed; nothing was pruned; the lines above say why."
    assert Task.objects.get().status == "ACTIVE"


def test_it_prunes_nothing_beside_a_bad_file(file: Files, tmp_path: Path) -> None:
    file(HOURLY, more="--owner A")
    (tmp_path / "bad.json").touch()

    file(more=f"{tmp_path / 'bad.json'} --owner A --prune")

    assert Task.objects.get().status == "ACTIVE"


def test_it_asks_whose_tasks_to_prune(file: Files) -> None:
    assert file(HOURLY, more="--prune").failure == (
        "--prune deletes what an owner's files registered: say whose with --owner."
    )
    assert not Task.objects.exists()
