"""What the first line of the overview says, whatever is wrong."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from scheduler.models import Execution, Handler, Node, Task

MINUTE = timedelta(minutes=1)
KEEPS_UP = "The schedulers keep up."
SILENT = "The broker has taken nothing for 1 min"
NO_WORKER = "No worker takes from"


@pytest.fixture
def waiting(new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime) -> Execution:
    """One that has waited for a minute, beside a scheduler and a worker that beat."""
    for role in ("scheduler", "worker"):
        Node.objects.create(
            id=uuid4(),
            role=role,
            hostname="host",
            pid=1,
            started_at=now,
            heartbeat_at=now,
            load={"queues": ["default"]},
        )
    return record(new_task("Report"), now - MINUTE, status="QUEUED", queued_at=now - MINUTE, published_at=now)


def banner(client: Client) -> str:
    page = client.get("/admin/").content.decode()
    return page.partition('<p class="banner')[2].partition("</p>")[0]


def test_all_is_well_where_the_broker_has_all_and_a_worker_takes_it(admin_client: Client, waiting: Execution) -> None:
    assert KEEPS_UP in banner(admin_client)


def test_a_broker_that_takes_nothing_is_told(admin_client: Client, waiting: Execution) -> None:
    Execution.objects.filter(id=waiting.id).update(published_at=None)

    assert SILENT in banner(admin_client)


def test_a_queue_without_a_worker_is_told(admin_client: Client, waiting: Execution) -> None:
    Execution.objects.filter(id=waiting.id).update(queue="cron")

    said = banner(admin_client)
    assert NO_WORKER in said
    assert "cron</a>" in said


@pytest.mark.parametrize("change", [{"published_at": None}, {"queue": "cron"}])
def test_what_has_waited_for_a_moment_only_is_nothing_to_tell(
    admin_client: Client, waiting: Execution, now: datetime, change: dict[str, str | None]
) -> None:
    Execution.objects.filter(id=waiting.id).update(queued_at=now - timedelta(seconds=5), **change)

    assert KEEPS_UP in banner(admin_client)


def test_it_claims_of_workers_that_took_their_leave_nothing_that_it_cannot_know(
    admin_client: Client, waiting: Execution, now: datetime
) -> None:
    Node.objects.filter(role="worker").update(ended_at=now)

    page = admin_client.get("/admin/").content.decode()
    assert "none is here" in page
    assert "none was ever here" not in page


def test_a_class_that_no_worker_announces_any_more_is_told(
    admin_client: Client, waiting: Execution, now: datetime
) -> None:
    Handler.objects.filter(task_class=waiting.task.task_class).update(seen_at=now - 4 * MINUTE)

    said = banner(admin_client)
    assert said.startswith(' bad">')
    assert "No worker has the handler of <a" in said
    assert f"?taskClass={waiting.task.task_class}" in said


def test_a_class_that_nothing_active_needs_is_nothing_to_tell(
    admin_client: Client, waiting: Execution, now: datetime
) -> None:
    Handler.objects.exclude(task_class=waiting.task.task_class).update(seen_at=now - 4 * MINUTE)

    assert KEEPS_UP in banner(admin_client)


def test_workers_that_restart_are_no_class_that_is_gone(
    admin_client: Client, waiting: Execution, now: datetime
) -> None:
    Handler.objects.update(seen_at=now - 4 * MINUTE)
    Node.objects.filter(role="worker").update(ended_at=now)
    waiting.delete()

    assert KEEPS_UP in banner(admin_client)
