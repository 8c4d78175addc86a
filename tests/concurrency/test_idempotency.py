"""The same key from many clients at once: the work is done once, and nobody is told anything else."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection as django_connection

from register import operating
from register.access import create_token
from register.api.reading import read_new_task
from register.services import create_task
from scheduler import clock, idempotency
from scheduler.connections import connect, current
from scheduler.idempotency import Standing, Use
from scheduler.models import ApiToken, Execution, Handler, IdempotencyKey, Task
from tests.concurrency.together import together
from tests.integration.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 20
ROUNDS = 3
NEW = {"name": "Once", "taskClass": "platform.noop"}

rounds = pytest.mark.parametrize("_", range(ROUNDS))


@pytest.fixture
def secret() -> str:
    """Of a token that may define tasks."""
    Handler.objects.create(task_class="platform.noop", node_id="worker-1", seen_at=clock.now())
    return create_token("edda", role="editor", namespace=None, now=clock.now())[1]


@pytest.fixture
def task(secret: str) -> Task:
    """A task to run by hand."""
    return create_task(read_new_task(NEW), actor="edda", namespace=None, now=clock.now())


def post(secret: str, path: str, body: Any, *, key: str = "once") -> Any:
    """Send as one client of many does, on a connection of its own."""
    try:
        return Caller(secret).send("post", path, body, Idempotency_Key=key)
    finally:
        django_connection.close()


def at_once(secret: str, path: str, body: Any) -> list[Any]:
    return together(*[partial(post, secret, path, body)] * THREADS)


def told(answers: list[Any]) -> set[tuple[int, bytes]]:
    """Return what different things were answered, but for the requests to come again later."""
    assert {answer["Retry-After"] for answer in answers if answer.status_code == 409} <= {"1"}
    return {(answer.status_code, answer.content) for answer in answers if answer.status_code != 409}


@rounds
def test_it_creates_one_task(secret: str, _: int) -> None:
    answers = told(at_once(secret, "tasks", NEW))

    assert [status for status, _ in answers] == [201]
    assert Task.objects.count() == 1


@rounds
def test_it_runs_a_task_once(secret: str, task: Task, _: int) -> None:
    answers = told(at_once(secret, f"tasks/{task.id}/trigger", {"idempotencyKey": "once"}))

    assert [status for status, _ in answers] == [202]
    assert Execution.objects.count() == 1


@rounds
def test_it_refuses_all_alike(secret: str, _: int) -> None:
    answers = told(at_once(secret, "tasks", {"name": "Once"}))

    assert [status for status, _ in answers] == [400]


@rounds
def test_one_of_many_takes_over(secret: str, _: int) -> None:
    now = clock.now()
    use = Use(ApiToken.objects.get().id, "/api/v1/tasks", "once", b"\0" * 32)
    calls: list[Callable[[], Any]] = [partial(_take, use, now=now + timedelta(seconds=61)) for _ in range(THREADS)]

    assert _take(use, now=now) is Standing.TAKEN
    assert together(*calls).count(Standing.TAKEN) == 1


def _take(use: Use, *, now: Any) -> Any:
    with connect(application_name="platform-scheduler tests") as connection:
        return idempotency.take(connection, use, now=now)


def test_it_undoes_what_was_taken_over_while_it_ran(secret: str, task: Task) -> None:
    run = operating.trigger_task

    def stalls(*args: Any, **kwargs: Any) -> Execution:
        execution = run(*args, **kwargs)
        with connect(application_name="platform-scheduler tests") as other:
            other.execute("UPDATE scheduler_idempotency SET taken_at = taken_at + interval '61 s'")
        return execution

    with patch.object(operating, "trigger_task", stalls):
        answer = post(secret, f"tasks/{task.id}/trigger", None)

    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert (Execution.objects.count(), IdempotencyKey.objects.get().answer_status) == (0, None)


def test_a_key_is_seen_while_its_request_runs(secret: str, task: Task) -> None:
    run = operating.trigger_task
    beside: list[Any] = []

    def meets_another(*args: Any, **kwargs: Any) -> Execution:
        (again,) = together(partial(post, secret, f"tasks/{task.id}/trigger", None))
        beside.append(again)
        return run(*args, **kwargs)

    with patch.object(operating, "trigger_task", meets_another):
        first = post(secret, f"tasks/{task.id}/trigger", None)

    assert (first.status_code, [one.status_code for one in beside]) == (202, [409])
    assert Execution.objects.count() == 1


def test_a_database_that_goes_away_leaves_neither_work_nor_key(secret: str, task: Task) -> None:
    run = operating.trigger_task

    def loses_its_connection(*args: Any, **kwargs: Any) -> None:
        run(*args, **kwargs)
        current().execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with patch.object(operating, "trigger_task", loses_its_connection):
        failed = post(secret, f"tasks/{task.id}/trigger", None)

    assert failed.status_code == 503
    assert (Execution.objects.count(), IdempotencyKey.objects.count()) == (0, 0)
    assert post(secret, f"tasks/{task.id}/trigger", None).status_code == 202
