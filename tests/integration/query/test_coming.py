"""Which slots come next over all tasks."""

from collections.abc import Callable
from datetime import datetime, timedelta

from query.coming import coming
from scheduler.models import Task


def test_they_come_in_their_order_over_all_tasks(new_task: Callable[..., Task], now: datetime) -> None:
    new_task("Often", intervalSeconds=600)
    new_task("Seldom", intervalSeconds=900)
    slots = coming(namespace=None, now=now, count=5).slots
    assert [slot.at for slot in slots] == sorted(slot.at for slot in slots)
    assert [slot.task.name for slot in slots].count("Often") == 3


def test_a_task_that_fires_all_the_time_does_not_fill_the_list(new_task: Callable[..., Task], now: datetime) -> None:
    new_task("Each second", intervalSeconds=1)
    new_task("Each hour", intervalSeconds=3600)
    names = [slot.task.name for slot in coming(namespace=None, now=now, count=20).slots]
    assert (names.count("Each second"), names.count("Each hour")) == (10, 10)


def test_what_is_late_comes_first(new_task: Callable[..., Task], now: datetime) -> None:
    new_task("Soon", intervalSeconds=60)
    late = new_task("Late", at=now - timedelta(hours=3), intervalSeconds=3600)
    first = coming(namespace=None, now=now, count=3).slots[0]
    assert (first.task.name, first.at) == ("Late", late.next_slot_for)


def test_paused_tasks_have_none(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task("Paused", intervalSeconds=60)
    Task.objects.filter(id=task.id).update(status="PAUSED", claim_at=None)
    assert coming(namespace=None, now=now, count=5).slots == ()


def test_other_namespaces_are_not_seen(payroll: Task, now: datetime) -> None:
    counts = [len(coming(namespace=name, now=now, count=3).slots) for name in ("default", "payments")]
    assert counts == [0, 3]
