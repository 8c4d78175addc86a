"""What the platform does by itself to a task is recorded, where it keeps slots from firing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from register import operating, services
from register.api.reading import read_changes, read_pause
from scheduler import connections, firing, sweep
from scheduler.acting import as_command
from scheduler.models import AuditRecord, Task
from scheduler.representations import instant


def _only(verb: str) -> Any:
    return AuditRecord.objects.get(verb=verb, via="PLATFORM", actor="platform")


@pytest.fixture
def paused(new_task: Callable[..., Task], now: datetime) -> Task:
    """Somebody has paused it for a minute."""
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=30))
    given = read_pause({"until": instant(now + timedelta(minutes=1))})
    with as_command("test"):
        return operating.pause_task(task.id, given, actor="olaf", namespace=None, now=now)


def test_the_end_of_a_pause(paused: Task, now: datetime) -> None:
    sweep.resume(connections.current(), now=now + timedelta(minutes=2))

    record = _only("resume")
    assert (record.object_id, record.before) == (str(paused.id), {"status": "PAUSED"})
    assert record.after == {"status": "ACTIVE", "pauseReason": None, "pausedUntil": None}


def test_the_end_of_a_pause_that_a_change_comes_upon(paused: Task, now: datetime) -> None:
    with as_command("test"):
        services.change_task(paused.id, read_changes({"priority": 9}), namespace=None, now=now + timedelta(minutes=2))

    assert _only("resume").object_id == str(paused.id)


def test_a_task_whose_next_slot_cannot_be_worked_out(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))
    Task.objects.update(time_zone="Mars/Olympus", cron_expression="0 * * * * ?", interval_seconds=None)

    firing.claim(connections.current(), now=now)

    record = _only("pause")
    assert (record.object_id, record.before) == (str(task.id), {"status": "ACTIVE"})
    assert record.after["pauseReason"].startswith("Its next slot cannot be worked out")


def test_a_claim_that_pauses_nothing_leaves_none(new_task: Callable[..., Task], now: datetime) -> None:
    new_task(intervalSeconds=60, at=now - timedelta(seconds=90))

    firing.claim(connections.current(), now=now)

    assert not AuditRecord.objects.filter(verb="pause").exists()
