"""Workers, schedulers and people at the same row: started once, finished once, retried once, and counted right."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import claims, firing, releases, sweep, transitions
from scheduler.engine.states import OPEN, Reason, Status
from scheduler.records import Outcome, Started
from tests.concurrency.together import flat, together
from tests.hot_paths import LEASE, MINUTE, SECOND, Open, add_task, executions, queue_one, start_one, statuses, task

EVERYWHERE = UUID(int=0)
ROUNDS = 10

rounds = pytest.mark.parametrize("_", range(ROUNDS))


@pytest.fixture
def report(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that may not overlap and is retried."""
    return add_task(connection, next_slot_for=now + timedelta(days=1), overlap_policy="SKIP")


@pytest.fixture
def running(connection: psycopg.Connection, report: UUID, now: datetime) -> Started:
    """An execution of it."""
    return start_one(connection, report, now=now)


def finish(connection: psycopg.Connection, started: Started, status: Status, *, now: datetime) -> set[UUID]:
    return set(transitions.finish(connection, [Outcome(started.id, started.fence, status)], now=now))


def start(connection: psycopg.Connection, execution_id: UUID, *, now: datetime) -> Started | None:
    return transitions.start(connection, execution_id, node_id="node", lease_expires_at=now + LEASE, now=now)


def start_all(connection: psycopg.Connection, executions: list[UUID], *, now: datetime) -> list[Started]:
    return transitions.start_all(connection, executions, node_id="node", lease_expires_at=now + LEASE, now=now)


def delete(connection: psycopg.Connection, task_id: UUID, *, now: datetime) -> set[UUID]:
    """What registration does, in its order of locks: the task, then what waits."""
    with connection.transaction():
        firing.record_due(connection, task_id, now=now)
        connection.execute(
            "UPDATE scheduler_tasks SET status = 'DELETED', claim_at = NULL, next_slot_for = NULL WHERE id = %s",
            (task_id,),
        )
        waiting = claims.waiting_executions(connection, [task_id])
        return transitions.cancel_waiting(connection, waiting, reason=Reason.DELETED, now=now)


@rounds
def test_it_starts_an_execution_once_with_several_workers(
    connection: psycopg.Connection, open_connection: Open, report: UUID, now: datetime, _: int
):
    execution_id = queue_one(connection, report, now=now)
    won = together(*(partial(start, open_connection(), execution_id, now=now) for _ in range(4)))
    assert len([one for one in won if one]) == 1


@rounds
def test_it_starts_each_of_a_bundle_once_with_several_workers(
    connection: psycopg.Connection, open_connection: Open, now: datetime, _: int
):
    bundle = [queue_one(connection, add_task(connection), now=now) for _ in range(20)]
    won = together(*(partial(start_all, open_connection(), bundle, now=now) for _ in range(4)))
    assert sorted(one.id for one in flat(won)) == sorted(bundle)


@rounds
def test_it_either_hands_back_or_loses(
    connection: psycopg.Connection, open_connection: Open, report: UUID, running: Started, now: datetime, _: int
):
    later = now + LEASE + SECOND
    given, lost = together(
        partial(transitions.hand_back, open_connection(), [(running.id, running.fence)], now=later),
        partial(sweep.lose, open_connection(), now=later, low=EVERYWHERE),
    )
    expected = ["QUEUED"] if given else ["LOST", "SCHEDULED"]
    assert (len(given) + lost, statuses(connection, report)) == (1, expected)


@rounds
def test_it_retries_once_where_reporter_and_sweep_end_the_same_execution(
    connection: psycopg.Connection, open_connection: Open, report: UUID, running: Started, now: datetime, _: int
):
    later = now + LEASE + SECOND
    ended, lost = together(
        partial(finish, open_connection(), running, Status.FAILED, now=later),
        partial(sweep.lose, open_connection(), now=later, low=EVERYWHERE),
    )
    retry = executions(connection, report)[1]
    assert (len(ended) + lost, retry["attempt"], retry["status"]) == (1, 2, "SCHEDULED")
    assert task(connection, report)["open_count"] == 1


@rounds
def test_it_believes_the_first_of_two_outcomes(
    connection: psycopg.Connection, open_connection: Open, report: UUID, running: Started, now: datetime, _: int
):
    ended = together(
        *(partial(finish, open_connection(), running, status, now=now) for status in (Status.SUCCESS, Status.CANCELLED))
    )
    assert (sorted(map(len, ended)), task(connection, report)["open_count"]) == ([0, 1], 0)


@rounds
def test_it_either_renews_or_loses(
    connection: psycopg.Connection, open_connection: Open, report: UUID, running: Started, now: datetime, _: int
):
    later = now + LEASE + SECOND
    held = [(running.id, running.fence)]
    owned, lost = together(
        partial(transitions.renew, open_connection(), held, lease_expires_at=later + LEASE),
        partial(sweep.lose, open_connection(), now=later, low=EVERYWHERE),
    )
    assert (len(owned), lost) in {(1, 0), (0, 1)}


@rounds
def test_it_either_starts_or_cancels_what_waits_for_a_deleted_task(
    connection: psycopg.Connection, open_connection: Open, report: UUID, now: datetime, _: int
):
    execution_id = queue_one(connection, report, now=now)
    together(
        partial(start, open_connection(), execution_id, now=now),
        partial(delete, open_connection(), report, now=now),
    )
    assert statuses(connection, report) in (["RUNNING"], ["CANCELLED"], ["QUEUED"])


@rounds
def test_it_leaves_nothing_waiting_once_a_task_is_deleted_and_swept(
    connection: psycopg.Connection, open_connection: Open, report: UUID, running: Started, now: datetime, _: int
):
    together(
        partial(finish, open_connection(), running, Status.FAILED, now=now),
        partial(delete, open_connection(), report, now=now),
        partial(releases.release, open_connection(), now=now + MINUTE, low=EVERYWHERE),
    )
    sweep.cancel_deleted(connection, now=now + MINUTE)
    assert not set(statuses(connection, report)) & OPEN


@rounds
def test_it_recounts_beside_a_finish(
    connection: psycopg.Connection, open_connection: Open, report: UUID, running: Started, now: datetime, _: int
):
    together(
        partial(finish, open_connection(), running, Status.SUCCESS, now=now),
        partial(sweep.recount_open, open_connection(), after=EVERYWHERE),
    )
    assert task(connection, report)["open_count"] == 0


def test_it_ends_crossing_batches_without_a_deadlock(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    """Two workers end executions of the same tasks in opposite order, while a scheduler claims those tasks."""
    tasks = [add_task(connection, next_slot_for=now) for _ in range(40)]
    batches = [[start_one(connection, one, now=now + number * SECOND) for one in tasks] for number in (1, 2)]
    connection.execute("UPDATE scheduler_tasks SET overlap_policy = 'QUEUE', open_count = 2")
    outcomes = [[Outcome(one.id, one.fence, Status.FAILED) for one in batch] for batch in batches]
    together(
        partial(transitions.finish, open_connection(), outcomes[0], now=now + MINUTE),
        partial(transitions.finish, open_connection(), outcomes[1][::-1], now=now + MINUTE),
        partial(firing.claim, open_connection(), now=now),
        partial(sweep.recount_open, open_connection(), after=EVERYWHERE),
    )
    firing.claim(connection, now=now)  # what the others held meanwhile
    sizes = {(len(executions(connection, one)), task(connection, one)["open_count"]) for one in tasks}
    assert sizes == {(5, 3)}


# The count of open executions, whatever happens


class Crowd:
    """Threads that do anything at all to a few tasks; `moves` come in an order that the seed decides."""

    def __init__(self, tasks: list[UUID], *, now: datetime, seed: int) -> None:
        self.tasks = tasks
        self.now = now
        self.dice = random.Random(seed)

    def work(self, connection: psycopg.Connection, dice: random.Random) -> None:
        moves: list[Callable[..., Any]] = [self.claim, self.ask, self.run, self.cancel, self.release, self.recount]
        for number in range(40):
            dice.choice(moves)(connection, dice, self.now + number * SECOND)

    def claim(self, connection: psycopg.Connection, dice: random.Random, now: datetime) -> None:
        firing.claim(connection, now=now)

    def ask(self, connection: psycopg.Connection, dice: random.Random, now: datetime) -> None:
        with connection.transaction():
            queue_one(connection, dice.choice(self.tasks), now=now + dice.randrange(1_000) * timedelta(milliseconds=1))

    def run(self, connection: psycopg.Connection, dice: random.Random, now: datetime) -> None:
        queued = [row["id"] for row in executions(connection) if row["status"] == "QUEUED"]
        started = [start(connection, one, now=now) for one in dice.sample(queued, min(5, len(queued)))]
        endings = [Outcome(one.id, one.fence, dice.choice(ENDS)) for one in started if one]
        transitions.finish(connection, endings, now=now + SECOND)

    def cancel(self, connection: psycopg.Connection, dice: random.Random, now: datetime) -> None:
        with connection.transaction():
            waiting = claims.waiting_executions(connection, [dice.choice(self.tasks)])
            transitions.cancel_waiting(connection, waiting[:2], reason="requested", now=now)

    def release(self, connection: psycopg.Connection, dice: random.Random, now: datetime) -> None:
        releases.release(connection, now=now + MINUTE, low=EVERYWHERE)

    def recount(self, connection: psycopg.Connection, dice: random.Random, now: datetime) -> None:
        sweep.recount_open(connection, after=EVERYWHERE)


ENDS = (Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.LOST)


@pytest.mark.parametrize("seed", range(3))
def test_it_never_loses_count_of_open_executions(
    connection: psycopg.Connection, open_connection: Open, now: datetime, seed: int
):
    tasks = [
        add_task(connection, next_slot_for=now, interval_seconds=5, overlap_policy=policy)
        for policy in ("SKIP", "QUEUE", "CANCEL_RUNNING")
    ]
    crowd = Crowd(tasks, now=now, seed=seed)
    together(*(partial(crowd.work, open_connection(), random.Random(seed * 10 + number)) for number in range(4)))
    counted = {one: task(connection, one)["open_count"] for one in tasks}
    assert counted == {one: len([s for s in statuses(connection, one) if s in OPEN]) for one in tasks}
