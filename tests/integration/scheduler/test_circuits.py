"""Circuits in the database: what is noted, who is held, who tries, how it goes on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import circuits, claims, firing, flow, releases, requests, sweep, throttles, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.circuits import Limits
from scheduler.engine.states import Status
from scheduler.metrics import NodeMetrics
from scheduler.protecting import Protecting
from scheduler.records import Outcome
from tests.hot_paths import LEASE, SECOND, add_task, executions, queue_one

LIMITS = Limits(minimum_calls=3)
HELD = ("SCHEDULED", "circuit", "service:billing")


@dataclass
class Ward:
    """One scheduler and one worker, at an instant that moves on by hand."""

    connection: psycopg.Connection
    now: datetime

    def add(self, **columns: Any) -> UUID:
        given: dict[str, Any] = {"uses": ["billing"], "interval_seconds": 3600, "max_retry_count": 0}
        return add_task(self.connection, **given | columns)

    def run(self, execution: UUID, status: Status, **given: Any) -> None:
        """Start an execution and end it."""
        started = transitions.start(
            self.connection, execution, node_id="node-1", lease_expires_at=self.now + LEASE, now=self.now
        )
        assert started is not None
        outcome = Outcome(execution, started.fence, status, ended_at=self.now + SECOND / 10, **given)
        transitions.finish(self.connection, [outcome], now=self.now)

    def fail(self, count: int = 3, **given: Any) -> None:
        task = self.add()
        for _ in range(count):
            self.run(queue_one(self.connection, task, now=self.now), Status.FAILED, **given)

    def look(self) -> None:
        circuits.take_in(self.connection, limits=LIMITS, now=self.now)
        circuits.tick(self.connection, now=self.now)

    def trip(self) -> None:
        self.fail()
        self.look()

    def half_open(self) -> None:
        """Trip, and wait until a probe may go."""
        self.trip()
        self.now += 30 * SECOND
        self.look()

    def claim(self) -> list[tuple[str, str | None, str | None]]:
        """Claim what is due; return how the open and left out ones stand."""
        firing.claim(self.connection, now=self.now)
        return self.stands()

    def stands(self) -> list[tuple[str, str | None, str | None]]:
        rows = executions(self.connection)
        return sorted((row["status"], row["reason"], row["held_by"]) for row in rows if row["status"] != "FAILED")

    def let_go(self) -> list[UUID]:
        return [one.id for one in throttles.release(self.connection, now=self.now, low=EVERYWHERE)]

    def circuit(self, name: str = "billing") -> tuple[str, UUID | None]:
        row = self.connection.execute("SELECT state, probe FROM scheduler_circuits WHERE name = %s", (name,)).fetchone()
        assert row is not None
        return row

    def gates(self) -> int:
        row = self.connection.execute("SELECT count(*) FROM scheduler_permits").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def ward(connection: psycopg.Connection, now: datetime) -> Ward:
    return Ward(connection, now)


def test_what_uses_a_service_that_fails_waits(ward: Ward):
    ward.trip()
    ward.add(next_slot_for=ward.now)
    assert ward.claim() == [HELD]
    assert ward.circuit() == ("OPEN", None)


def test_what_uses_nothing_goes(ward: Ward):
    ward.trip()
    ward.add(next_slot_for=ward.now, uses=[])
    assert ward.claim() == [("QUEUED", None, None)]


def test_what_does_not_wait_is_left_out(ward: Ward):
    ward.trip()
    ward.add(next_slot_for=ward.now, circuit_policy="SKIP")
    assert ward.claim() == [("SKIPPED", "circuit", "service:billing")]


def test_a_run_by_hand_waits_too(ward: Ward):
    ward.trip()
    queue_one(ward.connection, ward.add(), now=ward.now)
    assert ward.stands() == [HELD]


def test_a_retry_waits_too_whatever_the_policy(ward: Ward):
    task = ward.add(max_retry_count=1, retry_policy='{"delaySeconds": 1, "jitter": false}', circuit_policy="SKIP")
    ward.run(queue_one(ward.connection, task, now=ward.now), Status.FAILED)
    ward.fail(2)
    ward.look()
    ward.now += 5 * SECOND
    releases.release(ward.connection, now=ward.now, low=EVERYWHERE)
    assert ward.stands() == [HELD]


def test_what_failed_for_good_says_nothing_of_the_service(ward: Ward):
    ward.fail(5, is_permanent=True)
    ward.look()
    assert ward.connection.execute("SELECT count(*) FROM scheduler_circuits").fetchone() == (0,)


def test_what_timed_out_has_failed(ward: Ward):
    task = ward.add()
    for _ in range(3):
        ward.run(queue_one(ward.connection, task, now=ward.now), Status.TIMED_OUT)
    ward.look()
    assert ward.circuit() == ("OPEN", None)


def test_half_open_one_goes_the_most_urgent(ward: Ward):
    ward.trip()
    for priority in (3, 9, 5):
        ward.add(next_slot_for=ward.now, priority=priority)
    ward.claim()
    ward.now += 30 * SECOND
    ward.look()
    (probe,) = ward.let_go()
    assert (ward.let_go(), ward.circuit()) == ([], ("HALF_OPEN", probe))
    assert ward.stands() == [("QUEUED", None, None), HELD, HELD]


def test_what_comes_while_it_is_half_open_waits(ward: Ward):
    ward.half_open()
    ward.add(next_slot_for=ward.now)
    assert ward.claim() == [HELD]


def test_of_what_does_not_wait_one_tries_it(ward: Ward):
    ward.half_open()
    for _ in range(3):
        ward.add(next_slot_for=ward.now, circuit_policy="SKIP")
    skipped = ("SKIPPED", "circuit", "service:billing")
    assert ward.claim() == [HELD, skipped, skipped]
    assert len(ward.let_go()) == 1


def test_a_probe_that_succeeds_closes_it_and_what_waits_goes_little_by_little(ward: Ward):
    ward.trip()
    for _ in range(100):
        ward.add(next_slot_for=ward.now)
    ward.claim()
    ward.now += 30 * SECOND
    ward.look()
    ward.run(ward.let_go()[0], Status.SUCCESS)
    ward.look()
    assert ward.circuit() == ("CLOSED", None)
    went = []
    for _ in range(80):
        ward.now += SECOND / 4
        ward.look()
        went.append(len(ward.let_go()))
    assert sum(went) == 99
    assert 3 <= sum(went[:4]) <= 9
    assert max(went[:8]) <= 5
    assert ward.gates() == 0


def test_a_probe_that_fails_opens_it_for_longer(ward: Ward):
    ward.half_open()
    queue_one(ward.connection, ward.add(), now=ward.now)
    ward.run(ward.let_go()[0], Status.FAILED)
    ward.look()
    assert ward.circuit() == ("OPEN", None)
    ward.now += 59 * SECOND
    ward.look()
    assert ward.circuit() == ("OPEN", None)
    ward.now += SECOND
    ward.look()
    assert ward.circuit() == ("HALF_OPEN", None)


def test_what_was_on_its_way_is_no_probe(ward: Ward):
    straggler = queue_one(ward.connection, ward.add(), now=ward.now)
    ward.half_open()
    ward.run(straggler, Status.SUCCESS)
    ward.look()
    assert ward.circuit() == ("HALF_OPEN", None)


def test_after_a_probe_that_is_cancelled_another_goes(ward: Ward):
    ward.half_open()
    for _ in range(2):
        queue_one(ward.connection, ward.add(), now=ward.now)
    (probe,) = ward.let_go()
    assert requests.cancel(ward.connection, probe, reason="a test", now=ward.now)
    ward.now += SECOND
    ward.look()
    (other,) = ward.let_go()
    assert other != probe
    assert ward.circuit() == ("HALF_OPEN", other)


def test_after_a_probe_that_is_lost_another_goes(ward: Ward):
    ward.half_open()
    for _ in range(2):
        queue_one(ward.connection, ward.add(), now=ward.now)
    (probe,) = ward.let_go()
    transitions.start(ward.connection, probe, node_id="node-1", lease_expires_at=ward.now, now=ward.now)
    ward.now += SECOND
    assert sweep.lose(ward.connection, now=ward.now, low=EVERYWHERE) == 1
    ward.look()
    assert len(ward.let_go()) == 1


def test_a_probe_whose_end_is_noted_and_not_taken_in_yet_is_no_lost_one(ward: Ward):
    ward.half_open()
    queue_one(ward.connection, ward.add(), now=ward.now)
    (probe,) = ward.let_go()
    ward.run(probe, Status.SUCCESS)
    circuits.tick(ward.connection, now=ward.now + SECOND)
    assert ward.circuit() == ("HALF_OPEN", probe)


def test_what_uses_two_services_waits_for_both(ward: Ward):
    ward.trip()
    ward.add(next_slot_for=ward.now, uses=["billing", "warehouse"])
    assert ward.claim() == [HELD]


def test_flow_control_leaves_circuits_alone(ward: Ward):
    ward.trip()
    with ward.connection.transaction():
        claims.flow_state(ward.connection)
        flow.ask(
            ward.connection, {"mode": "NORMAL"}, reason=None, starts_at=ward.now, expires_at=None, actor="olaf",
            now=ward.now,
        )  # fmt: skip
    ward.add(next_slot_for=ward.now)
    assert ward.claim() == [HELD]


def test_a_reset_closes_it_at_once(ward: Ward):
    ward.trip()
    queue_one(ward.connection, ward.add(), now=ward.now)
    with ward.connection.transaction():
        circuits.reset(ward.connection, "billing", now=ward.now)
    assert (ward.circuit(), len(ward.let_go())) == (("CLOSED", None), 1)


def test_switched_off_nothing_stays_open(ward: Ward):
    ward.trip()
    circuits.close_all(ward.connection, now=ward.now)
    assert ward.circuit() == ("CLOSED", None)


def test_calls_of_a_minute_ago_do_not_open_it_again(ward: Ward):
    ward.half_open()
    queue_one(ward.connection, ward.add(), now=ward.now)
    ward.run(ward.let_go()[0], Status.SUCCESS)
    ward.look()
    ward.now += timedelta(minutes=1)
    ward.look()
    assert (ward.circuit(), ward.gates()) == (("CLOSED", None), 0)


@pytest.mark.parametrize(("is_one_open", "seconds"), [(False, 1), (True, 0.5)])
def test_a_node_looks_twice_a_second_while_a_circuit_may_have_to_move(
    ward: Ward, connection: psycopg.Connection, is_one_open: bool, seconds: float
):
    if is_one_open:
        ward.trip()
    assert Protecting(NodeMetrics(), node=uuid4())._pass(connection) == seconds
