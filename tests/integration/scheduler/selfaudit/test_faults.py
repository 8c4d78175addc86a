"""Planted faults: the audit finds each of them, tells of it once, and of nothing else."""

from uuid import uuid4

import pytest

from scheduler import connections, selfaudit
from scheduler.models import Execution, Namespace, Notice, SlotAudit, SlotFault, Task
from tests.integration.scheduler.selfaudit.stage import MINUTE, SECOND, Stage


def test_it_finds_a_slot_whose_row_is_gone(stage: Stage, minutely: Task):
    gone = stage.slot_of(minutely, minutes_ago=20)
    Execution.objects.filter(id=gone.id).delete()
    stage.audit()
    assert stage.faults() == [("MISSED", minutely.id, gone.scheduled_for)]


def test_it_finds_the_only_slot_of_a_task_gone(stage: Stage):
    task = stage.create(cronExpression=f"0 {(stage.now + 5 * MINUTE).minute} {stage.now.hour} * * ?")
    stage.audit()
    stage.run(minutes=10)
    Execution.objects.filter(task_id=task.id).delete()
    stage.audit()
    assert [(kind, task_id) for kind, task_id, _ in stage.faults()] == [("MISSED", task.id)]


def test_it_finds_a_slot_that_the_claim_has_jumped_over(stage: Stage, minutely: Task):
    stage.audit()
    due = Task.objects.get(id=minutely.id).next_slot_for
    assert due is not None
    Task.objects.filter(id=minutely.id).update(next_slot_for=due + MINUTE, claim_at=due + MINUTE)
    stage.run(minutes=5)
    stage.audit()
    assert stage.faults() == [("MISSED", minutely.id, due)]


def test_it_finds_a_slot_that_stands_twice(stage: Stage, minutely: Task):
    doubled = stage.slot_of(minutely, minutes_ago=20)
    slot = doubled.scheduled_for
    copy = uuid4().int & ((1 << 80) - 1)
    doubled.pk = type(doubled.pk)(int=(doubled.pk.int >> 80 << 80) | copy)
    doubled.save(force_insert=True)
    stage.audit()
    assert stage.faults() == [("DOUBLED", minutely.id, slot)]


def test_it_finds_a_slot_inside_a_range_that_has_a_row_of_its_own(stage: Stage, minutely: Task):
    first = stage.slot_of(minutely, minutes_ago=20)
    inside = stage.slot_of(minutely, minutes_ago=19)
    Execution.objects.filter(id=first.id).update(scheduled_until=inside.scheduled_for, status="SKIPPED")
    stage.audit()
    assert stage.faults() == [("DOUBLED", minutely.id, inside.scheduled_for)]


def test_it_finds_a_slot_that_was_recorded_late(stage: Stage, minutely: Task):
    late = stage.slot_of(minutely, minutes_ago=20)
    Execution.objects.filter(id=late.id).update(queued_at=late.due_at + 90 * SECOND)
    stage.audit()
    assert stage.faults() == [("LATE", minutely.id, late.scheduled_for)]
    assert SlotFault.objects.get().late_seconds == 90


def test_it_finds_what_no_scheduler_has_claimed(stage: Stage, minutely: Task):
    stage.audit()
    due = Task.objects.get(id=minutely.id).next_slot_for
    stage.pass_by(minutes=4)
    stage.audit()
    assert stage.faults()[0] == ("LATE", minutely.id, due)


def test_it_finds_what_an_outage_has_made_late(stage: Stage, minutely: Task):
    stage.audit()
    stage.pass_by(minutes=30)
    stage.run(minutes=5)
    stage.audit()
    assert {kind for kind, *_ in stage.faults()} == {"LATE"}
    assert len(stage.faults()) == 29


@pytest.mark.parametrize("stop", [{"mode": "PAUSED"}])
def test_a_stop_of_another_queue_excuses_nothing(stage: Stage, minutely: Task, stop: dict[str, str]):
    stage.audit()
    stage.set_flow({"mode": "NORMAL", "queues": {"reports": stop}})
    stage.pass_by(minutes=10)
    stage.run(minutes=5)
    stage.audit()
    assert {kind for kind, *_ in stage.faults()} == {"LATE"}


def test_it_goes_by_the_definition_of_then(stage: Stage, minutely: Task):
    gone = stage.slot_of(minutely, minutes_ago=20)
    stage.change(minutely, intervalSeconds=3600)
    Execution.objects.filter(id=gone.id).delete()
    stage.run(minutes=3)
    stage.audit()
    assert stage.faults() == [("MISSED", minutely.id, gone.scheduled_for)]


def test_it_tells_the_people_of_the_namespace_once(stage: Stage, minutely: Task):
    Namespace.objects.create(name="default", notify_channel={"type": "EMAIL", "to": ["ops@example.org"]})
    Execution.objects.filter(id=stage.slot_of(minutely, minutes_ago=20).id).delete()
    Execution.objects.filter(id=stage.slot_of(minutely, minutes_ago=30).id).delete()
    stage.audit()
    stage.run(minutes=5)
    stage.audit()
    [notice] = Notice.objects.all()
    assert (notice.occasion, notice.task_name) == ("SLOT_FAULT", minutely.name)
    assert notice.text.startswith("MISSED 2 slots, the first ")


def test_it_counts_what_it_has_found(stage: Stage, minutely: Task):
    Execution.objects.filter(id=stage.slot_of(minutely, minutes_ago=20).id).delete()
    [run] = stage.audit()
    assert (run.tasks, run.expected, run.missed, run.doubled, run.late) == (1, 60, 1, 0, 0)


def test_it_goes_on_with_a_run_that_a_crash_has_left(stage: Stage, minutely: Task):
    gone = stage.slot_of(minutely, minutes_ago=20)
    Execution.objects.filter(id=gone.id).delete()
    left = SlotAudit.objects.create(
        begin=stage.now - 60 * MINUTE, until=stage.now - 10 * MINUTE, started_at=stage.now - 9 * MINUTE
    )
    finished = stage.audit()
    assert finished[0].pk == left.pk
    assert stage.faults() == [("MISSED", minutely.id, gone.scheduled_for)]
    assert finished[-1].until == stage.now - selfaudit.SETTLED_AFTER


def test_nobody_audits_while_another_process_does(stage: Stage, minutely: Task):
    other = connections.connect(application_name="another audit")
    other.execute("SELECT pg_advisory_lock(%s)", (selfaudit.ADVISORY_KEY,))
    assert stage.audit() == []
    other.execute("SELECT pg_advisory_unlock(%s)", (selfaudit.ADVISORY_KEY,))
    other.close()
    assert len(stage.audit()) == 1
