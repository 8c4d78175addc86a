"""`manage.py backup`: whole, checked, private, and no more of them than are wanted."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import CommandError

from platform_scheduler.recovery import archive
from scheduler.models import Task

Run = Callable[..., str]


def test_it_says_what_a_backup_holds(made: Path, run: Run):
    manifest = archive.read_manifest(made)
    said = run("backup", "--verify", str(made))
    assert f"{manifest.rows:,} rows" in said
    counts = {table.table: table.rows for table in manifest.tables}
    assert (counts["scheduler_tasks"], counts["task_execution_history"]) == (5, 3)
    assert manifest.open_executions == {"QUEUED": 1, "RUNNING": 1}


def test_nobody_else_may_read_it(made: Path):
    assert made.stat().st_mode & 0o077 == 0


def test_it_is_compressed(made: Path):
    with gzip.open(made / "scheduler_tasks.copy.gz", "rb") as file:
        assert b"once" in file.read()


def test_it_leaves_out_who_is_logged_in_and_who_runs(made: Path):
    names = {path.name for path in made.iterdir()}
    assert not names & {"django_session.copy.gz", "scheduler_nodes.copy.gz", "scheduler_leases.copy.gz"}


@pytest.mark.parametrize("name", ["task_execution_history.copy.gz", "manifest.json"])
def test_it_notices_a_changed_file(made: Path, run: Run, name: str):
    path = made / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CommandError, match="is not what was written"):
        run("backup", "--verify", str(made))


def test_it_notices_a_missing_file(made: Path, run: Run):
    (made / "scheduler_tasks.copy.gz").unlink()
    with pytest.raises(CommandError, match="is missing"):
        run("backup", "--verify", str(made))


def test_it_notices_a_file_that_was_cut_short(made: Path, run: Run):
    path = made / "scheduler_tasks.copy.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CommandError, match="is not what was written"):
        run("backup", "--verify", str(made))


def test_it_refuses_what_is_no_backup(tmp_path: Path, run: Run):
    with pytest.raises(CommandError, match="is no backup"):
        run("backup", "--verify", str(tmp_path))


def test_it_refuses_a_folder_that_cannot_be_written(tmp_path: Path, worked: dict[str, Task], run: Run):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="No backup was made"):
        run("backup", "--to", str(tmp_path / "file"))


def test_it_keeps_the_newest(made: Path, run: Run):
    older = [made.with_name(f"scheduler-2020010{day}T000000Z") for day in (1, 2)]
    left = made.with_name(".unfinished-scheduler-20200103T000000Z")
    for folder in (*older, left):
        folder.mkdir()
        (folder / "manifest.json").write_text(json.dumps({}))
    assert archive.keep(made.parent, count=2, now=_taken_at(made)) == [older[0], left]
    assert archive.whole(made.parent) == [older[1], made]


def _taken_at(made: Path) -> datetime:
    return datetime.fromisoformat(archive.read_manifest(made).taken_at)


def test_it_does_not_deny_the_backup_where_an_older_one_cannot_be_removed(
    made: Path, run: Run, monkeypatch: pytest.MonkeyPatch
):
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "older")

    monkeypatch.setattr(archive, "keep", denied)
    with pytest.raises(
        CommandError, match=r"^The backup is made; older ones could not be removed: .*Permission denied"
    ):
        run("backup", "--to", str(made.parent / "other"), "--keep", "1")
