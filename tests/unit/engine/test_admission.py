"""What a recorded slot may do now."""

import pytest

from scheduler.engine.admission import ADMITTED, Admission, admit
from scheduler.engine.states import Reason, Status


@pytest.mark.parametrize("overlap_policy", ["ALLOW", "SKIP", "QUEUE", "CANCEL_RUNNING"])
def test_it_admits_a_slot_of_an_idle_task(overlap_policy: str):
    assert admit(overlap_policy=overlap_policy, open_count=0) == ADMITTED


def test_it_admits_a_slot_of_a_busy_task_that_may_overlap():
    assert admit(overlap_policy="ALLOW", open_count=3) == ADMITTED


@pytest.mark.parametrize("open_count", [1, 2, 100])
def test_it_skips_a_slot_of_a_busy_task_that_may_not_overlap(open_count: int):
    assert admit(overlap_policy="SKIP", open_count=open_count) == Admission(Status.SKIPPED, Reason.OVERLAP)


def test_it_queues_what_it_admits():
    assert ADMITTED == Admission(Status.QUEUED, reason=None, not_before=None)
