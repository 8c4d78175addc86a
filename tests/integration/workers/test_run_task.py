"""`manage.py run_task`: a handler in the foreground, and what is left of it."""

import io
import json
import logging
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.hot_paths import add_task, executions, queue_one, task
from workers import registry

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


@pytest.fixture(autouse=True)
def demo(monkeypatch):
    """A handler that tells what it was given, and fails where it is told to."""
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))

    @registry.handler("demo.tell", schema=SCHEMA, fills_templates=True)
    def tell(data, context):
        """Tell."""
        context.log.info("attempt %d", context.attempt)
        if "fail" in data:
            raise RuntimeError(data["fail"])
        return {
            "data": data,
            "slot": context.scheduled_for.isoformat(),
            "fence": context.fence,
            "trigger": context.trigger,
            "timeZone": context.time_zone,
        }


@pytest.fixture
def demo_task(connection, monkeypatch):
    """A task of that handler; what the command writes is committed, as it is outside of tests."""
    monkeypatch.setattr("workers.management.commands.run_task.current", lambda: connection)
    return add_task(
        connection,
        name="Demo",
        task_class="demo.tell",
        task_data='{"n": 1, "day": "{{scheduledFor|date}}"}',
        time_zone="Europe/Berlin",
        timeout_seconds=1,
    )


def run(*arguments: str) -> tuple[Any, str]:
    """Run the command; return its result and what it said beside that."""
    out, err = io.StringIO(), io.StringIO()
    call_command("run_task", *arguments, stdout=out, stderr=err)
    return json.loads(out.getvalue() or "null"), err.getvalue()


def test_it_runs_the_task_s_handler_and_records_nothing(connection, demo_task):
    before = task(connection, demo_task)
    result, said = run("Demo", "--at", "2026-03-01T23:30:00Z")
    assert result["data"] == {"n": 1, "day": "2026-03-02"}
    assert result["slot"] == "2026-03-01T23:30:00+00:00"
    assert (result["fence"], result["trigger"], result["timeZone"]) == (0, "MANUAL", "Europe/Berlin")
    assert "INFO workers.execution: attempt 1" in said
    assert "SUCCESS after" in said
    assert executions(connection) == []
    assert task(connection, demo_task) == before


def test_it_takes_other_data(demo_task):
    assert run("Demo", "--data", '{"n": 2}')[0]["data"] == {"n": 2}


def test_it_fails_with_the_traceback(connection, demo_task):
    with pytest.raises(CommandError, match=r"FAILED after .*RuntimeError: on purpose") as failure:
        run("Demo", "--data", '{"fail": "on purpose"}')
    assert failure.value.returncode == 1
    assert "Traceback" in str(failure.value)
    assert executions(connection) == []


def test_it_fails_where_the_data_do_not_fit(demo_task):
    with pytest.raises(CommandError, match=r"taskData\.n: 'x' is not of type 'integer'"):
        run("Demo", "--data", '{"n": "x"}')


def test_it_hides_secrets(demo_task, settings, monkeypatch):
    settings.SECRET_NAMES = {"default": ["TOKEN"]}
    monkeypatch.setenv("TASK_SECRET_TOKEN", "s3cr3t-token")
    with pytest.raises(CommandError, match=r"RuntimeError: \*\*\*") as failure:
        run("Demo", "--data", '{"fail": {"$secret": "TOKEN"}}')
    assert "s3cr3t" not in str(failure.value)


def test_it_reads_the_secrets_that_the_namespace_lists(connection, demo_task, settings, monkeypatch):
    connection.execute("""INSERT INTO scheduler_namespaces (name, secret_names) VALUES ('default', '["TOKEN"]')""")
    settings.SECRET_NAMES = {"default": ["OTHER"]}
    monkeypatch.setenv("TASK_SECRET_TOKEN", "s3cr3t-token")
    monkeypatch.setenv("TASK_SECRET_OTHER", "0ther-token")
    with pytest.raises(CommandError, match=r"RuntimeError: \*\*\*"):
        run("Demo", "--data", '{"fail": {"$secret": "TOKEN"}}')
    with pytest.raises(CommandError, match=r"may not read the secret 'OTHER'"):
        run("Demo", "--data", '{"fail": {"$secret": "OTHER"}}')


def test_it_arms_no_timeout(demo_task, monkeypatch):
    monkeypatch.setattr("workers.run.soft_limit", None)
    assert run("Demo")[0]["fence"] == 0


@pytest.mark.django_db
def test_it_tries_a_handler_without_a_task():
    result, _ = run("--task-class", "demo.tell", "--data", '{"n": 3, "id": "{{executionId}}"}')
    assert result["data"]["n"] == 3


def test_it_records_where_it_is_asked(connection, demo_task):
    result, said = run("Demo", "--record", "--data", '{"n": 4}')
    (row,) = executions(connection, demo_task)
    assert f"Execution {row['id']} of Demo, fence {row['fence']}." in said
    assert (row["status"], row["trigger"], row["attempt"]) == ("SUCCESS", "MANUAL", 1)
    assert (row["task_data"], json.loads(row["result"])) == ('{"n": 4}', result)
    assert row["node_id"].startswith("run_task@")
    assert row["fence"] == result["fence"] > 0
    assert row["published_at"] is None
    (log,) = connection.execute("SELECT head FROM execution_log WHERE id = %s", (row["id"],)).fetchone()
    assert "attempt 1" in log


def test_it_records_a_failure_that_is_not_tried_again(connection, demo_task):
    with pytest.raises(CommandError):
        run("Demo", "--record", "--data", '{"fail": "on purpose"}')
    assert [(row["status"], row["attempt"]) for row in executions(connection, demo_task)] == [("FAILED", 1)]


def test_it_records_the_slot_that_is_named(connection, demo_task, now):
    run("Demo", "--record", "--at", (now - timedelta(hours=1)).isoformat())
    assert executions(connection, demo_task)[0]["scheduled_for"] == now - timedelta(hours=1)


def test_it_holds_a_lease_that_outlasts_a_debugger(connection, demo_task, monkeypatch):
    leases: list[tuple[Any, ...] | None] = []
    statement = "SELECT lease_expires_at - start_time FROM task_execution_history WHERE status = 'RUNNING'"

    def look(_data, _context):
        leases.append(connection.execute(statement).fetchone())

    handlers = dict(registry._handlers) | {"demo.tell": registry.Handler("demo.tell", look)}
    monkeypatch.setattr(registry, "_handlers", handlers)
    run("Demo", "--record")
    assert leases == [(timedelta(hours=4),)]


def test_it_records_nothing_for_a_busy_task(connection, demo_task, now):
    connection.execute("UPDATE scheduler_tasks SET overlap_policy = 'SKIP' WHERE id = %s", (demo_task,))
    queue_one(connection, demo_task, now=now)
    with pytest.raises(CommandError, match="Demo is busy and its overlapPolicy is SKIP: nothing was run"):
        run("Demo", "--record")
    assert len(executions(connection, demo_task)) == 1


def test_it_refuses_a_slot_that_history_has_no_room_for(connection, demo_task, now):
    far = (now + timedelta(days=400)).isoformat()
    with pytest.raises(CommandError, match="No partition of history"):
        run("Demo", "--record", "--at", far)
    assert executions(connection, demo_task) == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("Dmo",), r"There is no task 'Dmo' in namespace default. Did you mean 'Demo'\?"),
        (("demo.tell",), r"There is no task 'demo.tell' in namespace default. It is a handler's: --task-class runs"),
        (("Demo", "--namespace", "payments"), "no task 'Demo' in namespace payments, but one in default"),
        (("--task-class", "demo.tel"), r"no handler demo.tel. Did you mean demo.tell\?"),
        ((), "Give the NAME of a task, or --task-class"),
        (("Demo", "--task-class", "demo.tell"), "Give the NAME of a task, or --task-class"),
        (("--task-class", "demo.tell", "--record"), "--record needs a task"),
        (("Demo", "--at", "2026-03-01T23:30:00"), "is no instant"),
        (("Demo", "--at", "yesterday"), "is no instant"),
        (("Demo", "--at", "2026-02-30T00:00:00Z"), "is no instant"),
        (("Demo", "--data", "[1]"), "no JSON object"),
        (("Demo", "--data", "{"), "no JSON"),
    ],
)
def test_it_refuses_what_it_cannot_run(demo_task, arguments, why):
    with pytest.raises(CommandError, match=why):
        run(*arguments)


def test_it_does_not_find_a_deleted_task(connection, demo_task):
    connection.execute("UPDATE scheduler_tasks SET status = 'DELETED', claim_at = NULL WHERE id = %s", (demo_task,))
    with pytest.raises(CommandError, match="There is no task 'Demo'"):
        run("Demo")


def test_it_leaves_logging_as_it_was(demo_task):
    before = logging.getLogger().handlers[:]
    run("Demo")
    assert logging.getLogger().handlers == before


HANDLERS = '''
from workers.registry import handler


@handler("acme.greet", schema={"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
def greet(data, context):
    """Greet somebody."""
    context.log.info("Greeting %s", data["name"])
    return f"Hello, {data['name']}!"
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Somebody's own package, anywhere on PYTHONPATH."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "__init__.py").touch()
    (tmp_path / "acme" / "jobs.py").write_text(HANDLERS)
    return tmp_path


def manage(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.test"} | variables
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def test_it_loads_handlers_of_another_package(package):
    done = manage(
        "run_task", "--task-class", "acme.greet", "--data", '{"name": "Ada"}',
        PYTHONPATH=str(package), HANDLER_MODULES="acme.jobs",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Hello, Ada!\n"), done.stderr
    assert "Greeting Ada" in done.stderr


def test_it_ends_with_status_1_where_the_handler_fails(package):
    done = manage("run_task", "--task-class", "acme.greet", PYTHONPATH=str(package), HANDLER_MODULES="acme.jobs")
    assert done.returncode == 1
    assert "taskData: 'name' is a required property" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_has_the_handlers_of_other_packages_only_where_they_are_set(package):
    done = manage("run_task", "--task-class", "acme.greet", PYTHONPATH=str(package))
    assert done.returncode == 1
    assert "no handler acme.greet" in done.stderr
