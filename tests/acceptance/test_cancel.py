"""A cancel through all processes: asked at once, terminated after 10 s, killed after 20 s; and a pause that ends."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.platform import Answer, Platform, outside_servers, running

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """One scheduler and one worker with three children, who know stubborn handlers."""
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-cancel-"))
    folder.chmod(0o711)
    with outside_servers() as environment:
        settings = {**environment, "HANDLER_MODULES": "tests.acceptance.stubborn", "WORKERS": "3"}
        with running(folder / "data", options=(), environment=settings) as platform:
            yield platform
    shutil.rmtree(folder)


def _register(platform: Platform, **fields: Any) -> str:
    task = platform.call("POST", "/api/v1/tasks", fields)
    assert task.status == 201, task
    return str(task["id"])


def _run(platform: Platform, task_class: str, task_data: dict[str, Any]) -> str:
    task = _register(platform, name=task_class, taskClass=task_class, taskData=task_data)
    execution = str(platform.call("POST", f"/api/v1/tasks/{task}/trigger")["id"])
    platform.wait_for(lambda: _shown(platform, execution)["status"] == "RUNNING", seconds=20)
    return execution


def _shown(platform: Platform, execution: str) -> Answer:
    return platform.get(f"/api/v1/executions/{execution}")


def _cancelled_after(platform: Platform, execution: str) -> timedelta:
    """Cancel the execution, wait for its end, and return how long that took."""
    asked = platform.call("POST", f"/api/v1/executions/{execution}/cancel")
    assert (asked.status, asked["status"]) == (202, "RUNNING")
    platform.wait_for(lambda: _shown(platform, execution)["status"] == "CANCELLED", seconds=40)
    shown = _shown(platform, execution)
    return datetime.fromisoformat(shown["endTime"]) - datetime.fromisoformat(shown["cancelRequestedAt"])


def test_a_handler_that_waits_ends_at_once(platform: Platform) -> None:
    execution = _run(platform, "platform.sleep", {"seconds": 600})

    assert _cancelled_after(platform, execution) < timedelta(seconds=2)


def test_one_that_does_not_hear_is_terminated_after_ten_seconds(platform: Platform) -> None:
    execution = _run(platform, "test.deaf", {})

    assert timedelta(seconds=10) <= _cancelled_after(platform, execution) < timedelta(seconds=14)


def test_one_that_nothing_moves_is_killed_after_twenty_seconds(platform: Platform) -> None:
    execution = _run(platform, "test.stubborn", {})

    assert timedelta(seconds=20) <= _cancelled_after(platform, execution) < timedelta(seconds=24)


def test_a_pause_ends_by_itself(platform: Platform) -> None:
    task = _register(platform, name="Each second", taskClass="platform.noop", intervalSeconds=1)
    until = datetime.now(tz=UTC).replace(microsecond=0) + timedelta(seconds=5)  # noqa: TID251 - a client's clock
    platform.call("POST", f"/api/v1/tasks/{task}/pause", {"until": f"{until:%Y-%m-%dT%H:%M:%SZ}"})

    platform.wait_for(lambda: _statuses(platform, task)[-2:] == ["SUCCESS", "SUCCESS"], seconds=30)

    paused = [row for row in platform.history(task) if row["reason"] == "paused"]
    assert [row["status"] for row in paused] == ["SKIPPED"]
    assert datetime.fromisoformat(paused[0]["scheduledUntil"]) < until


def _statuses(platform: Platform, task: str) -> list[str]:
    return [row["status"] for row in platform.history(task)]
