"""`manage.py backfill`."""

from collections.abc import Callable
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from register.management.commands import backfill
from scheduler.engine.states import Status
from scheduler.models import Operation, Task
from tests.integration.register.backfills import hours, work


@pytest.fixture
def hourly(new_task: Callable[..., Task]) -> Task:
    """Fires every hour."""
    return new_task("Hourly", cronExpression="0 0 * * * ?")


def call(task: str, period: dict[str, str], *more: str, **options: Any) -> str:
    out = StringIO()
    call_command("backfill", task, "--from", period["from"], "--to", period["to"], *more, stdout=out, **options)
    return out.getvalue()


class Working:
    """Stands for the seconds between two looks: schedulers and workers do what is to be done."""

    def __init__(self, now: datetime, **outcome: Any) -> None:
        self.now, self.outcome = now, outcome

    def wait(self, _seconds: float) -> None:
        work(self.now, count=1, **self.outcome)


@pytest.mark.usefixtures("hourly")
def test_it_asks_for_a_backfill(now: datetime) -> None:
    said = call("Hourly", hours(now, -3, 0), "--max-parallel", "2", "--rerun")

    operation = Operation.objects.get()
    assert said == f"Backfill {operation.id} of Hourly: 3 slots.\n"
    assert (operation.arguments["maxParallel"], operation.arguments["rerun"], operation.created_by) == (
        2, True, "manage.py",
    )  # fmt: skip


def test_it_takes_an_id(hourly: Task, now: datetime) -> None:
    call(str(hourly.id), hours(now, -3, 0))

    assert Operation.objects.get().task == hourly


def test_it_takes_a_name_of_a_namespace(payroll: Task, now: datetime) -> None:
    call("Payroll", hours(now, -3, 0), "--namespace", "payments")

    assert Operation.objects.get().namespace == "payments"


def test_a_day_is_its_midnight_in_the_tasks_zone(new_task: Callable[..., Task]) -> None:
    new_task("Berlin", cronExpression="0 0 * * * ?", timeZone="Europe/Berlin")
    call("Berlin", {"from": "2023-03-26", "to": "2023-03-27"})

    operation = Operation.objects.get()
    assert (operation.arguments["from"], operation.total_count) == ("2023-03-25T23:00:00+00:00", 23)


@pytest.mark.usefixtures("hourly")
def test_a_dry_run_only_looks(now: datetime) -> None:
    call("Hourly", hours(now, -3, -1))
    work(now, count=1)
    work(now, count=1)
    work(now, count=0)

    said = call("Hourly", hours(now, -3, 0), "--dry-run")

    assert "3 slots" in said and "1 would run, 2 would be left out" in said
    assert Operation.objects.count() == 1


@pytest.mark.usefixtures("hourly")
def test_it_waits_until_it_has_ended(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "_stopping", Working(now))

    said = call("Hourly", hours(now, -2, 0), "--wait")

    assert said.splitlines()[-1] == "COMPLETED: 2 of 2: 2 done, 0 failed, 0 left out"


@pytest.mark.usefixtures("hourly")
def test_it_fails_where_a_slot_has_failed(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = {"status": Status.FAILED, "is_permanent": True, "error_message": "no such host"}
    monkeypatch.setattr(backfill, "_stopping", Working(now, **failure))

    with pytest.raises(CommandError, match=r"1 failed\.\n.*FAILED no such host"):
        call("Hourly", hours(now, -1, 0), "--wait")


@pytest.mark.parametrize(
    ("task", "period", "more", "message"),
    [
        ("Nobody", {}, [], "There is no task 'Nobody'"),
        ("\0", {}, [], "There is no task"),
        ("Hourly", {}, ["--namespace", "payments"], "There is no task"),
        ("Hourly", {"from": "yesterday"}, [], "--from: This must be an instant"),
        ("Hourly", {"from": "0001-01-01"}, [], "--from: This must lie between 1970 and 2199"),
        ("Hourly", {"to": "9999-12-31"}, [], "--to: This must lie between 1970 and 2199"),
        ("Hourly", {"to": "2199-12-31"}, [], "--to: Slots to come fire by themselves"),
        ("Hourly", {}, ["--max-parallel", "0"], "--max-parallel"),
    ],
)
def test_it_says_in_one_line_what_is_wrong(
    hourly: Task, now: datetime, task: str, period: dict[str, str], more: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        call(task, hours(now, -3, 0) | period, *more)


@pytest.mark.usefixtures("hourly")
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_it_names_the_one_that_is_open(now: datetime, more: list[str]) -> None:
    call("Hourly", hours(now, -3, 0))

    with pytest.raises(CommandError, match=str(Operation.objects.get().id)):
        call("Hourly", hours(now, -3, 0), *more)


def test_it_finds_no_deleted_task(hourly: Task, now: datetime) -> None:
    Task.objects.filter(id=hourly.id).update(status="DELETED", claim_at=None)

    with pytest.raises(CommandError, match="There is no task"):
        call(str(hourly.id), hours(now, -3, 0))
