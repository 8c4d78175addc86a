"""What a recorded slot may do now, by what its task has open."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from scheduler.engine.admission import ADMITTED, Admission, Hindrance, Standing, next_look
from scheduler.engine.states import Reason, Status, Trigger

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
FRESH, CAUGHT_UP, FILLED = Trigger.SCHEDULE, Trigger.CATCH_UP, Trigger.BACKFILL
SKIPPED = Admission(Status.SKIPPED, Reason.OVERLAP)
HELD = Admission(Status.SCHEDULED, Reason.OVERLAP)
CANCELLING = Admission(Status.SCHEDULED, Reason.OVERLAP, cancels=True)
LIMITED = Admission(Status.SCHEDULED, Reason.LIMIT)
AT_LIMIT, OVERLAPS = Hindrance(Reason.LIMIT), Hindrance(Reason.OVERLAP)
POLICIES = ["ALLOW", "SKIP", "QUEUE", "CANCEL_RUNNING"]


@dataclass(frozen=True)
class Held:
    """A SCHEDULED row."""

    trigger: Trigger
    reason: str | None = "overlap"


BUSY = [
    ("ALLOW", Standing(active=3), FRESH, ADMITTED),
    ("SKIP", Standing(active=1), FRESH, SKIPPED),
    ("SKIP", Standing(active=100), Trigger.MANUAL, SKIPPED),
    ("SKIP", Standing(waiting=1), FRESH, SKIPPED),
    ("QUEUE", Standing(active=1), FRESH, HELD),
    ("QUEUE", Standing(active=5), Trigger.EVENT, HELD),
    ("QUEUE", Standing(active=1, waiting=1), FRESH, SKIPPED),
    ("QUEUE", Standing(waiting=1), FRESH, SKIPPED),
    ("CANCEL_RUNNING", Standing(active=1), FRESH, CANCELLING),
    ("CANCEL_RUNNING", Standing(active=1, waiting=1), FRESH, CANCELLING),
    ("ALLOW", Standing(active=1, turns=4), CAUGHT_UP, ADMITTED),
    ("SKIP", Standing(active=1), CAUGHT_UP, HELD),
    ("QUEUE", Standing(active=1, waiting=1), CAUGHT_UP, HELD),
    ("CANCEL_RUNNING", Standing(active=1), FILLED, HELD),
    ("SKIP", Standing(turns=2), CAUGHT_UP, HELD),
    ("SKIP", Standing(turns=2), FRESH, ADMITTED),
    ("QUEUE", Standing(turns=2), FRESH, ADMITTED),
    ("CANCEL_RUNNING", Standing(turns=2), Trigger.MANUAL, ADMITTED),
]


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("overlap_policy", POLICIES)
def test_it_admits_what_comes_to_an_idle_task(overlap_policy: str, trigger: Trigger):
    assert Standing().admit(overlap_policy, trigger) == ADMITTED


@pytest.mark.parametrize(("overlap_policy", "standing", "trigger", "expected"), BUSY)
def test_it_decides_by_what_is_open(overlap_policy: str, standing: Standing, trigger: Trigger, expected: Admission):
    assert standing.admit(overlap_policy, trigger) == expected


@pytest.mark.parametrize(
    ("overlap_policy", "expected"),
    [
        ("ALLOW", [ADMITTED] * 3),
        ("SKIP", [ADMITTED, SKIPPED, SKIPPED]),
        ("QUEUE", [ADMITTED, HELD, SKIPPED]),
        ("CANCEL_RUNNING", [ADMITTED, CANCELLING, CANCELLING]),
    ],
)
def test_it_counts_what_it_has_admitted(overlap_policy: str, expected: list[Admission]):
    standing = Standing()
    assert [standing.admit(overlap_policy, FRESH) for _ in expected] == expected


@pytest.mark.parametrize("overlap_policy", ["SKIP", "QUEUE", "CANCEL_RUNNING"])
@pytest.mark.parametrize("trigger", [CAUGHT_UP, FILLED])
def test_it_lets_the_slots_of_one_catch_up_take_turns(overlap_policy: str, trigger: Trigger):
    standing = Standing()
    assert [standing.admit(overlap_policy, trigger) for _ in range(3)] == [ADMITTED, HELD, HELD]
    assert standing == Standing(active=1, turns=2, taken=1)


@pytest.mark.parametrize(("limit", "expected"), [(None, [ADMITTED] * 3), (2, [ADMITTED, ADMITTED, LIMITED])])
def test_it_holds_what_is_above_the_limit_of_the_task(limit: int | None, expected: list[Admission]):
    standing = Standing()
    assert [standing.admit("ALLOW", FRESH, limit=limit) for _ in expected] == expected


def test_it_holds_what_gets_no_permit():
    standing = Standing()
    assert standing.admit("SKIP", FRESH, take=lambda: AT_LIMIT) == LIMITED
    assert standing == Standing(active=1)


def test_it_asks_for_no_permit_for_what_does_not_run():
    take = Mock()
    Standing(active=1).admit("SKIP", FRESH, take=take)
    Standing(taken=1).admit("ALLOW", FRESH, limit=1, take=take)
    take.assert_not_called()


def test_a_slot_that_a_limit_holds_keeps_its_task_busy():
    standing = Standing()
    standing.admit("SKIP", FRESH, take=lambda: AT_LIMIT)
    assert standing.admit("SKIP", FRESH) == SKIPPED


@pytest.mark.parametrize("reason", ["limit", "retry", "jitter"])
def test_it_releases_below_the_limit_of_the_task(reason: str):
    standing = Standing(active=3, taken=1)
    released = [standing.release(Held(FRESH, reason), overlap_policy="ALLOW", limit=2) for _ in range(2)]
    assert (released, standing) == ([None, AT_LIMIT], Standing(active=3, taken=2))


def test_a_retry_goes_though_its_task_is_busy_with_it():
    assert Standing(active=1).release(Held(Trigger.RETRY, "retry"), overlap_policy="SKIP") is None


def test_it_lets_a_held_slot_go_when_nothing_is_active():
    standing = Standing(waiting=1)
    assert standing.release(Held(FRESH), overlap_policy="QUEUE") is None
    assert standing == Standing(active=1, taken=1)


def test_it_holds_on_while_something_is_active():
    assert Standing(active=1, waiting=1).release(Held(FRESH), overlap_policy="QUEUE") == OVERLAPS


def test_it_lets_one_go_at_a_time():
    standing = Standing(turns=3)
    assert [standing.release(Held(CAUGHT_UP), overlap_policy="SKIP") for _ in range(3)] == [None, OVERLAPS, OVERLAPS]


def test_it_lets_a_fresh_slot_go_before_those_that_take_turns():
    assert Standing(waiting=1, turns=1).release(Held(CAUGHT_UP), overlap_policy="QUEUE") == OVERLAPS


def test_it_lets_all_go_where_the_policy_has_been_lifted():
    standing = Standing(active=1, turns=2)
    assert [standing.release(Held(CAUGHT_UP), overlap_policy="ALLOW") for _ in range(2)] == [None, None]


BY_QUEUE = Hindrance(Reason.FLOW, "queue:reports")


@pytest.mark.parametrize("overlap_policy", POLICIES)
def test_what_flow_control_holds_says_which_key_does(overlap_policy: str):
    standing = Standing()
    admission = standing.admit(overlap_policy, FRESH, take=lambda: BY_QUEUE)
    assert admission == Admission(Status.SCHEDULED, Reason.FLOW, held_by="queue:reports")
    assert standing == Standing(active=1)


def test_what_flow_control_holds_keeps_its_task_busy():
    standing = Standing()
    standing.admit("SKIP", FRESH, take=lambda: BY_QUEUE)
    assert standing.admit("SKIP", FRESH) == SKIPPED


@pytest.mark.parametrize(("trigger", "standing"), [(FRESH, Standing(waiting=1)), (CAUGHT_UP, Standing(turns=1))])
def test_what_had_waited_for_its_turn_and_meets_flow_control_has_had_its_turn(trigger: Trigger, standing: Standing):
    assert standing.release(Held(trigger), overlap_policy="QUEUE", take=lambda: BY_QUEUE) == BY_QUEUE
    assert standing == Standing(active=1)


def test_what_flow_control_has_held_goes_though_its_task_is_busy_with_it():
    standing = Standing(active=1)
    assert standing.release(Held(FRESH, "flow"), overlap_policy="SKIP") is None
    assert standing == Standing(active=1, taken=1)


@pytest.mark.parametrize(("held", "wait"), [(0, 1), (0.2, 1), (3, 3), (40, 40), (61, 60), (86_400, 60)])
def test_it_looks_again_after_a_second_doubling_to_a_minute(held: float, wait: int):
    assert next_look(NOON, since=NOON - timedelta(seconds=held)) == NOON + timedelta(seconds=wait)
