"""Jitter: the same on every node, even over tasks and slots, shorter than it is allowed to be."""

from datetime import timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.jitter import jitter
from tests.unit.engine.schedules.cases import at, instants, steady

TASK = UUID("0190d6c2-7f4a-7c31-9d11-5b8f3f1e2a77")
SLOT = at("2026-03-01T02:00")


def test_it_is_the_same_on_every_node_and_release():
    # Written down once: a change of these would shift every task's next execution.
    assert jitter(TASK, SLOT, 600) == timedelta(milliseconds=107_936)
    assert jitter(TASK, SLOT + timedelta(days=1), 600) == timedelta(milliseconds=586_577)


def test_it_does_not_depend_on_the_zone_a_slot_is_written_in():
    assert jitter(TASK, SLOT.astimezone(timezone(timedelta(hours=5, minutes=45))), 600) == jitter(TASK, SLOT, 600)


@steady
@given(st.uuids(), instants, st.integers(1, 10**6))
def test_it_is_shorter_than_allowed_and_whole_milliseconds(task, slot, seconds):
    shift = jitter(task, slot, seconds)
    assert timedelta(0) <= shift < timedelta(seconds=seconds)
    assert shift % timedelta(milliseconds=1) == timedelta(0)


@pytest.mark.parametrize("of", ["tasks", "slots"])
def test_it_spreads_evenly(of):
    keys = {
        "tasks": [(UUID(int=number), SLOT) for number in range(20_000)],
        "slots": [(TASK, SLOT + timedelta(minutes=number)) for number in range(20_000)],
    }
    tenths = [jitter(*key, 10) // timedelta(seconds=1) for key in keys[of]]
    counts = [tenths.count(tenth) for tenth in range(10)]
    assert max(counts) - min(counts) < 300  # seven times the standard deviation of a fair spread


def test_it_is_none_without_jitter_seconds():
    assert jitter(TASK, SLOT, 0) == timedelta(0)


def test_it_refuses_a_negative_jitter():
    with pytest.raises(ValueError, match="negative"):
        jitter(TASK, SLOT, -1)
