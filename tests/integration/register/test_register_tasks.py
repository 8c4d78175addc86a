"""`manage.py register_tasks`: what is stored, and what is refused."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from register import storing
from scheduler.models import Handler, Task
from tests.integration.register.filing import noop, register

pytestmark = pytest.mark.usefixtures("handlers")

File = Callable[..., Path]

TWO = """
- {name: One, taskClass: platform.noop, intervalSeconds: 60}
- {name: Two, taskClass: platform.noop, runAt: 2031-01-01T06:00:00Z, namespace: payments}
"""
CSV = 'name,taskClass,intervalSeconds,labels\nOne,platform.noop,60,"{""a"": ""1""}"\n'


@pytest.fixture
def file(tmp_path: Path) -> File:
    """Writes a file of records."""

    def write(text: str, name: str = "tasks.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TWO, "tasks.yaml"),
        (f"tasks: {json.dumps([noop('One'), noop('Two')])}", "tasks.yml"),
        (json.dumps([noop("One"), noop("Two")]), "tasks.json"),
        (f"{json.dumps(noop('One'))}\n{json.dumps(noop('Two'))}\n", "tasks.ndjson"),
        ("name,taskClass\nOne,platform.noop\nTwo,platform.noop\n", "TASKS.CSV"),
    ],
)
def test_it_reads_each_format(file: File, text: str, name: str) -> None:
    assert register(file(text, name)).summary == "2 created, 0 updated, 0 unchanged"


def test_it_converts_cells_to_the_types_of_their_fields(file: File) -> None:
    register(file(CSV, "tasks.csv"))

    task = Task.objects.get()
    assert (task.interval_seconds, task.labels, task.owner) == (60, {"a": "1"}, None)


def test_it_says_in_a_line_that_the_database_has_stopped_it(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_tasks: Any) -> None:
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    monkeypatch.setattr(storing, "insert", fail)

    assert register(file(TWO)).failure == "Stopped: deadlock detected. Run it again."


def test_it_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps([noop("One")]).encode())))

    assert register("-", "--format", "json").summary == "1 created, 0 updated, 0 unchanged"


def test_it_reads_a_pipe() -> None:
    reader, writer = os.pipe()
    os.write(writer, json.dumps(noop("One")).encode())
    os.close(writer)

    said = register(f"/dev/fd/{reader}", "--format", "ndjson")
    os.close(reader)

    assert said.summary == "1 created, 0 updated, 0 unchanged"


@pytest.mark.parametrize("name", ["-", "tasks.txt", "tasks"])
def test_it_asks_for_a_format_where_the_name_tells_none(name: str) -> None:
    assert "say which format it has: --format yaml|json|ndjson|csv." in register(name).err[0]


def test_it_updates_by_name_and_namespace(file: File) -> None:
    register(file(TWO))
    changed = TWO.replace("intervalSeconds: 60", "intervalSeconds: 90") + "- {name: Two, taskClass: platform.noop}"

    assert register(file(changed), "--mode", "upsert").summary == "1 created, 1 updated, 1 unchanged"


def test_what_a_record_leaves_out_stays(file: File) -> None:
    register(file("- {name: One, taskClass: platform.noop, priority: 9}"))
    register(file("- {name: One, taskClass: platform.noop, owner: Ada}"), "--mode", "upsert")

    assert Task.objects.values_list("priority", "owner").get() == (9, "Ada")


def test_creating_a_name_that_is_taken_fails(file: File) -> None:
    register(file(TWO))

    said = register(file(TWO))

    assert said.failure == "2 failed; the lines above say why."
    assert said.err[0].endswith("tasks[0].name: Another task of this namespace has this name already.")


def test_the_conflict_changes_nothing(file: File) -> None:
    register(file(TWO))
    register(file(TWO.replace("60", "90")))

    assert Task.objects.get(name="One").interval_seconds == 60


@pytest.mark.parametrize("mode", ["create", "upsert"])
def test_a_name_stands_once_in_the_files(file: File, mode: str) -> None:
    said = register(file(TWO), file("- {name: ' One', taskClass: platform.noop}", "more.yaml"), "--mode", mode)

    assert said.err[0].endswith("more.yaml: tasks[0].name: An earlier record has this name.")
    assert said.summary == "2 created, 0 updated, 0 unchanged"


def test_it_presets_namespace_and_owner(file: File) -> None:
    register(file(TWO), "--namespace", "team-a", "--owner", "Team A")

    assert set(Task.objects.values_list("name", "namespace", "owner")) == {
        ("One", "team-a", "Team A"),
        ("Two", "payments", "Team A"),
    }


def test_it_labels_what_it_registers_for_an_owner(file: File) -> None:
    register(file("- {name: One, taskClass: platform.noop, labels: {a: b}}"), "--owner", "Team A")

    assert Task.objects.get().labels == {"a": "b", "registered-by": "Team A"}


def test_the_owners_label_comes_to_those_that_are_there(file: File) -> None:
    register(file("- {name: One, taskClass: platform.noop, labels: {a: b}, owner: Ada}"))
    register(file("- {name: One, taskClass: platform.noop}"), "--owner", "Team A", "--mode", "upsert")

    assert Task.objects.values_list("labels", "owner").get() == ({"a": "b", "registered-by": "Team A"}, "Ada")


def test_it_notes_who_registered(file: File) -> None:
    register(file(TWO))

    assert set(Task.objects.values_list("created_by", flat=True)) == {"register_tasks"}


def test_it_says_all_that_is_wrong_and_stores_the_rest(file: File) -> None:
    path = file(
        "- {name: One, taskClass: platform.noop, priority: 11, colour: red, cronExpression: x}\n- 5\n- {a: 1, a: 2}\n"
        + TWO.strip().splitlines()[1]
    )

    said = register(path)

    assert [line.removeprefix(f"{path}: ").partition(":")[0] for line in said.err] == [
        "tasks[0].colour", "tasks[0].cronExpression", "tasks[0].priority", "tasks[1]", "tasks[2]",
    ]  # fmt: skip
    assert (said.failure, Task.objects.get().name) == ("3 failed; the lines above say why.", "Two")


def test_it_names_a_cell_that_holds_no_json_beside_the_other_faults(file: File) -> None:
    said = register(file("name,taskClass,labels,priority\nOne,platform.noop,{,x\n", "tasks.csv"))

    assert [line.partition(": ")[2].partition(":")[0] for line in said.err] == ["tasks[0].labels", "tasks[0].priority"]
    assert not Task.objects.exists()


def test_a_line_holds_nothing_that_moves_the_cursor(file: File) -> None:
    said = register(file('- {name: One, taskClass: platform.noop, "a\\n\\e[2J": 1}'))

    assert r"tasks[0].a\n\x1b[2J: There is no such field." in said.err[0]


BAD_FILES = [
    "", "# nothing", "5", "name: x", "- {", "tasks: 5", "tasks: []\nmore: 1", "a: &a [*a]\ntasks: []", "- a\n---\n- b",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_bad_file_gets_one_line_and_stores_nothing(file: File, text: str) -> None:
    said = register(file(text))

    assert (len(said.err), said.failure) == (1, "0 failed, 1 file could not be read; the lines above say why.")
    assert said.err[0].startswith(str(file(text)))


def test_a_file_that_ends_badly_stores_nothing_of_its_beginning(file: File) -> None:
    register(file(TWO + "- {"))

    assert not Task.objects.exists()


def test_a_bad_file_stops_no_other(file: File) -> None:
    said = register(file("", "bad.yaml"), file(TWO))

    assert (said.summary, len(said.err)) == ("2 created, 0 updated, 0 unchanged", 1)


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_a_file_that_cannot_be_opened_gets_one_line(tmp_path: Path, name: str) -> None:
    assert "it cannot be read: " in register(tmp_path / name, "--format", "yaml").err[0]


def test_it_stores_all_or_nothing(file: File) -> None:
    said = register(file(TWO + "- {name: Three}"), "--atomic")

    assert (said.out, said.failure) == ([], "1 failed; nothing was written; the lines above say why.")
    assert not Task.objects.exists()


def test_it_names_the_faults_of_all_records_even_so(file: File) -> None:
    assert len(register(file("- {name: Three}\n- {name: Four}"), "--atomic").err) == 2


def test_one_bad_file_holds_back_the_others(file: File) -> None:
    said = register(file(TWO), file("", "bad.yaml"), "--atomic")

    assert "1 file could not be read; nothing was written" in str(said.failure)
    assert not Task.objects.exists()


def test_all_are_stored_where_all_are_good(file: File) -> None:
    assert register(file(TWO), "--atomic").summary == "2 created, 0 updated, 0 unchanged"
    assert Task.objects.count() == 2


def test_a_change_is_taken_back_with_the_rest(file: File) -> None:
    register(file(TWO))
    register(file(TWO.replace("60", "90") + "- 5"), "--mode", "upsert", "--atomic")

    assert Task.objects.get(name="One").interval_seconds == 60


def test_it_registers_ahead_of_a_deployment_where_the_record_says_so(file: File, handlers: dict[str, Handler]) -> None:
    record: dict[str, Any] = {"name": "One", "taskClass": "not.yet", "allowUnknownTaskClass": True}

    assert register(file(json.dumps([record]), "tasks.json")).summary == "1 created, 0 updated, 0 unchanged"


def test_it_shows_a_bar_on_a_terminal(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)

    register(file(TWO + "- 5"))

    assert "Registering" in terminal.getvalue()
    assert "tasks[2]: This must be a JSON object." in terminal.getvalue()


def test_it_shows_no_bar_in_a_pipe(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    register(file(TWO))

    assert capsys.readouterr() == ("", "")
