"""Flow control and tasks that depend on others: what follows waits as everything does, and nothing of a run is lost."""

import pytest

from tests.integration.scheduler.flow.desk import FREE, STOP, Desk, slow
from tests.workflow import Workflow


@pytest.fixture
def workflow(desk: Desk) -> Workflow:
    """A load that is QUEUED, and its report."""
    made = Workflow(desk.connection, desk.now)
    made.add("load")
    made.add("report", "load")
    made.trigger("load")
    return made


def held(workflow: Workflow) -> tuple[str, str | None, str | None]:
    (row,) = workflow.rows("report")
    return row["status"], row["reason"], row["held_by"]


def test_what_follows_waits_for_the_end_of_a_stop(desk: Desk, workflow: Workflow):
    desk.set(STOP)
    workflow.end("load")
    assert held(workflow) == ("SCHEDULED", "flow", "all")
    desk.now = workflow.now
    assert desk.let_go() == desk.look() == []
    desk.set(FREE)
    assert len(desk.let_go()) == 1
    workflow.end("report")
    assert workflow.statuses("report") == ["SUCCESS"]


def test_what_follows_takes_its_turn(desk: Desk, workflow: Workflow):
    desk.set(slow(0.01))
    desk.add_due(1)
    desk.claim()
    workflow.end("load")
    assert held(workflow) == ("SCHEDULED", "flow", "all")


def test_what_may_not_overlap_counts_once(desk: Desk, workflow: Workflow):
    desk.connection.execute("UPDATE scheduler_tasks SET overlap_policy = 'QUEUE' WHERE name = 'report'")
    desk.set(STOP)
    workflow.end("load")
    desk.now = workflow.now
    desk.set(FREE)
    desk.let_go()
    counted = desk.connection.execute("SELECT open_count FROM scheduler_tasks WHERE name = 'report'").fetchone()
    assert counted == (1,)
