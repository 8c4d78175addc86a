"""When flow control begins and ends: planned windows, what comes back afterwards, and who puts it in force."""

from datetime import timedelta

from scheduler import claims, flow
from scheduler.node import SchedulerNode
from tests.hot_paths import MINUTE, SECOND, add_task, queue_one, statuses
from tests.integration.scheduler.flow.desk import FREE, STOP, Desk, slow
from tests.integration.scheduler.hands import Hands

HOUR = timedelta(hours=1)
STOPPED, SLOW = [("all", None, None, True)], [("all", None, 5.0, False)]


def pass_time(desk: Desk, duration: timedelta) -> list[tuple[object, ...]]:
    """Move on, look as a node does, and return the limits."""
    desk.now += duration
    flow.begin_and_end(desk.connection, now=desk.now)
    return desk.keys()


def next_change(desk: Desk) -> object:
    row = desk.connection.execute("SELECT next_change_at FROM scheduler_flow_state").fetchone()
    return row and row[0]


def test_what_is_planned_leaves_what_is_in_force_as_it_is(desk: Desk):
    desk.set(slow(5))
    desk.set(STOP, begin=HOUR, length=HOUR)
    assert desk.keys() == SLOW
    assert next_change(desk) == desk.now + HOUR


def test_a_window_begins_and_what_was_before_it_comes_back(desk: Desk):
    desk.set(slow(5))
    desk.set(STOP, begin=HOUR, length=HOUR)
    assert pass_time(desk, HOUR - SECOND) == SLOW
    assert pass_time(desk, SECOND) == STOPPED
    assert pass_time(desk, HOUR - SECOND) == STOPPED
    assert pass_time(desk, SECOND) == SLOW
    assert next_change(desk) is None


def test_a_stop_that_ends_by_itself(desk: Desk):
    desk.set(STOP, length=HOUR)
    assert pass_time(desk, HOUR) == []


def test_what_is_planned_does_not_lift_a_stop_that_came_later(desk: Desk):
    desk.set(slow(5), begin=HOUR)
    desk.now += MINUTE
    desk.set(STOP)
    assert pass_time(desk, 2 * HOUR) == STOPPED


def test_planning_again_for_the_same_instant_replaces_the_plan(desk: Desk):
    desk.set(STOP, begin=HOUR)
    desk.set(slow(5), begin=HOUR)
    assert pass_time(desk, HOUR) == SLOW


def test_what_is_withdrawn_does_not_begin(desk: Desk):
    planned = desk.set(STOP, begin=HOUR)
    with desk.connection.transaction():
        claims.flow_state(desk.connection)
        flow.withdraw(desk.connection, planned, now=desk.now)
    assert pass_time(desk, HOUR) == []


def test_a_begin_and_an_end_are_told_in_the_audit_once(desk: Desk):
    desk.set(STOP, begin=HOUR, length=HOUR)
    for _ in range(3):
        pass_time(desk, HOUR)
        flow.begin_and_end(desk.connection, now=desk.now)
    rows = desk.connection.execute("SELECT actor, kind, after ->> 'mode' FROM scheduler_audit ORDER BY id").fetchall()
    assert rows == [("platform", "flow-control", "PAUSED"), ("platform", "flow-control", "NORMAL")]


def test_what_was_in_force_long_ago_is_deleted_and_what_is_stays(desk: Desk):
    desk.set(slow(5))
    desk.now += 100 * 24 * HOUR
    desk.set(STOP, length=HOUR)
    pass_time(desk, 100 * 24 * HOUR)
    desk.set(slow(9))
    assert flow.prune(desk.connection, before=desk.now - 24 * HOUR, limit=10) == 1
    modes = desk.connection.execute("SELECT document ->> 'mode' FROM scheduler_flow_control ORDER BY id").fetchall()
    assert modes == [("THROTTLED",), ("THROTTLED",)]


# On a node


def tick(node: SchedulerNode, desk: Desk, hands: Hands, duration: timedelta) -> None:
    desk.now = hands.move(duration)
    node._claim(desk.connection)


def test_a_node_stops_within_a_tick_and_goes_on_by_itself(desk: Desk, node: SchedulerNode, hands: Hands):
    desk.set(STOP, begin=10 * SECOND, length=50 * SECOND)
    one = add_task(desk.connection, next_slot_for=desk.now + 11 * SECOND, interval_seconds=3600)
    for _ in range(12):
        tick(node, desk, hands, SECOND)
    assert statuses(desk.connection, one) == []
    for _ in range(50):
        tick(node, desk, hands, SECOND)
    flow.lift(desk.connection)
    tick(node, desk, hands, SECOND)
    assert statuses(desk.connection, one) == ["QUEUED"]


def test_a_node_that_starts_during_a_stop_claims_nothing(desk: Desk, node: SchedulerNode, hands: Hands):
    desk.set(STOP)
    one = add_task(desk.connection, next_slot_for=desk.now)
    for _ in range(5):
        tick(node, desk, hands, SECOND / 10)
    assert statuses(desk.connection, one) == []


def test_a_node_lets_go_at_each_tick_what_the_rate_allows(desk: Desk, node: SchedulerNode, hands: Hands):
    desk.set(slow(20))
    for _ in range(60):
        add_task(desk.connection, next_slot_for=desk.now, interval_seconds=3600)
    for _ in range(20):
        tick(node, desk, hands, SECOND / 20)
    assert statuses(desk.connection).count("QUEUED") in range(20, 25)


def test_a_lift_is_found_by_the_sweep_of_a_node(desk: Desk, node: SchedulerNode, hands: Hands):
    desk.set(FREE | {"queues": {"default": STOP}})
    desk.add_due(1)
    desk.claim()
    desk.set(FREE)
    for _ in range(3):
        desk.now = hands.move(SECOND)
        node.sweeping.turn(desk.connection)
    tick(node, desk, hands, SECOND)
    assert statuses(desk.connection) == ["QUEUED"]


def test_a_node_tells_of_a_stop_and_of_what_it_holds(desk: Desk, node: SchedulerNode, hands: Hands):
    desk.set(STOP)
    queue_one(desk.connection, add_task(desk.connection), now=desk.now)
    tick(node, desk, hands, SECOND)
    node.flow.count(desk.connection, desk.now, show=node.metrics.held.show)
    facts, scraped = node.ready()[1], node.metrics.render("text/plain")[0].decode()
    assert (facts["isStoppedByFlowControl"], facts["heldByFlowControl"]) == (True, 1)
    assert "platform_scheduler_flow_stopped 1.0" in scraped
    assert "platform_scheduler_flow_held_executions 1.0" in scraped
