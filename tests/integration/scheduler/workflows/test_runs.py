"""What follows in a run: once, at the slot of the root, when the conditions are met."""

import pytest

from scheduler.engine.states import Status
from tests.workflow import Workflow


@pytest.fixture
def diamond(flow: Workflow) -> Workflow:
    """extract, then clean and count side by side, then report."""
    flow.add("extract")
    flow.add("clean", "extract")
    flow.add("count", "extract")
    flow.add("report", "clean", "count")
    return flow


def test_it_queues_what_depends_on_a_success(diamond: Workflow):
    diamond.trigger("extract")
    diamond.end("extract")
    assert (diamond.statuses("clean"), diamond.statuses("count")) == (["QUEUED"], ["QUEUED"])


def test_it_gives_a_run_the_id_and_the_slot_of_its_root(diamond: Workflow):
    run, slot = diamond.trigger("extract"), diamond.now
    diamond.end("extract")
    row = diamond.rows("clean")[0]
    assert (row["run_id"], row["scheduled_for"], row["trigger"]) == (run, slot, "DEPENDENCY")
    assert diamond.rows("extract")[0]["run_id"] == run


def test_it_returns_what_is_to_be_published(diamond: Workflow):
    diamond.trigger("extract")
    diamond.end("extract", carries_on=False)
    assert {one.id for one in diamond.carry_on()} == {diamond.rows(name)[0]["id"] for name in ("clean", "count")}


def test_all_waits_for_the_last_one(diamond: Workflow):
    diamond.trigger("extract")
    diamond.end("extract")
    diamond.end("clean")
    assert diamond.statuses("report") == ["SCHEDULED/dependency"]


def test_all_goes_once_with_the_last_one(diamond: Workflow):
    diamond.trigger("extract")
    diamond.end("extract")
    diamond.end("clean")
    diamond.end("count")
    assert diamond.statuses("report") == ["QUEUED"]


def test_a_second_run_is_a_run_of_its_own(diamond: Workflow):
    diamond.trigger("extract")
    diamond.end("extract")
    diamond.trigger("extract")
    diamond.end("extract")
    assert diamond.statuses("clean") == ["QUEUED", "QUEUED"]


def test_an_impossible_condition_is_passed_on(diamond: Workflow):
    diamond.trigger("extract")
    diamond.end("extract", Status.FAILED)
    assert [diamond.statuses(name) for name in ("clean", "count", "report")] == [["SKIPPED/dependency"]] * 3
