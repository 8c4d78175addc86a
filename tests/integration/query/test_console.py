"""Tasks and executions at /admin/."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from scheduler.models import Execution, Task


def test_it_lists_tasks(admin_client: Client, cleanup: Task) -> None:
    assert "Daily Data Cleanup" in admin_client.get("/admin/scheduler/task/").content.decode()


def test_it_shows_a_task(admin_client: Client, cleanup: Task) -> None:
    assert admin_client.get(f"/admin/scheduler/task/{cleanup.id}/change/").status_code == 200


@pytest.mark.parametrize("path", ["task/add/", "execution/add/"])
def test_it_adds_nothing(admin_client: Client, path: str) -> None:
    assert admin_client.get(f"/admin/scheduler/{path}").status_code == 403


def test_it_deletes_no_task(admin_client: Client, cleanup: Task) -> None:
    assert admin_client.post(f"/admin/scheduler/task/{cleanup.id}/delete/", {"post": "yes"}).status_code == 403


@pytest.fixture
def today(cleanup: Task, record: Callable[..., Execution], now: datetime) -> Execution:
    """An execution whose slot is now."""
    return record(cleanup, now)


@pytest.mark.parametrize("term", ["", "{execution}", "{task}", "Daily Data Cleanup"])
def test_it_finds_executions(admin_client: Client, today: Execution, term: str) -> None:
    query = {"q": term.format(execution=today.id, task=today.task_id)}

    assert str(today.id) in admin_client.get("/admin/scheduler/execution/", query).content.decode()


def test_it_finds_no_others(admin_client: Client, today: Execution) -> None:
    answer = admin_client.get("/admin/scheduler/execution/", {"q": "Another"})

    assert str(today.id) not in answer.content.decode()


def test_it_lists_the_last_days_only(admin_client: Client, january: list[Execution]) -> None:
    assert str(january[0].id) not in admin_client.get("/admin/scheduler/execution/").content.decode()


def test_it_shows_any_execution(admin_client: Client, january: list[Execution]) -> None:
    assert admin_client.get(f"/admin/scheduler/execution/{january[0].id}/change/").status_code == 200


def test_it_changes_no_execution(admin_client: Client, january: list[Execution]) -> None:
    answer: Any = admin_client.post(f"/admin/scheduler/execution/{january[0].id}/change/", {"status": "LOST"})

    assert answer.status_code == 403


def test_it_is_for_staff(client: Client, db: None) -> None:
    assert client.get("/admin/scheduler/task/").status_code == 302
