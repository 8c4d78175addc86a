"""Rates: so many a second under each key, held by reason, let go by priority, and nothing lost."""

from datetime import timedelta
from typing import Any

import pytest

from scheduler import backfills, claims, requests, throttles
from scheduler.engine.states import Status
from tests.hot_paths import MINUTE, SECOND, add_backfill, add_task, change, execution, executions, queue_one, task
from tests.integration.scheduler.flow.desk import FREE, STOP, Desk, slow
from tests.integration.scheduler.lifecycle import end, start

TENTH = SECOND / 10


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (slow(5), "all"),
        (slow(queues={"default": slow(5)}), "queue:default"),
        (slow(taskClasses={"platform.noop": slow(5)}), "class:platform.noop"),
        (slow(namespaces={"default": slow(5)}), "namespace:default"),
    ],
)
def test_it_holds_what_is_above_the_rate_of_a_key(desk: Desk, document: dict[str, Any], key: str):
    desk.set(document)
    desk.add_due(4)
    assert len(desk.claim().ready) == 1
    assert sorted(desk.reasons(), key=str) == [("QUEUED", None, None)] + [("SCHEDULED", "flow", key)] * 3


def test_what_is_not_limited_is_not_held(desk: Desk):
    desk.set(slow(queues={"other": slow(1)}))
    desk.add_due(4)
    assert len(desk.claim().ready) == 4


def test_it_lets_go_what_the_rate_allows(desk: Desk):
    desk.set(slow(5))
    desk.add_due(60)
    went = len(desk.claim().ready)
    went += sum(len(ids) for ids in desk.tick(4 * SECOND, every=TENTH))
    assert went in (20, 21)  # a second brings five, and one was saved up


def test_a_fraction_of_one_a_second_goes_too(desk: Desk):
    desk.set(slow(0.1))
    desk.add_due(4)
    desk.claim()
    went = [len(ids) for ids in desk.tick(30 * SECOND, every=SECOND)]
    assert [number for number, count in enumerate(went, start=1) if count] == [10, 20, 30]


def test_what_is_most_urgent_goes_first_and_what_is_older_before_what_is_younger(desk: Desk):
    desk.set(slow(10))
    desk.add_due(2)
    desk.claim()  # what was saved up
    for priority in (1, 10, 5, 10, 7):
        desk.add_due(1, priority=priority)
    desk.claim()
    went = [one for ids in desk.tick(SECOND, every=TENTH) for one in ids]
    assert desk.priorities(went) == [10, 10, 7, 5, 1]
    assert went[0] < went[1]


def test_in_one_claim_the_most_urgent_goes_first(desk: Desk):
    desk.set(slow(1))
    for priority in (3, 9, 5):
        desk.add_due(1, priority=priority)
    (ready,) = desk.claim().ready
    assert ready.priority == 9


def test_nothing_new_passes_by_what_waits(desk: Desk):
    desk.set(slow(1))
    desk.add_due(2, priority=9)
    desk.claim()
    desk.now += SECOND
    desk.add_due(1, priority=3)
    assert desk.claim().ready == []
    (first,) = desk.let_go()
    assert execution(desk.connection, first)["priority"] == 9


def test_what_nobody_uses_is_not_saved_up(desk: Desk):
    desk.set(slow(10))
    desk.now += MINUTE
    desk.add_due(60)
    assert len(desk.claim().ready) == 2  # a fifth of a second


def test_the_slowest_of_several_keys_decides(desk: Desk):
    desk.set(slow(100, queues={"default": slow(2)}))
    desk.add_due(30)
    went = len(desk.claim().ready) + sum(len(ids) for ids in desk.tick(5 * SECOND, every=TENTH))
    assert went == 11
    assert {held_by for _, _, held_by in desk.reasons()} == {None, "queue:default"}


def test_a_key_that_is_held_up_holds_up_no_other(desk: Desk):
    desk.set(slow(10, queues={"slow": slow(0.001)}))
    desk.add_due(30, queue="slow", priority=10)
    desk.add_due(10)
    desk.claim()
    for _ in desk.tick(2 * SECOND, every=TENTH):
        pass
    went = [row["queue"] for row in executions(desk.connection) if row["status"] == "QUEUED"]
    assert (went.count("slow"), went.count("default")) == (1, 10)


def test_what_is_held_keeps_its_slot_and_is_due_by_it(desk: Desk):
    desk.set(slow(1))
    (first, second) = desk.add_due(2)
    desk.claim()
    slot = desk.now
    desk.now += 3 * SECOND
    (one,) = desk.let_go()
    row = execution(desk.connection, one)
    assert (row["scheduled_for"], row["due_at"], row["queued_at"]) == (slot, slot, desk.now)
    assert (row["reason"], row["held_by"], row["not_before"]) == (None, None, None)
    assert {task(desk.connection, each)["next_slot_for"] for each in (first, second)} == {slot + MINUTE}


def test_a_slower_rate_does_not_bring_new_tokens(desk: Desk):
    desk.set(slow(10))
    desk.add_due(10)
    went = len(desk.claim().ready)
    for rate in (5, 10, 5, 10):
        desk.set(slow(rate))
        went += len(desk.let_go())
    assert went == 2


def test_without_a_rate_all_goes(desk: Desk):
    desk.set(slow(1))
    desk.add_due(9)
    desk.claim()
    desk.set(FREE)
    assert len(desk.let_go()) == 8
    assert desk.keys() == []


def test_a_request_takes_its_turn(desk: Desk):
    desk.set(slow(1))
    one = add_task(desk.connection, next_slot_for=desk.now + MINUTE)
    by_hand = [queue_one(desk.connection, one, now=desk.now) for _ in range(2)]
    assert [execution(desk.connection, each)["reason"] for each in by_hand] == [None, "flow"]
    desk.now += SECOND
    assert desk.let_go() == by_hand[1:]


def test_a_retry_takes_its_turn(desk: Desk):
    desk.set(slow(0.01))
    (one,) = desk.add_due(1, retry_policy='{"delaySeconds": 5, "jitter": false}')
    (ready,) = desk.claim().ready
    started = start(desk.connection, ready.id, now=desk.now)
    assert started is not None
    end(desk.connection, started, now=desk.now, status=Status.FAILED)
    desk.now += 10 * SECOND
    assert desk.look() == []
    assert [row["reason"] for row in executions(desk.connection, one)] == [None, "flow"]
    desk.now += 2 * MINUTE
    assert len(desk.let_go()) == 1


def test_a_backfill_takes_its_turn(desk: Desk):
    desk.set(slow(1))
    one = add_task(desk.connection, next_slot_for=desk.now + MINUTE, anchor_at=desk.now - 60 * MINUTE)
    add_backfill(desk.connection, one, begin=desk.now - 5 * MINUTE, end=desk.now, now=desk.now, max_parallel=3)
    backfills.advance(desk.connection, after=claims.EVERYWHERE, now=desk.now)
    assert sorted(status for status, *_ in desk.reasons()) == ["QUEUED", "SCHEDULED", "SCHEDULED"]
    went = [len(ids) for ids in desk.tick(2 * SECOND, every=SECOND)]
    assert went == [1, 1]


def test_what_waits_for_a_place_waits_for_its_turn_afterwards(desk: Desk):
    desk.set(slow(0.01, queues={"default": slow(at_once=1)}))
    desk.add_due(2)
    (ready,) = desk.claim().ready
    assert sorted(reason or "" for _, reason, _ in desk.reasons()) == ["", "flow"]
    desk.now += 2 * MINUTE
    assert desk.let_go() == []  # a token is there, and no place
    assert sorted(reason or "" for _, reason, _ in desk.reasons()) == ["", "limit"]
    started = start(desk.connection, ready.id, now=desk.now)
    assert started is not None
    end(desk.connection, started, now=desk.now)
    assert len(desk.look()) == 1


def test_what_may_not_overlap_is_held_once_it_is_its_turn(desk: Desk):
    desk.set(slow(0.01))
    (one,) = desk.add_due(1, overlap_policy="QUEUE")
    (ready,) = desk.claim().ready
    desk.now += MINUTE
    desk.claim()
    started = start(desk.connection, ready.id, now=desk.now)
    assert started is not None
    end(desk.connection, started, now=desk.now)
    assert desk.look() == []
    assert [row["reason"] for row in executions(desk.connection, one)] == [None, "flow"]
    assert task(desk.connection, one)["open_count"] == 1
    desk.now += 2 * MINUTE
    assert len(desk.let_go()) == 1
    assert task(desk.connection, one)["open_count"] == 1


def test_what_is_cancelled_while_it_is_held_goes_no_more(desk: Desk):
    desk.set(slow(0.1))
    desk.add_due(2)
    desk.claim()
    (held,) = [row["id"] for row in executions(desk.connection) if row["status"] == "SCHEDULED"]
    with desk.connection.transaction():
        requests.cancel(desk.connection, held, reason="olaf", now=desk.now)
    desk.now += MINUTE
    assert desk.let_go() == []
    assert desk.statuses() == ["CANCELLED", "QUEUED"]


def test_what_is_held_of_a_paused_task_waits_for_its_resume(desk: Desk):
    desk.set(slow(1))
    first, second = desk.add_due(2)
    desk.claim()
    for each in (first, second):
        change(desk.connection, "scheduler_tasks", each, status="PAUSED", claim_at=None)
    desk.now += MINUTE
    assert desk.let_go() == []
    for each in (first, second):
        change(desk.connection, "scheduler_tasks", each, status="ACTIVE")
    assert len(desk.let_go()) == 1


def test_what_a_key_holds_without_knowing_it_is_found_again(desk: Desk):
    desk.set(slow(1))
    desk.add_due(3)
    desk.claim()
    desk.connection.execute("DELETE FROM scheduler_permits")
    assert desk.let_go() == []
    throttles.remember(desk.connection)
    assert len(desk.let_go()) == 2


def test_a_claim_that_is_undone_has_taken_nothing(desk: Desk):
    desk.set(slow(1))
    desk.add_due(1)
    with desk.connection.transaction(force_rollback=True):
        desk.claim()
    assert len(desk.claim().ready) == 1


def test_the_clock_of_another_node_that_is_behind_brings_nothing(desk: Desk):
    desk.set(slow(1))
    desk.add_due(3)
    desk.claim()
    desk.now += SECOND
    assert len(desk.let_go()) == 1
    desk.now -= timedelta(milliseconds=500)
    assert desk.let_go() == []
    desk.now += SECOND
    assert desk.let_go() == []
    desk.now += SECOND / 2
    assert len(desk.let_go()) == 1


def test_a_stop_holds_what_waits_for_its_turn(desk: Desk):
    desk.set(slow(queues={"default": slow(1)}))
    desk.add_due(3)
    desk.claim()
    desk.set(STOP)
    desk.now += MINUTE
    assert desk.let_go() == []
    desk.set(FREE)
    assert len(desk.let_go()) == 2
