"""Two requests at once, on two connections: dependencies."""

from collections.abc import Callable
from typing import Any

import pytest

from register import services
from register.api.reading import read_changes, read_new_task
from register.errors import TaskInUse
from scheduler import clock
from scheduler.errors import InvalidInput
from scheduler.models import Dependency, Task
from tests.integration.register.test_races import at_once, noop

__all__ = ["at_once", "noop"]

pytestmark = pytest.mark.django_db(transaction=True)

AtOnce = Callable[..., list[Any]]


def _register(name: str, *upstreams: str) -> Task:
    waits = [{"name": upstream} for upstream in upstreams]
    given = read_new_task({"name": name, "taskClass": "platform.noop", "dependencies": waits})
    return services.create_task(given, actor="edda", namespace=None, now=clock.now())


def _wait(task: Task, *upstreams: str) -> Task:
    given = read_changes({"dependencies": [{"name": upstream} for upstream in upstreams]})
    return services.change_task(task.id, given, namespace=None, now=clock.now())


def _delete(task: Task) -> None:
    services.delete_task(task.id, namespace=None, now=clock.now())


@pytest.fixture
def three(noop: None) -> list[Task]:
    """Three tasks that wait for nothing."""
    return [_register(name) for name in ("a", "b", "c")]


@pytest.mark.parametrize("attempt", range(5))
def test_edits_that_make_a_cycle_together_leave_none(three: list[Task], at_once: AtOnce, attempt: int) -> None:
    a, b, c = three

    outcomes = at_once(lambda: _wait(a, "b"), lambda: _wait(b, "c"), lambda: _wait(c, "a"))

    assert outcomes.count(InvalidInput) == 1
    assert Dependency.objects.count() == 2


@pytest.mark.parametrize("attempt", range(5))
def test_edits_crosswise_end(three: list[Task], at_once: AtOnce, attempt: int) -> None:
    a, b, c = three

    outcomes = at_once(lambda: _wait(a, "b"), lambda: _wait(a, "c"), lambda: _wait(b, "c"), lambda: _delete(c))

    assert set(outcomes) - {InvalidInput, TaskInUse} <= {a, b, None}


@pytest.mark.parametrize("attempt", range(5))
def test_a_task_is_deleted_or_waited_for(three: list[Task], at_once: AtOnce, attempt: int) -> None:
    a, b, _ = three

    outcomes = at_once(lambda: _wait(a, "b"), lambda: _delete(b))

    b.refresh_from_db()
    assert (InvalidInput in outcomes) != (TaskInUse in outcomes)
    assert (b.status, b.has_dependents) == (("ACTIVE", True) if TaskInUse in outcomes else ("DELETED", False))


@pytest.mark.parametrize("attempt", range(5))
def test_the_mark_is_right_whoever_comes_last(three: list[Task], at_once: AtOnce, attempt: int) -> None:
    a, b, c = three
    _wait(a, "b")

    at_once(lambda: _wait(a), lambda: _wait(c, "b"))

    b.refresh_from_db()
    assert b.has_dependents
