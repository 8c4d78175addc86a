"""Protection in the database: what is decided once for all nodes, what goes then, what is held and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from scheduler import claims, firing, flow, measures, nodes, protection, throttles, triggers
from scheduler.claims import EVERYWHERE
from scheduler.engine.protection import Level, Limit
from scheduler.node import SchedulerNode
from tests.hot_paths import SECOND, add_task, executions

LIMITS = {"queued": Limit(100, 200), "memoryPercent": Limit(90, 97)}
CALM, SOFT, HARD = 10.0, 150.0, 300.0
HELD = ("SCHEDULED", "throttle", "load")


@dataclass
class Ward:
    """One scheduler, at an instant that moves on by hand."""

    connection: psycopg.Connection
    now: datetime
    most_held: int = 1_000

    def decide(self, *values: float) -> Level | None:
        """Decide by these lengths of the queue, a second after another."""
        level = None
        for value in values:
            self.now += SECOND
            decided = protection.decide(
                self.connection, {"queued": value}, limits=LIMITS, most_held=self.most_held, now=self.now
            )
            level = decided.level if decided else None
        return level

    def add(self, count: int = 1, **columns: Any) -> None:
        for _ in range(count):
            add_task(self.connection, next_slot_for=self.now, interval_seconds=3600, **columns)

    def claim(self) -> list[tuple[str, str | None, str | None]]:
        firing.claim(self.connection, now=self.now)
        return sorted((row["status"], row["reason"], row["held_by"]) for row in executions(self.connection))

    def let_go(self) -> int:
        return len(throttles.release(self.connection, now=self.now, low=EVERYWHERE))

    def gates(self) -> list[tuple[Any, ...]]:
        return self.connection.execute("SELECT key, is_paused, rate IS NOT NULL FROM scheduler_permits").fetchall()


@pytest.fixture
def ward(connection: psycopg.Connection, now: datetime) -> Ward:
    return Ward(connection, now)


def test_below_the_limits_nothing_is_limited(ward: Ward):
    assert (ward.decide(CALM), ward.gates()) == (Level.NORMAL, [])


def test_above_the_hard_limit_only_what_is_critical_goes(ward: Ward):
    assert ward.decide(HARD) is Level.CRITICAL
    ward.add(priority=10)
    ward.add(priority=9)
    assert ward.claim() == [("QUEUED", None, None), HELD]


def test_above_the_soft_limit_the_most_urgent_go_first(ward: Ward):
    assert ward.decide(SOFT) is Level.THROTTLED
    for priority in (1, 9, 5):
        ward.add(20, priority=priority)
    ward.claim()
    went = 0
    while went < 20:
        ward.now += SECOND / 10
        went += ward.let_go()
    queued = [row["priority"] for row in executions(ward.connection) if row["status"] == "QUEUED"]
    assert queued.count(1) == 0
    assert queued.count(9) >= queued.count(5)


def test_what_was_held_goes_when_it_is_over(ward: Ward):
    ward.decide(HARD)
    ward.add(5, priority=5)
    assert ward.claim() == [HELD] * 5
    ward.decide(CALM)
    while ward.let_go() or ward.decide(CALM) is not Level.NORMAL:
        ward.now += SECOND
    ward.let_go()
    assert {row["status"] for row in executions(ward.connection)} == {"QUEUED"}
    assert ward.gates() == []


def test_what_is_held_keeps_its_slot(ward: Ward):
    slot = ward.now
    ward.add(priority=5)
    ward.decide(HARD)
    ward.claim()
    (row,) = executions(ward.connection)
    assert (row["scheduled_for"], row["not_before"]) == (slot, None)


def _hold(ward: Ward, count: int) -> None:
    """Have load hold so many executions, and look."""
    ward.decide(HARD)
    ward.add(count, priority=9)
    ward.claim()
    ward.decide(HARD)


def _outcome(ward: Ward, priority: int) -> tuple[str, str | None, str | None]:
    ward.add(priority=priority)
    ward.claim()
    (row,) = (row for row in executions(ward.connection) if row["priority"] == priority)
    return row["status"], row["reason"], row["held_by"]


@pytest.mark.parametrize(
    ("held", "priority", "outcome"),
    [
        (1, 3, HELD),
        (2, 3, ("SKIPPED", "shed", "shed:3")),
        (2, 4, HELD),
        (4, 1, ("SKIPPED", "shed", "shed:3")),
        (4, 6, ("SKIPPED", "shed", "shed:6")),
        (4, 7, HELD),
        (4, 10, ("QUEUED", None, None)),
    ],
)
def test_where_too_much_is_held_fresh_slots_are_left_out(
    ward: Ward, held: int, priority: int, outcome: tuple[str, str | None, str | None]
):
    ward.most_held = 2
    _hold(ward, held)
    assert _outcome(ward, priority) == outcome


def test_what_somebody_asks_for_is_held_all_the_same(ward: Ward):
    ward.most_held = 2
    _hold(ward, 4)
    task = add_task(ward.connection, priority=1)
    with ward.connection.transaction():
        triggers.trigger(ward.connection, task, request=uuid4(), task_data=None, now=ward.now)
    (row,) = (row for row in executions(ward.connection) if row["task_id"] == task)
    assert (row["status"], row["reason"], row["held_by"]) == HELD


def test_nothing_is_left_out_once_the_load_is_over(ward: Ward):
    ward.most_held = 2
    _hold(ward, 4)
    assert protection.shedding(ward.connection) == {3, 6}
    protection.lift(ward.connection, now=ward.now)
    assert protection.shedding(ward.connection) == set()
    assert _outcome(ward, 1)[1] != "shed"


def test_flow_control_leaves_what_load_leaves_out_alone(ward: Ward):
    ward.most_held = 2
    _hold(ward, 2)
    with ward.connection.transaction():
        claims.flow_state(ward.connection)
        flow.ask(
            ward.connection, {"mode": "NORMAL"}, reason=None, starts_at=ward.now, expires_at=None, actor="olaf",
            now=ward.now,
        )  # fmt: skip
    assert protection.shedding(ward.connection) == {3}


def test_one_node_decides_a_second(ward: Ward):
    assert ward.decide(HARD) is Level.CRITICAL
    standing = protection.decide(ward.connection, {"queued": CALM}, limits=LIMITS, now=ward.now + SECOND / 2)
    assert standing is not None
    assert (standing.level, standing.decided_at) == (Level.CRITICAL, ward.now)


def test_the_memory_of_any_node_counts_until_it_is_silent(ward: Ward):
    ward.connection.execute(
        "INSERT INTO scheduler_nodes (id, role, hostname, pid, version, started_at, heartbeat_at, load)"
        " VALUES (gen_random_uuid(), 'worker', 'far', 1, '', %(now)s, %(now)s, '{\"memoryPercent\": 99}')",
        {"now": ward.now},
    )
    assert ward.decide(CALM) is Level.CRITICAL
    (shown,) = ward.connection.execute("SELECT exceeded FROM scheduler_protection").fetchone() or ([],)
    assert [(one["signal"], one["of"]) for one in shown] == [("memoryPercent", "worker far")]
    ward.now += 15 * SECOND
    assert ward.decide(CALM) is Level.THROTTLED


def test_switched_off_everything_goes(ward: Ward):
    ward.decide(HARD)
    ward.add(priority=5)
    ward.claim()
    protection.lift(ward.connection, now=ward.now)
    assert (ward.let_go(), ward.gates()) == (1, [])


def test_it_measures_database_and_queues(ward: Ward):
    ward.add(3)
    ward.claim()
    assert measures.of_queues(ward.connection, now=ward.now)["queued"] == 3
    database = measures.of_database(ward.connection, now=ward.now)
    assert 0 < database["databaseConnectionsPercent"] < 100
    assert database["deadRowsPercent"] >= 0


def test_it_counts_workers_that_beat_and_that_have_fallen_silent(ward: Ward):
    for ago in (1, 30):
        ward.connection.execute(
            "INSERT INTO scheduler_nodes (id, role, hostname, pid, version, started_at, heartbeat_at, load)"
            " VALUES (gen_random_uuid(), 'worker', 'far', 1, '', %(at)s, %(at)s, '{}')",
            {"at": ward.now - ago * SECOND},
        )
    silent = ward.now - nodes.SILENT_AFTER
    counted = measures.of_nodes(ward.connection, silent=silent, forgotten=silent - 600 * SECOND)
    assert counted == {"workers": 1, "silentWorkers": 1}


@pytest.mark.usefixtures("store")
def test_a_node_measures_decides_and_says_so(ward: Ward, settings: Any):
    settings.PROTECTION = True
    node = SchedulerNode()
    nodes.heartbeat(ward.connection, ward.now, node=node.id, role="scheduler")
    for timer in node.protecting.timers:
        timer.make_due()
    node.protecting._pass(ward.connection)
    facts = node.protecting.facts
    assert facts["protection"] is not None
    assert {"queued", "databaseConnectionsPercent", "brokerMemoryPercent"} <= facts["measured"].keys()
    (load,) = ward.connection.execute("SELECT load FROM scheduler_nodes").fetchone() or ({},)
    assert {"memoryPercent", "dispatchedPerSecond"} <= load.keys()
    assert "platform_scheduler_measured" in node.metrics.render("")[0].decode()
