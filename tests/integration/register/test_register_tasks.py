"""`manage.py register_tasks`."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduler.models import Handler, Task

EXAMPLES = Path(__file__).parents[3] / "examples" / "tasks.yaml"

pytestmark = pytest.mark.usefixtures("handlers")


def _register(*arguments: object) -> str:
    out = StringIO()
    call_command("register_tasks", *map(str, arguments), stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Writes a file of records."""

    def write(text: str, name: str = "tasks.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


TWO = """
- {name: One, taskClass: platform.noop, intervalSeconds: 60}
- {name: Two, taskClass: platform.noop, runAt: 2031-01-01T06:00:00Z, namespace: payments}
"""


def test_the_examples_can_be_registered() -> None:
    assert _register(EXAMPLES) == "5 created, 0 updated, 0 unchanged"


def test_the_examples_can_be_registered_again() -> None:
    _register(EXAMPLES)

    assert _register(EXAMPLES, "--mode", "upsert") == "0 created, 0 updated, 5 unchanged"


def test_it_reads_a_list_in_yaml(file: Any) -> None:
    assert _register(file(TWO)) == "2 created, 0 updated, 0 unchanged"


def test_it_reads_json(file: Any) -> None:
    text = json.dumps({"tasks": [{"name": "One", "taskClass": "platform.noop"}]})

    assert _register(file(text, "tasks.json")) == "1 created, 0 updated, 0 unchanged"


def test_it_updates_by_name_and_namespace(file: Any) -> None:
    _register(file(TWO))

    changed = TWO.replace("intervalSeconds: 60", "intervalSeconds: 90") + "- {name: Two, taskClass: platform.noop}"

    assert _register(file(changed), "--mode", "upsert") == "1 created, 1 updated, 1 unchanged"


def test_it_presets_namespace_and_owner(file: Any) -> None:
    _register(file(TWO), "--namespace", "team-a", "--owner", "Team A")

    assert set(Task.objects.values_list("name", "namespace", "owner")) == {
        ("One", "team-a", "Team A"),
        ("Two", "payments", "Team A"),
    }


def test_a_dry_run_changes_nothing(file: Any) -> None:
    assert _register(file(TWO), "--dry-run") == "Dry run: 2 created, 0 updated, 0 unchanged"
    assert not Task.objects.exists()


def test_a_bad_record_gets_a_line_for_each_fault_and_stops_no_other(file: Any, capsys: Any) -> None:
    path = file(
        "- {name: One, taskClass: platform.noop, priority: 11, colour: red}\n- 5\n" + TWO.strip().splitlines()[1]
    )

    with pytest.raises(CommandError, match="2 failed"):
        _register(path)

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == [
        "tasks[0].colour", "tasks[0].priority", "tasks[1]",
    ]  # fmt: skip
    assert Task.objects.get().name == "Two"


def test_creating_a_name_that_is_taken_fails(file: Any) -> None:
    _register(file(TWO))

    with pytest.raises(CommandError, match="2 failed"):
        _register(file(TWO))


@pytest.mark.parametrize(
    "text", ["", "5", "name: x", "- {", "tasks: 5", "- !!python/object:os.system x", "- &a [*a]", "- !!binary aGk="]
)
def test_a_file_that_cannot_be_read_fails(file: Any, text: str) -> None:
    with pytest.raises(CommandError):
        _register(file(text))


def test_a_missing_file_fails(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        _register(tmp_path / "none.yaml")


def test_who_registered_is_noted(file: Any, handlers: dict[str, Handler]) -> None:
    _register(file(TWO))

    assert set(Task.objects.values_list("created_by", flat=True)) == {"register_tasks"}
