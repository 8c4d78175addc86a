"""Operations at /admin/."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from scheduler.engine.states import Status
from scheduler.models import Operation, Task
from tests.integration.conftest import Caller
from tests.integration.register.backfills import ask, hours, work

OPERATIONS = "/admin/scheduler/operation/"


@pytest.fixture
def operation(operator: Caller, new_task: Callable[..., Task], now: datetime) -> Operation:
    """Three slots of a task that fires every hour."""
    task = new_task("Hourly", cronExpression="0 0 * * * ?")
    return Operation.objects.get(id=ask(operator, task, hours(now, -3, 0)).json()["id"])


def page(client: Client, path: str = OPERATIONS) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def abort(client: Client, operation: Operation) -> str:
    chosen = {"action": "abort", "_selected_action": [str(operation.id)]}
    answer: Any = client.post(OPERATIONS, chosen, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_it_lists_them(admin_client: Client, operation: Operation) -> None:
    shown = page(admin_client)

    assert "Hourly" in shown and "Pending" in shown and "0 % of 3" in shown


def test_it_shows_one(admin_client: Client, operation: Operation, now: datetime) -> None:
    work(now, count=1, status=Status.FAILED, is_permanent=True, error_message="no <such> host")
    work(now, count=0)

    shown = page(admin_client, f"{OPERATIONS}{operation.id}/change/")

    assert "33 % of 3" in shown and "no &lt;such&gt; host" in shown and "1 at once" in shown


def test_it_aborts(admin_client: Client, operation: Operation) -> None:
    assert "no further slot" in abort(admin_client, operation)
    assert Operation.objects.get(id=operation.id).status == "ABORTED"


def test_it_says_that_there_is_nothing_to_abort(admin_client: Client, operation: Operation) -> None:
    abort(admin_client, operation)

    assert "nothing to abort" in abort(admin_client, operation)


@pytest.mark.parametrize("chosen", ["notauuid", "a\x00b", ""])
def test_a_selection_of_no_operation_does_nothing(admin_client: Client, operation: Operation, chosen: str) -> None:
    answer = admin_client.post(OPERATIONS, {"action": "abort", "_selected_action": [chosen]}, follow=True)

    assert "something that is no operation: nothing was done" in answer.content.decode()
    assert Operation.objects.get(id=operation.id).status == "PENDING"


def test_who_may_only_look_may_not_abort(operation: Operation, client: Client, django_user_model: type[User]) -> None:
    user = django_user_model.objects.create_user("vera", is_staff=True)
    client.force_login(user)

    assert client.get(OPERATIONS).status_code == 403
    assert Operation.objects.get(id=operation.id).status == "PENDING"


@pytest.mark.parametrize("path", ["add/", "{}/delete/"])
def test_rows_are_neither_added_nor_deleted(admin_client: Client, operation: Operation, path: str) -> None:
    assert admin_client.get(OPERATIONS + path.format(operation.id)).status_code == 403
