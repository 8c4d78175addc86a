"""The whole path with real processes: an empty directory, two schedulers, two workers, kill -9 in between."""

import os
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.platform import Platform, two_of_each

pytestmark = pytest.mark.acceptance

# The seed's three requests, byte for byte.
SEED_POST = """{
  "name": "Daily Data Cleanup",
  "description": "Removes temporary data older than 7 days",
  "cronExpression": "0 0 0 * * ?",
  "taskClass": "com.platform.tasks.CleanupTask",
  "taskData": "{\\"retentionDays\\": 7, \\"batchSize\\": 1000}",
  "priority": 3,
  "maxRetryCount": 3,
  "timeoutSeconds": 1800
}"""
SEED_PUT = """{
  "description": "Removes temporary data older than 14 days",
  "cronExpression": "0 0 0 * * ?",
  "taskData": "{\\"retentionDays\\": 14, \\"batchSize\\": 1000}",
  "priority": 4,
  "maxRetryCount": 5
}"""
OBSERVED = timedelta(seconds=30)
EVERY = timedelta(seconds=2)


@pytest.fixture(scope="module")
def platform():
    with two_of_each() as platform:
        yield platform


@pytest.fixture(scope="module")
def scratch(platform: Platform) -> Path:
    folder = platform.data_dir / "scratch" / "reports"
    folder.mkdir(parents=True)
    for number in range(25):
        _write(folder / f"old-{number}.txt", days_old=3)
    _write(folder / "new.txt", days_old=0)
    return folder


@pytest.fixture(scope="module")
def cleaned(platform: Platform, scratch: Path) -> dict[str, Any]:
    """Register a clean-up every two seconds, watch it for 30 s of slots, kill a scheduler and a worker meanwhile."""
    task = platform.call(
        "POST",
        "/api/v1/tasks",
        {
            "name": "Scratch clean-up",
            "cronExpression": "*/2 * * * * ?",
            "taskClass": "com.platform.tasks.CleanupTask",
            "taskData": {"retentionDays": 1, "batchSize": 10, "path": "reports"},
            "retryPolicy": {"backoff": "FIXED", "delaySeconds": 1},
        },
    )
    assert task.status == 201, task
    platform.wait_for(lambda: _span(platform, task["id"]) >= timedelta(seconds=8), seconds=60)
    os.kill(platform.pids("scheduler")[0], signal.SIGKILL)
    platform.wait_for(lambda: _span(platform, task["id"]) >= timedelta(seconds=16), seconds=60)
    os.kill(platform.pids("worker")[0], signal.SIGKILL)
    platform.wait_for(lambda: _span(platform, task["id"]) >= OBSERVED, seconds=90)
    return task


def test_it_takes_the_requests_of_the_seed_byte_for_byte(platform: Platform):
    created = platform.call("POST", "/api/v1/tasks", SEED_POST)
    changed = platform.call("PUT", f"/api/v1/tasks/{created['id']}", SEED_PUT)
    read = platform.get(f"/api/v1/tasks/{created['id']}")
    listed = platform.get("/api/v1/tasks?status=ACTIVE&priority=NORMAL&page=0&size=20")
    history = platform.get(
        f"/api/v1/tasks/{created['id']}/history?startDate=2023-01-01&endDate=2023-01-31&status=SUCCESS"
    )
    deleted = platform.call("DELETE", f"/api/v1/tasks/{created['id']}")

    assert [answer.status for answer in (created, changed, read, listed, history, deleted)] == [
        201, 200, 200, 200, 200, 204,
    ]  # fmt: skip
    assert (created["priority"], read["priority"], read["maxRetryCount"]) == (3, 4, 5)
    assert read["taskData"] == '{"retentionDays": 14, "batchSize": 1000}'
    assert created["nextExecutionTime"].endswith("T00:00:00Z")
    assert created["id"] in {task["id"] for task in listed["content"]}
    assert platform.get(f"/api/v1/tasks/{created['id']}")["status"] == "DELETED"
    assert platform.call("DELETE", f"/api/v1/tasks/{created['id']}").status == 404


def test_it_removes_the_old_files_and_only_those(cleaned, scratch: Path):
    assert [file.name for file in scratch.iterdir()] == ["new.txt"]


def test_it_records_every_slot_once_though_a_scheduler_and_a_worker_were_killed(platform: Platform, cleaned):
    first_attempts = [row for row in platform.history(cleaned["id"]) if row["attempt"] == 1]
    slots = [_instant(row["scheduledFor"]) for row in first_attempts]
    expected = [slots[0] + number * EVERY for number in range(len(slots))]

    assert slots == expected
    assert slots[-1] - slots[0] >= OBSERVED
    assert slots[0] == _instant(cleaned["nextExecutionTime"])


def test_it_brings_every_slot_to_success(platform: Platform, cleaned):
    watched = {row["scheduledFor"] for row in platform.history(cleaned["id"])}

    def succeeded() -> bool:
        rows = platform.history(cleaned["id"])
        return watched <= {row["scheduledFor"] for row in rows if row["status"] == "SUCCESS"}

    # A run that a killed worker had won is LOST when its lease ends, and tried again.
    platform.wait_for(succeeded, seconds=60)


def test_it_tells_plausible_times(platform: Platform, cleaned):
    rows = [row for row in platform.history(cleaned["id"]) if row["status"] == "SUCCESS" and row["attempt"] == 1]
    lateness = sorted(row["latenessMs"] for row in rows)

    assert all(_instant(row["scheduledFor"]) <= _instant(row["startTime"]) <= _instant(row["endTime"]) for row in rows)
    assert all(0 <= row["executionTimeMs"] < 5_000 for row in rows)
    assert lateness[len(lateness) // 2] < 1_000
    assert len({row["fence"] for row in rows}) == len(rows)


def test_it_replaces_what_was_killed(platform: Platform, cleaned):
    alive = platform.wait_for(
        lambda: _alive(platform, "scheduler") >= 2 and _alive(platform, "worker") >= 2, seconds=60
    )
    assert alive


def test_it_follows_a_changed_schedule_and_stops_when_deleted(platform: Platform, cleaned):
    path = f"/api/v1/tasks/{cleaned['id']}"
    changed = platform.call("PUT", path, {"cronExpression": "0 0 3 1 1 ?", "timeZone": "Europe/Berlin"})
    before = len(platform.history(cleaned["id"]))
    triggered = platform.call("POST", f"{path}/trigger", {"taskData": {"retentionDays": 2, "path": "reports"}})
    done = platform.wait_for(lambda: _ended(platform, triggered["id"]), seconds=30)
    after = platform.history(cleaned["id"])
    deleted = platform.call("DELETE", path)

    assert changed["nextExecutionTime"].endswith("-01-01T02:00:00Z")
    assert (triggered.status, done["status"], done["trigger"]) == (202, "SUCCESS", "MANUAL")
    assert len(after) == before + 1
    assert deleted.status == 204
    assert len(platform.history(cleaned["id"])) == len(after)


def _write(file: Path, *, days_old: int) -> None:
    file.write_text("x" * 100)
    changed = file.stat().st_mtime - days_old * 86_400
    os.utime(file, (changed, changed))


def _span(platform: Platform, task_id: str) -> timedelta:
    """Return the time between the first and the last slot that have ended well."""
    slots = [_instant(row["scheduledFor"]) for row in platform.history(task_id) if row["status"] == "SUCCESS"]
    return slots[-1] - slots[0] if slots else timedelta(0)


def _ended(platform: Platform, execution_id: str) -> dict[str, Any]:
    """Return the execution once it has ended, nothing before."""
    execution = platform.get(f"/api/v1/executions/{execution_id}")
    return execution if execution["endTime"] else {}


def _alive(platform: Platform, role: str) -> int:
    return sum(Path(f"/proc/{pid}").exists() for pid in platform.pids(role))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
