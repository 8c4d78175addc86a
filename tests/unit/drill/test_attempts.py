"""The checker of attempts and ends, with planted faults: each must be seen."""

from typing import Any

import pytest

from drill.definitions import Work
from drill.findings import Struck
from drill.history import Row
from tests.unit.drill.cast import LEASE, SECOND, SLOTS, altered, healthy, kinds, row, verdict


def _tried_again(first: str = "FAILED", **fields: Any) -> list[Row]:
    """The first slot was tried twice."""
    return [row(SLOTS[0], status=first), row(SLOTS[0], attempt=2, **fields), *healthy()[1:]]


def test_it_finds_nothing_where_a_failure_was_tried_again():
    assert verdict(_tried_again()).findings == []


def test_it_sees_a_gap_between_attempts():
    rows = [row(SLOTS[0], status="FAILED"), row(SLOTS[0], attempt=3), *healthy()[1:]]
    assert kinds(verdict(rows)) == ["attempts"]


def test_it_sees_a_success_that_was_tried_again():
    assert kinds(verdict(_tried_again("SUCCESS"))) == ["attempts"]


def test_it_sees_one_that_was_tried_again_too_often():
    assert kinds(verdict(_tried_again(), max_retry_count=0)) == ["attempts"]


def test_it_sees_an_outcome_tried_again_that_was_not_to_be():
    assert kinds(verdict(_tried_again(), retry_on=("LOST",))) == ["attempts"]


def test_it_sees_a_failure_that_was_not_tried_again():
    assert kinds(verdict(altered(healthy(), 3, status="FAILED"))) == ["attempts"]


def test_it_sees_a_retry_by_another_trigger():
    assert kinds(verdict(_tried_again(trigger="MANUAL"))) == ["attempts"]


def test_it_sees_a_success_that_cannot_have_been():
    assert kinds(verdict(healthy(), work=Work(fails_until=1))) == ["attempts"] * 5


def test_it_sees_a_success_beyond_the_soft_limit():
    assert kinds(verdict(healthy(), work=Work(seconds=9), timeout_seconds=1)) == ["attempts"] * 5


def test_it_sees_a_cancel_that_nobody_asked_for():
    assert kinds(verdict(altered(healthy(), 2, status="CANCELLED", reason="overlap"))) == ["attempts"]


def test_it_allows_a_cancel_that_made_room():
    rows = altered(healthy(), 2, status="CANCELLED", reason="overlap")
    assert verdict(rows, overlap_policy="CANCEL_RUNNING").findings == []


@pytest.mark.parametrize("status", ["RUNNING", "QUEUED", "SCHEDULED"])
def test_it_sees_an_execution_that_was_left_open(status: str):
    assert "left open" in kinds(verdict(altered(healthy(), 4, status=status, end_time=None)))


def _overlapping() -> list[Row]:
    return altered(healthy(), 1, end_time=SLOTS[2] + SECOND)


@pytest.mark.parametrize("policy", ["SKIP", "QUEUE", "CANCEL_RUNNING"])
def test_it_sees_two_runs_at_once_of_a_task_that_may_not(policy: str):
    assert kinds(verdict(_overlapping(), overlap_policy=policy)) == ["overlapped"]


def test_it_allows_two_runs_at_once_of_a_task_that_may():
    assert verdict(_overlapping()).findings == []


def _lost(**fields: Any) -> list[Row]:
    """The second slot's run was lost nine seconds after it had begun, and tried again."""
    began = SLOTS[1] + 0.1 * SECOND
    lost = {"status": "LOST", "end_time": began + 9 * SECOND} | fields
    return [*altered(healthy(), 1, **lost), row(SLOTS[1], attempt=2)]


def _struck(**fields: Any) -> Struck:
    at = {"began": SLOTS[1] + 0.5 * SECOND, "ended": SLOTS[1] + 2 * SECOND}
    return Struck("kill-worker", **(at | {"may_lose": True} | fields))


def test_it_allows_a_loss_where_a_worker_was_killed():
    assert verdict(_lost(), faults=(_struck(),)).findings == []


def test_it_sees_a_loss_where_nothing_was_killed():
    assert kinds(verdict(_lost())) == ["lost without cause"]


@pytest.mark.parametrize(
    "fields",
    [
        {"may_lose": False},  # a broker takes nobody's run away
        {"began": SLOTS[3], "ended": SLOTS[4]},
        {"began": SLOTS[0], "ended": SLOTS[1]},
    ],
)
def test_it_sees_a_loss_that_no_fault_explains(fields: dict[str, Any]):
    assert kinds(verdict(_lost(), faults=(_struck(**fields),))) == ["lost without cause"]


def test_it_sees_a_loss_that_came_late():
    rows = _lost(end_time=SLOTS[1] + LEASE + 11 * SECOND)
    assert kinds(verdict(rows, faults=(_struck(),))) == ["lost without cause"]
