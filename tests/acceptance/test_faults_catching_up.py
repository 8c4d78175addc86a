"""A catch-up whose schedulers are killed in the middle of it: every missed slot runs once, and it goes on."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from drill.definitions import Work
from drill.history import BEGUN
from drill.platform import Platform
from tests.acceptance.conftest import Watch
from tests.acceptance.struck import Watched, every

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

TASKS = 5
OUTAGE_SECONDS = 80
SECOND = timedelta(seconds=1)

# As if they had been registered that long ago.
_MOVE_BACK = """
UPDATE scheduler_tasks SET anchor_at = anchor_at - %(by)s, next_slot_for = next_slot_for - %(by)s,
    next_execution_time = next_execution_time - %(by)s, claim_at = claim_at - %(by)s
WHERE id = ANY(%(ids)s)
"""


@pytest.fixture
def watched(platform: Platform, watch: Watch) -> Watched:
    """Tasks of every second that have missed more than may go at once, while no scheduler ran."""
    for name in platform.schedulers:
        platform.processes.kill_family(name)
    work = {"misfire_policy": "FIRE_ALL", "grace_seconds": 1, "work": Work(seconds=0)}
    tasks = watch(*[every(1, lasts=10, now=platform.now(), **work) for _ in range(TASKS)])
    with platform.engines.connect() as connection:
        connection.execute(_MOVE_BACK, {"by": timedelta(seconds=OUTAGE_SECONDS), "ids": tasks.ids})
    return tasks


def operation(platform: Platform) -> dict[str, Any]:
    """Return the catch-up as the API shows it."""
    with platform.engines.connect() as connection:
        found = connection.execute("SELECT id FROM scheduler_operations WHERE kind = 'CATCH_UP'").fetchone()
    shown: dict[str, Any] = platform.call("GET", f"/api/v1/operations/{found[0]}").body if found else {}
    return shown


def done(platform: Platform) -> int:
    """Return how much of it is done."""
    return int(operation(platform).get("counts", {}).get("done", 0))


def test_it_goes_on_when_its_schedulers_are_killed(platform: Platform, watched: Watched) -> None:
    for name in platform.schedulers:
        before = done(platform)
        platform.processes.relaunch(name)
        watched.wait_for(lambda before=before: done(platform) >= before + 40, "it goes on")  # type: ignore[misc]
        assert operation(platform)["status"] == "RUNNING"
        platform.processes.kill_family(name)
    for name in platform.schedulers:
        platform.processes.relaunch(name)
    watched.wait_for(lambda: operation(platform)["status"] == "COMPLETED", "it is completed", seconds=90)
    watched.wait_for(lambda: not watched.count("SCHEDULED", "QUEUED", "RUNNING"), "nothing is open")

    rows = watched.rows()
    slots = {task: sorted(row.scheduled_for for row in rows if row.task_id == task) for task in watched.ids}
    begun = Counter(note.execution for note in platform.notes() if note.event == BEGUN)
    for each in slots.values():
        assert len(each) >= OUTAGE_SECONDS
        assert {later - earlier for earlier, later in pairwise(each)} == {SECOND}
    assert {row.status for row in rows} == {"SUCCESS"}
    assert [begun[row.id] for row in rows] == [1] * len(rows)
    # All that was missed by more than the grace, which the latest slots were not.
    caught_up = [row for row in rows if row.trigger == "CATCH_UP"]
    assert TASKS * (OUTAGE_SECONDS - 2) <= operation(platform)["counts"]["done"] <= len(caught_up)
