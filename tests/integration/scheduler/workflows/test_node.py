"""What a node does about ends: as soon as it hears of one, and by itself where it does not."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest

from scheduler.engine.states import Status
from scheduler.node import SchedulerNode
from tests.hot_paths import SECOND, Open
from tests.integration.scheduler.hands import Hands
from tests.workflow import Workflow


@pytest.fixture
def ended(flow: Workflow, hands: Hands) -> Workflow:
    """load has succeeded, and report waits for it to be carried on."""
    flow.add("load")
    flow.add("report", "load")
    flow.trigger("load")
    flow.end("load", carries_on=False)
    hands.move(SECOND)
    return flow


@pytest.fixture
def hearing(node: SchedulerNode, connection: psycopg.Connection) -> Iterator[SchedulerNode]:
    """A node whose claim loop listens."""
    node._claim(connection)
    yield node


def test_it_carries_an_end_on_and_publishes_what_goes(
    node: SchedulerNode, connection: psycopg.Connection, ended: Workflow
):
    node._ended.set()
    node._carry_on(connection)
    handed = node.publisher.batches.get_nowait()
    assert handed is not None
    assert [one.id for one in handed[0]] == [row["id"] for row in ended.rows("report")]


def test_its_claim_loop_hears_of_an_end(
    hearing: SchedulerNode, connection: psycopg.Connection, open_connection: Open, flow: Workflow
):
    flow.add("load")
    flow.add("report", "load")
    flow.trigger("load")
    flow.connection = open_connection()
    flow.end("load", Status.FAILED, carries_on=False)
    hearing._claim(connection)
    assert hearing._ended.is_set()


def test_it_looks_at_a_slot_that_it_has_just_recorded(
    node: SchedulerNode, connection: psycopg.Connection, flow: Workflow, now: datetime
):
    flow.add("load")
    flow.add("report", "load", interval_seconds=3600, anchor_at=now - timedelta(hours=1), next_slot_for=now)
    node._claim(connection)
    assert node._ended.is_set()


def test_it_carries_nothing_on_while_the_broker_is_flooded(
    node: SchedulerNode, connection: psycopg.Connection, ended: Workflow
):
    node.sweeping.is_flooded = True
    node._ended.set()
    node._carry_on(connection)
    assert ended.rows("report") == []


def test_it_carries_nothing_on_after_a_jump_of_the_clock(
    node: SchedulerNode, connection: psycopg.Connection, ended: Workflow, hands: Hands
):
    node._ended.set()
    node._dependents_guard.trusts(hands.now, at=hands.second)
    hands.now += timedelta(hours=1)
    node._carry_on(connection)
    assert ended.rows("report") == []
