"""The last runs of tasks."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg

from scheduler.engine.states import Status
from scheduler.strips import Run, last_runs, trouble_of
from tests.hot_paths import MINUTE, add_task, change, queue_one


def ran(connection: psycopg.Connection, task: UUID, at: datetime, status: str) -> UUID:
    made = queue_one(connection, task, now=at)
    change(connection, "task_execution_history", made, status=status, execution_time_ms=7)
    return made


def test_they_come_by_task_the_oldest_first_and_no_more_than_asked(connection: psycopg.Connection, now: datetime):
    one, other, idle = (add_task(connection) for _ in range(3))
    made = [ran(connection, one, now - number * MINUTE, "SUCCESS") for number in (3, 2, 1)]
    ran(connection, other, now, "FAILED")
    runs = last_runs([one, other, idle], count=2)
    assert [run.id for run in runs[one]] == made[1:]
    assert [run.status for run in runs[other]] == [Status.FAILED]
    assert runs[idle] == []


def test_of_no_task_there_are_none(connection: psycopg.Connection):
    assert last_runs([]) == {}


def run(minutes: int, status: Status, attempt: int = 1) -> Run:
    return Run(uuid4(), UUID(int=1), datetime(2026, 1, 1, 12, minutes, tzinfo=UTC), status, attempt, None)


def test_the_latest_slot_that_was_not_left_out_decides_on_trouble():
    failed = run(1, Status.FAILED)
    assert trouble_of([run(0, Status.SUCCESS), failed, run(2, Status.SKIPPED)]) is failed
    assert trouble_of([failed, run(2, Status.RUNNING)]) is failed
    assert trouble_of([failed, run(2, Status.SUCCESS), run(3, Status.RUNNING)]) is None
    assert trouble_of([failed, run(1, Status.SUCCESS, attempt=2)]) is None
    assert trouble_of([]) is None


def test_a_second_slot_that_fails_is_trouble_though_both_are_tried_again():
    failing = [run(minutes, Status.FAILED) for minutes in (1, 2)]
    again = [run(minutes, Status.SCHEDULED, attempt=2) for minutes in (1, 2)]
    assert trouble_of([failing[0], again[0]]) is None
    assert trouble_of([*failing, *again]) is failing[1]
    assert trouble_of([*failing, *again, run(3, Status.SUCCESS)]) is None
