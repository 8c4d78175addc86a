"""Executions, nodes and handlers at /admin/."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from scheduler.models import Execution, ExecutionLog, Handler, Node, Task

EXECUTIONS = "/admin/scheduler/execution/"


def _page(client: Client, path: str = EXECUTIONS, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def today(cleanup: Task, record: Callable[..., Execution], now: datetime) -> Execution:
    """An execution whose slot is now."""
    return record(cleanup, now, status="FAILED", error_message="First line\nsecond line", execution_time_ms=1234)


@pytest.mark.parametrize("term", ["", "{execution}", "{task}", "Daily Data Cleanup"])
def test_it_finds_executions(admin_client: Client, today: Execution, term: str) -> None:
    assert str(today.id) in _page(admin_client, q=term.format(execution=today.id, task=today.task_id))


@pytest.mark.parametrize("term", ["Another", "%"])
def test_it_finds_no_others(admin_client: Client, today: Execution, term: str) -> None:
    assert str(today.id) not in _page(admin_client, q=term)


def test_it_says_that_nothing_can_hold_the_character_nul(admin_client: Client, today: Execution) -> None:
    assert "Null characters are not allowed" in _page(admin_client, q="\0")


def test_it_says_what_failed_and_why_in_the_row(admin_client: Client, today: Execution) -> None:
    page = _page(admin_client)

    assert "✗\N{NO-BREAK SPACE}Failed" in page
    assert "First line" in page
    assert "second line" not in page
    assert "1.2 s" in page


def test_it_filters_by_status(admin_client: Client, today: Execution) -> None:
    assert str(today.id) not in _page(admin_client, status__exact="SUCCESS")


def test_it_lists_the_last_days_only(admin_client: Client, january: list[Execution]) -> None:
    assert str(january[0].id) not in _page(admin_client)


def test_it_shows_any_execution(admin_client: Client, january: list[Execution]) -> None:
    assert str(january[0].id) in _page(admin_client, f"{EXECUTIONS}{january[0].id}/change/")


def test_it_shows_an_error_as_it_was_written(admin_client: Client, today: Execution) -> None:
    page = _page(admin_client, f"{EXECUTIONS}{today.id}/change/")

    assert "<pre>First line\nsecond line</pre>" in page


def test_it_shows_the_log(admin_client: Client, january: list[Execution]) -> None:
    ExecutionLog.objects.create(id=january[0].id, head="first <b>line</b>", tail="last line", dropped_bytes=4096)

    page = _page(admin_client, f"{EXECUTIONS}{january[0].id}/change/")

    assert "first &lt;b&gt;line" in page
    assert "4,096 bytes are left out" in page
    assert "last line" in page


@pytest.mark.parametrize("path", ["add/", "{id}/change/", "{id}/delete/"])
def test_it_changes_no_execution(admin_client: Client, january: list[Execution], path: str) -> None:
    answer: Any = admin_client.post(EXECUTIONS + path.format(id=january[0].id), {"status": "LOST", "post": "yes"})

    assert answer.status_code == 403


def test_it_asks_no_query_for_each_execution(
    admin_client: Client,
    cleanup: Task,
    record: Callable[..., Execution],
    now: datetime,
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(5):
        record(cleanup, now - timedelta(minutes=number))

    with django_assert_max_num_queries(7):
        _page(admin_client)


def test_it_offers_no_counts(admin_client: Client, today: Execution) -> None:
    assert "_facets" not in _page(admin_client)


def test_it_says_which_nodes_are_silent(admin_client: Client, now: datetime) -> None:
    beats = (now, now - timedelta(minutes=2))
    Node.objects.bulk_create(
        Node(id=UUID(int=number), role="worker", hostname="host", pid=number, started_at=beat, heartbeat_at=beat)
        for number, beat in enumerate(beats, 1)
    )

    assert _page(admin_client, "/admin/scheduler/node/").count("⚠ silent, 2 min ago") == 1


def test_it_says_which_nodes_have_ended(admin_client: Client, now: datetime) -> None:
    beat, end = now - timedelta(minutes=2), now - timedelta(minutes=1)
    Node.objects.create(
        id=UUID(int=1), role="worker", hostname="h", pid=1, started_at=beat, heartbeat_at=beat, ended_at=end
    )
    page = _page(admin_client, "/admin/scheduler/node/")

    assert ("ended, 1 min ago" in page, "silent" in page) == (True, False)


def test_it_lists_the_catalogue(admin_client: Client, handlers: dict[str, Handler]) -> None:
    assert "platform.noop" in _page(admin_client, "/admin/scheduler/handler/")


@pytest.mark.parametrize("path", ["node/add/", "handler/add/", "handler/platform.noop/change/"])
def test_it_writes_neither_nodes_nor_handlers(admin_client: Client, handlers: dict[str, Handler], path: str) -> None:
    assert admin_client.post(f"/admin/scheduler/{path}", {"version": "x"}).status_code == 403


def test_it_is_for_staff(client: Client, db: None) -> None:
    assert client.get(EXECUTIONS).status_code == 302
