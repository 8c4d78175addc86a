"""`manage.py restore`: row by row what it was, into an empty system, and no surprise with the slots since."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError
from django.db import DatabaseError, connection

from platform_scheduler.recovery import load, session
from scheduler import clock, firing, partitions, sweep
from scheduler.connections import connect, current
from scheduler.models import Execution, Node, Task
from tests.hot_paths import MINUTE
from tests.integration.recovery.conftest import contents, wipe

Run = Callable[..., str]


def test_it_brings_every_row_back_into_an_empty_system(made: Path, run: Run):
    before = contents()
    wipe()
    assert contents() != before
    run("restore", str(made), "--apply")
    after = contents()
    assert {table: rows for table, rows in after.items() if table != "task_execution_history"} == {
        table: rows for table, rows in before.items() if table != "task_execution_history"
    }
    assert len(after["task_execution_history"]) == len(before["task_execution_history"]) == 3


def test_it_brings_history_back_but_for_what_the_broker_was_told(made: Path, run: Run):
    Execution.objects.filter(status="QUEUED").update(published_at=None)
    before = contents()["task_execution_history"]
    wipe()
    run("restore", str(made), "--apply")
    assert contents()["task_execution_history"] == before


def test_it_changes_nothing_unless_told(made: Path, run: Run):
    wipe()
    before = contents()
    assert "Nothing is changed" in run("restore", str(made))
    assert contents() == before


def test_it_tells_what_becomes_of_the_slots_since(made: Path, worked: dict[str, Task], run: Run):
    wipe()
    said = run("restore", str(made))
    lines = {line.split()[1]: int(line.split()[2]) for line in said.splitlines() if " executions at once: " in line}
    assert lines == {"FIRE_ALL": 4, "FIRE_ONCE": 1, "SKIP": 0}
    assert "Open then: 1 QUEUED, 1 RUNNING." in said
    assert "default/once: due since" in said


def test_the_claim_then_does_what_was_told(made: Path, worked: dict[str, Task], run: Run):
    wipe()
    run("restore", str(made), "--apply")
    known = set(Execution.objects.values_list("id", flat=True))
    firing.claim(current(), now=clock.now())
    new = Execution.objects.exclude(id__in=known).exclude(status="SKIPPED")
    assert sorted(new.values_list("task__name", flat=True)) == ["all"] * 4 + ["once"]


def test_it_leaves_the_slots_since_out_where_asked(made: Path, worked: dict[str, Task], run: Run):
    wipe()
    run("restore", str(made), "--apply", "--slots", "skip")
    assert firing.claim(current(), now=clock.now()).recorded == []
    passed = Execution.objects.get(task=worked["all"], status="SKIPPED")
    assert (passed.reason, passed.slot_count or 4) == ("paused", 4)
    assert Task.objects.get(id=worked["all"].id).status == "ACTIVE"


def test_what_was_queued_is_published_again(made: Path, run: Run):
    wipe()
    run("restore", str(made), "--apply")
    assert sweep.unpublished_count(current()) == 1


def test_fences_go_on_far_above_those_that_may_have_been_drawn_since(made: Path, run: Run):
    last = Execution.objects.exclude(fence=None).order_by("-fence").values_list("fence", flat=True)[0]
    assert last is not None
    wipe()
    run("restore", str(made), "--apply")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('execution_fence')")
        assert cursor.fetchone()[0] > last + 10**9


def test_new_rows_get_numbers_of_their_own(made: Path, worked: dict[str, Task], run: Run):
    wipe()
    run("restore", str(made), "--apply")
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) < nextval(pg_get_serial_sequence('scheduler_audit', 'id')) FROM scheduler_audit")
        assert cursor.fetchone() == (True,)


def test_history_has_the_partitions_that_it_had(made: Path, run: Run):
    before = partitions.existing(current(), "task_execution_history")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {before[-1].name}")
    wipe()
    run("restore", str(made), "--apply")
    assert partitions.existing(current(), "task_execution_history") == before


def test_what_may_not_be_changed_still_may_not(made: Path, run: Run):
    wipe()
    run("restore", str(made), "--apply")
    with connection.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("UPDATE scheduler_audit SET actor = 'nobody'")


def test_it_refuses_a_system_that_is_not_empty(made: Path, run: Run):
    before = contents()
    with pytest.raises(CommandError, match="--overwrite"):
        run("restore", str(made), "--apply")
    assert contents() == before


def test_it_overwrites_where_told(made: Path, worked: dict[str, Task], run: Run):
    Task.objects.filter(id=worked["once"].id).update(description="changed since")
    run("restore", str(made), "--apply", "--overwrite")
    assert Task.objects.get(id=worked["once"].id).description != "changed since"


def test_it_refuses_while_a_node_runs(made: Path, now: datetime, run: Run):
    wipe()
    Node.objects.create(
        id=uuid4(), role="scheduler", hostname="a", pid=1, started_at=now, heartbeat_at=clock.now() - MINUTE / 2
    )
    with pytest.raises(CommandError, match="1 scheduler"):
        run("restore", str(made), "--apply")


def test_it_refuses_a_backup_of_another_version(made: Path, run: Run):
    wipe()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('scheduler', '9999_later', now())")
    try:
        with pytest.raises(CommandError, match="another version"):
            run("restore", str(made), "--apply")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE name = '9999_later'")


def test_it_refuses_a_damaged_backup_and_changes_nothing(made: Path, run: Run):
    wipe()
    before = contents()
    (made / "scheduler_tasks.copy.gz").write_bytes(b"")
    with pytest.raises(CommandError, match="is not what was written"):
        run("restore", str(made), "--apply")
    assert contents() == before


def test_what_fails_in_the_middle_leaves_all_as_it_was(made: Path, run: Run):
    before = contents()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE scheduler_webhooks ADD CONSTRAINT planted CHECK (false) NOT VALID")
        cursor.execute("ALTER TABLE task_execution_history ADD CONSTRAINT planted CHECK (attempt < 1) NOT VALID")
    try:
        with pytest.raises(CommandError, match="Nothing is changed"):
            run("restore", str(made), "--apply", "--overwrite")
        assert contents() == before
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE scheduler_webhooks DROP CONSTRAINT planted")
            cursor.execute("ALTER TABLE task_execution_history DROP CONSTRAINT planted")


def test_a_backup_waits_for_nobody_who_writes(made: Path, run: Run):
    other = connect(application_name="somebody who writes")
    with other.transaction(force_rollback=True):
        other.execute("UPDATE scheduler_tasks SET description = 'in the middle of it'")
        run("backup", "--to", str(made.parent / "second"))
    other.close()


def test_it_refuses_tables_that_are_none_of_its_own(made: Path, run: Run):
    wipe()
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["tables"][0]["table"] = "../../pg_authid"
    text = json.dumps(manifest)
    (made / "manifest.json").write_text(text)
    (made / "manifest.sha256").write_text(hashlib.sha256(text.encode()).hexdigest())
    with pytest.raises(CommandError, match="knows no table"):
        run("restore", str(made), "--apply")


def test_it_does_not_deny_what_is_done_where_only_the_statistics_fail(
    made: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Whoever is told that nothing is changed restores once more, over what has begun to run."""
    before = Task.objects.count()
    wipe()

    def opened(*arguments: Any, **options: Any) -> psycopg.Connection:
        connection = session.opened(*arguments, **options)
        execute = connection.execute

        def failing(statement: Any, *rest: Any, **more: Any) -> Any:
            if "ANALYZE" in repr(statement):
                raise psycopg.OperationalError("the connection is lost")
            return execute(statement, *rest, **more)

        monkeypatch.setattr(connection, "execute", failing)
        return connection

    monkeypatch.setattr(load, "opened", opened)
    assert "Restored: " in run("restore", str(made), "--apply")
    assert Task.objects.count() == before
    assert "run ANALYZE" in capsys.readouterr().err
