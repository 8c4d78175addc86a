"""Random work under random flow control: rates and places are never exceeded, counts are right, nothing is lost."""

import random
from collections import Counter

import pytest

from scheduler import flow, holding, permits, sweep, throttles
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from tests.hot_paths import SECOND, add_task, change, executions, queue_one
from tests.integration.scheduler.flow.desk import FREE, STOP, Desk, slow
from tests.integration.scheduler.lifecycle import end, start

SEEDS = range(12)
STEPS = 60
QUEUES = ("default", "reports")
POLICIES = ("ALLOW", "QUEUE", "SKIP", "CANCEL_RUNNING")
DOCUMENTS = (
    FREE,
    STOP,
    slow(3),
    slow(at_once=2),
    slow(5, at_once=3, queues={"reports": slow(1)}),
    FREE | {"queues": {"reports": STOP}},
    FREE | {"queues": {"reports": slow(0.5, at_once=1)}, "namespaces": {"default": slow(4)}},
)


class Play:
    """Does one random thing after another, and looks after each whether all is as it should be."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.dice = desk, random.Random(seed)
        self.tasks = [
            add_task(
                desk.connection, next_slot_for=desk.now + number % 7 * SECOND, interval_seconds=4 + number % 5,
                queue=QUEUES[number % 2], priority=1 + number % 10, overlap_policy=POLICIES[number % 4],
                max_concurrency=2 if number % 5 == 0 else None, misfire_policy="FIRE_ALL",
                misfire_grace_seconds=2, max_retry_count=1,
                retry_policy='{"delaySeconds": 2, "jitter": false}',
            )
            for number in range(12)
        ]  # fmt: skip

    def step(self) -> None:
        """Let some time pass, then do one thing, then what each tick does."""
        self.desk.now += SECOND * self.dice.choice((0.1, 0.4, 1))
        self.dice.choice((self.work, self.work, self.work, self.ask, self.set))()
        flow.lift(self.desk.connection)
        self.desk.claim()
        self.desk.let_go()
        self.desk.look()

    def work(self) -> None:
        """Start and end some of what is QUEUED."""
        rows = [row for row in executions(self.desk.connection) if row["status"] == "QUEUED"]
        for row in self.dice.sample(rows, min(len(rows), 3)):
            started = start(self.desk.connection, row["id"], now=self.desk.now)
            if started is not None:
                status = self.dice.choice((Status.SUCCESS, Status.SUCCESS, Status.FAILED))
                end(self.desk.connection, started, now=self.desk.now, status=status)

    def ask(self) -> None:
        """Ask for a run by hand."""
        queue_one(self.desk.connection, self.dice.choice(self.tasks), now=self.desk.now)

    def set(self) -> None:
        """Set flow control."""
        self.desk.set(self.dice.choice(DOCUMENTS))

    def finish(self) -> None:
        """Lift everything, let no further slot come, and work until nothing is left."""
        self.desk.set(FREE)
        flow.lift(self.desk.connection)
        for task_id in self.tasks:
            change(self.desk.connection, "scheduler_tasks", task_id, claim_at=None)
        for _ in range(400):
            self.desk.now += SECOND
            self.work()
            self.desk.let_go()
            self.desk.look()


def opened(desk: Desk) -> list[tuple[object, int]]:
    return desk.connection.execute("SELECT id, open_count FROM scheduler_tasks ORDER BY id").fetchall()


def used(desk: Desk) -> list[tuple[str, int]]:
    return desk.connection.execute(
        "SELECT key, used FROM scheduler_permits WHERE capacity IS NOT NULL ORDER BY key"
    ).fetchall()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_flow_control_loses_nothing(desk: Desk, seed: int):
    play = Play(desk, seed)
    for _ in range(STEPS):
        play.step()
        counted = used(desk), opened(desk)
        permits.recount(desk.connection)
        sweep.recount_open(desk.connection, after=EVERYWHERE)
        assert (used(desk), opened(desk)) == counted
        held = {row["held_by"] for row in executions(desk.connection) if row["reason"] == "flow"}
        waiting = {row[0] for row in desk.connection.execute("SELECT key FROM scheduler_permits WHERE has_waiting")}
        assert held <= waiting
    play.finish()
    left = Counter(row["status"] for row in executions(desk.connection))
    assert not {"SCHEDULED", "QUEUED", "RUNNING"} & left.keys()
    assert desk.connection.execute("SELECT count(*) FROM scheduler_permits").fetchone() == (0,)
    assert desk.connection.execute("SELECT sum(open_count) FROM scheduler_tasks").fetchone() == (0,)
    assert not holding.by_reason(desk.connection, limit=1)
    assert throttles.release(desk.connection, now=desk.now, low=EVERYWHERE) == []
