"""`manage.py simulate`: what is registered, or would be, with learned durations; figures, peaks and exit codes."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduler.engine.histograms import bucket
from scheduler.models import Permit, Task, TaskRollUp

BEGIN = "2027-03-01T00:00:00Z"
HERD = {"cronExpression": "0 0 * * * ?", "queue": "reports", "sla": {"maxLatenessSeconds": 60}}


def simulate(*arguments: str) -> Any:
    out = StringIO()
    call_command("simulate", *arguments, "--from", BEGIN, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


@pytest.fixture
def herd(new_task: Callable[..., Task]) -> list[Task]:
    """Ten that fire at the full hour, of a minute each."""
    tasks = [new_task(f"Report {number}", **HERD) for number in range(10)]
    for task in tasks:
        roll_up(task, success=1, durations={str(bucket(60_000)): 1})
    return tasks


def roll_up(task: Task, **counts: Any) -> None:
    hour = task.created_at.replace(minute=0, second=0, microsecond=0)
    TaskRollUp.objects.create(task=task, hour=hour, **counts)


def test_it_plays_what_is_registered_with_learned_durations(herd: list[Task]) -> None:
    answer = simulate("--days", "1", "--workers", "2")
    (queue,) = answer["queues"]

    assert (answer["tasks"], answer["tasksOfUnknownDuration"]) == (10, 0)
    assert (queue["queue"], queue["executions"], queue["depth_max"]) == ("reports", 240, 8)
    # Two at a time, of a minute (2 % off at most): the last pair waits for four others.
    assert queue["wait_max"] == pytest.approx(240, rel=0.02)
    assert queue["breaches"] == queue["late"]
    assert queue["peaks"][0] | {"executions": 10} == queue["peaks"][0]


def test_more_workers_wait_less(herd: list[Task]) -> None:
    assert simulate("--workers", "2", "--queue", "reports=10")["total"]["wait_max"] == 0


def test_paused_tasks_do_not_fire(herd: list[Task]) -> None:
    Task.objects.filter(id=herd[0].id).update(status="PAUSED", claim_at=None)

    assert simulate()["tasks"] == 9


def test_it_leaves_out_other_namespaces(herd: list[Task], payroll: Task) -> None:
    assert simulate("--namespace", "payments")["tasks"] == 1


@pytest.mark.parametrize(("text", "code"), [("late > 0", 1), ("reports:late == 0", 1), ("skipped > 0", 0)])
def test_it_fails_where_it_is_to(herd: list[Task], text: str, code: int) -> None:
    workers = "2" if text == "late > 0" else "10"
    out = StringIO()
    try:
        call_command("simulate", "--workers", workers, "--from", BEGIN, "--fail-if", text, stdout=out, stderr=out)
    except SystemExit as end:
        assert (end.code, f"Fails: {text}" in out.getvalue()) == (code, True)
    else:
        assert code == 0


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    handler = {"taskClass": "platform.noop", "schema": {}, "defaults": {}, "schedules": [], "queues": ["default"]}
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps({"content": [handler]}))
    return str(path)


def file_of(tmp_path: Path, *records: dict[str, Any]) -> str:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps({"tasks": list(records)}))
    return str(path)


def test_it_plays_files_without_a_database(tmp_path: Path, catalogue: str) -> None:
    records = [{"name": f"Report {n}", "taskClass": "platform.noop", "flexSeconds": 300} | HERD for n in range(20)]
    file = file_of(tmp_path, *records)

    first = simulate(file, "--catalogue", catalogue, "--workers", "1", "--unknown-seconds", "2")
    rigid = file_of(tmp_path, *({**one, "flexSeconds": 0} for one in records))
    other = simulate(rigid, "--catalogue", catalogue, "--workers", "1", "--unknown-seconds", "2")

    assert (first["tasks"], first["tasksOfUnknownDuration"]) == (20, 20)
    assert other["total"]["wait_max"] == 38
    assert first["total"]["wait_max"] < 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--days", "0"], "--days"), (["--workers", "0"], "--workers"), (["--queue", "reports"], "as in reports=8"),
        (["--from", "tomorrow"], "is no instant"), (["--fail-if", "lat > 0"], "Did you mean 'late'?"),
        (["missing.yaml"], "--catalogue"), (["--unknown-seconds", "-1"], "--unknown-seconds"),
    ],
)  # fmt: skip
def test_it_says_what_is_written_wrongly(db: None, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("simulate", *arguments, stdout=StringIO(), stderr=StringIO())

    assert (refusal.value.returncode, words in str(refusal.value)) == (2, True)


def test_a_bad_record_is_told_and_nothing_played(tmp_path: Path, catalogue: str) -> None:
    complaints = StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command(
            "simulate", file_of(tmp_path, {"name": "Bad", "taskClass": "platform.nop"}), "--catalogue", catalogue,
            stdout=StringIO(), stderr=complaints,
        )  # fmt: skip

    assert (refusal.value.returncode, "taskClass" in complaints.getvalue()) == (2, True)


def test_too_many_executions_are_refused(herd: list[Task]) -> None:
    with pytest.raises(CommandError, match="fewer --days"):
        simulate("--days", "30", "--most", "100")


def test_it_plays_limits_as_they_are_now(herd: list[Task]) -> None:
    Permit.objects.create(key="queue:reports", capacity=1)

    # One at a time, however many workers there are.
    assert simulate("--workers", "10")["total"]["wait_max"] == pytest.approx(540, rel=0.02)


def test_it_plays_a_task_s_own_limit(new_task: Callable[..., Task]) -> None:
    task = new_task("Report", cronExpression="0/20 * * * * ?", maxConcurrency=1)
    roll_up(task, success=1, durations={str(bucket(60_000)): 1})

    assert simulate("--days", "0.001")["total"]["wait_max"] > 100


def test_it_learns_how_often_a_task_is_tried_again(new_task: Callable[..., Task]) -> None:
    task = new_task("Report", cronExpression="0 0 * * * ?", maxRetryCount=1)
    roll_up(task, failed=1, durations={str(bucket(1_000)): 1})
    total = simulate()["total"]

    assert (total["executions"], total["retries"]) == (48, 24)


def test_what_retry_on_does_not_name_is_not_tried_again(new_task: Callable[..., Task]) -> None:
    task = new_task("Report", cronExpression="0 0 * * * ?", maxRetryCount=1, retryOn=["LOST"])
    roll_up(task, failed=1, durations={str(bucket(1_000)): 1})

    assert simulate()["total"]["retries"] == 0


def test_it_plays_what_depends_on_others(new_task: Callable[..., Task]) -> None:
    first = new_task("Load", cronExpression="0 0 * * * ?")
    new_task("Report", queue="reports", dependencies=[{"taskId": str(first.id)}])
    answer = simulate()

    assert [(one["queue"], one["executions"]) for one in answer["queues"]] == [("default", 24), ("reports", 24)]
