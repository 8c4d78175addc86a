"""Stops: nothing of a paused key goes, its slots stay, and the misfire policy decides about what is late then."""

from typing import Any

import pytest

from scheduler import claims, firing, flow, verbs
from scheduler.engine.states import Status
from tests.hot_paths import MINUTE, SECOND, add_task, audited, execution, executions, queue_one, statuses, task
from tests.integration.scheduler.flow.desk import FREE, STOP, Desk, slow
from tests.integration.scheduler.lifecycle import end, start

PAUSED_KEYS = [
    {"queues": {"default": STOP}},
    {"taskClasses": {"platform.noop": STOP}},
    {"namespaces": {"default": STOP}},
    STOP,
]


@pytest.mark.parametrize("keys", PAUSED_KEYS)
def test_a_task_under_a_paused_key_stays_where_it_is(desk: Desk, keys: dict[str, Any]):
    desk.set(FREE | keys)
    (one,) = desk.add_due(1)
    before = task(desk.connection, one)
    assert desk.claim().ready == []
    row = task(desk.connection, one)
    assert executions(desk.connection) == []
    assert (row["next_slot_for"], row["next_execution_time"], row["claim_at"]) == (
        before["next_slot_for"], before["next_execution_time"], None,
    )  # fmt: skip
    assert claims.due_tasks(desk.connection, now=desk.now, limit=10) == []


@pytest.mark.parametrize("keys", PAUSED_KEYS)
def test_it_runs_what_is_still_within_its_grace_when_the_stop_ends(desk: Desk, keys: dict[str, Any]):
    desk.set(FREE | keys)
    (one,) = desk.add_due(1)
    slot = desk.now
    desk.claim()
    desk.now += 30 * SECOND
    desk.set(FREE)
    assert flow.lift(desk.connection) == 1
    assert len(desk.claim().ready) == 1
    assert [row["scheduled_for"] for row in executions(desk.connection, one)] == [slot]
    assert task(desk.connection, one)["held_by"] is None


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("SKIP", ["SKIPPED"]), ("FIRE_ONCE", ["QUEUED", "SKIPPED"]), ("FIRE_ALL", ["QUEUED"] * 6)],
)
def test_the_misfire_policy_decides_about_what_is_late(desk: Desk, policy: str, expected: list[str]):
    desk.set(FREE | PAUSED_KEYS[0])
    (one,) = desk.add_due(1, misfire_policy=policy, misfire_grace_seconds=5)
    desk.claim()
    desk.now += 5 * MINUTE + 30 * SECOND
    desk.set(FREE)
    flow.lift(desk.connection)
    desk.claim()
    assert sorted(statuses(desk.connection, one)) == expected


def test_others_go_on_while_a_queue_is_paused(desk: Desk):
    desk.set(FREE | {"queues": {"slow": STOP}})
    desk.add_due(3, queue="slow")
    desk.add_due(2)
    assert len(desk.claim().ready) == 2


def test_a_batch_of_paused_tasks_does_not_stand_in_the_way_of_others(desk: Desk):
    desk.set(FREE | {"queues": {"slow": STOP}})
    desk.add_due(30, queue="slow")
    desk.now += SECOND
    desk.add_due(2)
    went = []
    for _ in range(4):
        went += firing.claim(desk.connection, now=desk.now, limit=10).ready
    assert len(went) == 2


def test_a_lift_leaves_what_another_key_still_pauses(desk: Desk):
    both = {"queues": {"default": STOP}, "namespaces": {"default": STOP}}
    desk.set(FREE | both)
    (one,) = desk.add_due(1)
    desk.claim()
    desk.set(FREE | {"namespaces": {"default": STOP}})
    flow.lift(desk.connection)
    assert desk.claim().ready == []
    assert task(desk.connection, one)["held_by"] == "namespace:default"
    desk.set(FREE)
    flow.lift(desk.connection)
    assert len(desk.claim().ready) == 1


def test_a_lift_takes_no_task_out_of_its_pause(desk: Desk):
    desk.set(FREE | PAUSED_KEYS[0])
    paused, deleted = desk.add_due(2)
    desk.claim()
    with desk.connection.transaction():
        verbs.pause(desk.connection, [paused], reason="a rest", until=None, now=desk.now)
        verbs.delete(desk.connection, [deleted], now=desk.now)
    desk.set(FREE)
    assert flow.lift(desk.connection) == 2
    assert [task(desk.connection, one)["claim_at"] for one in (paused, deleted)] == [None, None]
    assert audited(desk.connection, paused)[0][1] == "pause"


def test_an_edit_records_the_slots_of_the_old_definition_which_wait(desk: Desk):
    desk.set(STOP)
    (one,) = desk.add_due(1)
    desk.claim()
    with desk.connection.transaction():
        firing.record_due(desk.connection, one, now=desk.now)
    assert [row["reason"] for row in executions(desk.connection, one)] == ["flow"]
    desk.now += MINUTE / 2
    desk.set(FREE)
    assert len(desk.let_go()) == 1


def test_a_request_waits_for_the_end_of_the_stop(desk: Desk):
    desk.set(STOP)
    one = add_task(desk.connection, next_slot_for=desk.now + MINUTE)
    by_hand = queue_one(desk.connection, one, now=desk.now)
    row = execution(desk.connection, by_hand)
    assert (row["status"], row["reason"], row["held_by"]) == ("SCHEDULED", "flow", "all")
    desk.now += 5 * SECOND
    assert desk.let_go() == desk.look() == []
    desk.set(FREE)
    assert desk.let_go() == [by_hand]


def test_what_is_queued_and_runs_goes_on_and_its_retry_waits(desk: Desk):
    (one,) = desk.add_due(1, retry_policy='{"delaySeconds": 5, "jitter": false}')
    (ready,) = desk.claim().ready
    desk.set(STOP)
    started = start(desk.connection, ready.id, now=desk.now)
    assert started is not None
    end(desk.connection, started, now=desk.now, status=Status.FAILED)
    desk.now += 10 * SECOND
    assert desk.look() == []
    assert [(row["status"], row["reason"]) for row in executions(desk.connection, one)] == [
        ("FAILED", None), ("SCHEDULED", "flow"),
    ]  # fmt: skip


def test_what_the_calendar_closes_is_recorded_all_the_same(desk: Desk):
    """Nothing of it would have run."""
    desk.set(STOP)
    (one,) = desk.add_due(1, skip_slots=[desk.now])
    desk.claim()
    assert statuses(desk.connection, one) == ["SKIPPED"]


def test_after_a_stop_what_waited_goes_by_the_rate_that_is_set_then(desk: Desk):
    desk.set(STOP)
    one = add_task(desk.connection, next_slot_for=desk.now + MINUTE)
    for _ in range(5):
        queue_one(desk.connection, one, now=desk.now)
    desk.set(slow(1))
    desk.now += SECOND
    assert len(desk.let_go()) == 1
    assert {held_by for status, _, held_by in desk.reasons() if status == "SCHEDULED"} == {"all"}
