"""What the audit says was before, where somebody else writes at the same time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import Any

import pytest
from django.db import connection

from register import executing, operating, services
from register.api.reading import read_new_task, read_pause, read_resume, read_trigger
from scheduler import clock
from scheduler.connections import connect
from scheduler.models import AuditRecord, Execution, Handler, Task

pytestmark = pytest.mark.django_db(transaction=True)

LOOKS = 20_000
_WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted"

Meanwhile = Callable[[str, Any, Callable[[], Any]], None]


@pytest.fixture
def task() -> Task:
    """Does nothing, on request."""
    Handler.objects.create(task_class="platform.noop", node_id="worker-1", seen_at=clock.now())
    given = read_new_task({"name": "Noop", "taskClass": "platform.noop"})
    return services.create_task(given, actor="edda", namespace=None, now=clock.now())


@pytest.fixture
def meanwhile(db: None) -> Iterator[Meanwhile]:
    """Has somebody else write to a row, and commit when a verb has come to wait for it."""
    with connect(application_name="somebody-else") as other, ThreadPoolExecutor(1) as threads:

        def write(statement: str, row: Any, verb: Callable[[], Any]) -> None:
            with other.transaction():
                other.execute(statement, (row,))
                done = threads.submit(_on_its_own_connection, verb)
                looks = sum(1 for _ in takewhile(lambda _: other.execute(_WAITS).fetchone() == (0,), range(LOOKS)))
                assert looks < LOOKS, "It never waited."
            done.result(30)

        yield write


def _on_its_own_connection(verb: Callable[[], Any]) -> None:
    try:
        verb()
    finally:
        connection.close()


def test_a_resumption_says_why_the_task_was_paused(task: Task, meanwhile: Meanwhile) -> None:
    operating.pause_task(task.id, read_pause({"reason": "a"}), actor="olaf", namespace=None, now=clock.now())

    meanwhile(
        "UPDATE scheduler_tasks SET pause_reason = 'b' WHERE id = %s",
        task.id,
        lambda: operating.resume_task(task.id, read_resume({}), namespace=None, now=clock.now()),
    )

    before: Any = AuditRecord.objects.get(verb="resume").before
    assert before["pauseReason"] == "b"


def test_what_was_asked_to_end_already_is_asked_once(task: Task, meanwhile: Meanwhile) -> None:
    made = operating.trigger_task(task.id, read_trigger({}), namespace=None, now=clock.now())
    Execution.objects.filter(id=made.id).update(status="RUNNING", start_time=clock.now())

    meanwhile(
        "UPDATE task_execution_history SET cancel_requested_at = now() WHERE id = %s",
        made.id,
        lambda: executing.cancel_execution(made.id, actor="olaf", namespace=None, now=clock.now()),
    )

    assert not AuditRecord.objects.filter(verb="cancel").exists()
