"""A healthy platform raises no alarm, whatever people do."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from scheduler.models import Execution, Notice, SlotAudit, SlotAuditTask
from tests.integration.scheduler.selfaudit.stage import MINUTE, Play, Stage


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_nothing_in_random_work(stage: Stage, play_of: Callable[[int], Play], seed: int):
    play = play_of(seed)
    stage.run(minutes=35, then=play.act)
    play.end()
    assert stage.faults() == []
    runs = SlotAudit.objects.filter(finished_at__isnull=False)
    assert sum(runs.values_list("expected", flat=True)) > 100


def test_a_play_is_the_same_each_time(stage: Stage, play_of: Callable[[int], Play]):
    assert _history(stage, play_of) == _history(stage, play_of)


def _history(stage: Stage, play_of: Callable[[int], Play]) -> list[tuple[Any, ...]]:
    """Play for a while, and return what history holds of it; nothing of it stays."""
    with transaction.atomic():
        stage.run(minutes=8, then=play_of(0).act)
        columns = ("id", "task_id", "status", "reason", "trigger", "queued_at", "end_time", "execution_time_ms")
        rows = list(Execution.objects.order_by("id").values_list(*columns))
        transaction.set_rollback(True)
    assert len(rows) > 50
    return rows


def test_it_excuses_a_pause_that_is_caught_up(stage: Stage):
    task = stage.create(intervalSeconds=60, misfirePolicy="FIRE_ALL")
    stage.run(minutes=5)
    stage.pause(task)
    stage.run(minutes=20)
    stage.resume(task, catchUp=True)
    stage.run(minutes=5)
    assert [run.expected for run in stage.audit()] == [28]
    assert stage.faults() == []


def test_it_finds_the_range_of_a_pause_that_began_before_the_window(stage: Stage):
    task = stage.create(intervalSeconds=60)
    stage.run(minutes=5)
    stage.pause(task)
    stage.run(minutes=90)
    stage.audit()
    stage.run(minutes=20)
    stage.resume(task)
    stage.run(minutes=10)
    stage.audit()
    assert stage.faults() == []


def test_it_notes_what_will_be_due_and_forgets_what_was(stage: Stage):
    task = stage.create(intervalSeconds=600)
    stage.audit()
    noted = list(SlotAuditTask.objects.values_list("task_id", "due_at"))
    assert noted == [(task.id, stage.now + 10 * MINUTE)]
    stage.run(minutes=15)
    stage.audit()
    assert list(SlotAuditTask.objects.values_list("due_at", flat=True)) == [stage.now + 5 * MINUTE]


def test_it_tells_nobody_of_nothing(stage: Stage):
    stage.create(intervalSeconds=60)
    stage.run(minutes=10)
    stage.audit()
    assert not Notice.objects.exists()
