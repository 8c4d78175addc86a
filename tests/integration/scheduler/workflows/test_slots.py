"""Which slots: those of the slowest upstream, its own, the latest one before; what holds them or leaves them out."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from scheduler import backfills, dependents, firing, pauses, requests, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.hot_paths import LEASE, MINUTE, SECOND, add_backfill, change, task
from tests.workflow import Workflow

HOUR = timedelta(hours=1)


def _scheduled(flow: Workflow, name: str, *upstreams: str, seconds: int, first: datetime, **columns: Any) -> None:
    interval = timedelta(seconds=seconds)
    flow.add(name, *upstreams, interval_seconds=seconds, anchor_at=first - interval, next_slot_for=first, **columns)


@pytest.fixture
def hourly(flow: Workflow, now: datetime) -> Workflow:
    """rates every minute, prices every hour, and report, which waits for both; prices' slot has come."""
    _scheduled(flow, "rates", seconds=60, first=now - 30 * SECOND)
    _scheduled(flow, "prices", seconds=3600, first=now)
    flow.add("report", "rates", "prices")
    return flow


def test_a_task_runs_once_for_each_slot_of_its_slowest_upstream(hourly: Workflow, now: datetime):
    hourly.claim()
    hourly.end("rates")
    assert hourly.rows("report") == []
    hourly.end("prices")
    assert [(row["status"], row["scheduled_for"]) for row in hourly.rows("report")] == [("QUEUED", now)]
    assert hourly.rows("report")[0]["run_id"] == hourly.rows("prices")[0]["id"]


def test_it_looks_at_the_slot_before_where_a_faster_upstream_has_none_then(hourly: Workflow):
    hourly.claim()
    hourly.end("prices")
    assert hourly.statuses("report") == ["SCHEDULED/dependency"]
    hourly.end("rates", Status.FAILED)
    assert hourly.statuses("report") == ["SKIPPED/dependency"]


def test_it_waits_for_a_slot_that_is_due_and_not_recorded(flow: Workflow, now: datetime):
    _scheduled(flow, "rates", seconds=60, first=now - MINUTE)
    _scheduled(flow, "prices", seconds=3600, first=now)
    flow.add("report", "prices", "rates")
    firing.claim(flow.connection, now=now - MINUTE)
    flow.end("rates")
    firing.claim(flow.connection, now=now, limit=1)
    change(flow.connection, "scheduler_tasks", flow.tasks["rates"], next_slot_for=now, claim_at=None)
    change(flow.connection, "scheduler_tasks", flow.tasks["prices"], claim_at=now, next_slot_for=now)
    flow.claim()
    flow.end("prices")
    assert flow.statuses("report") == ["SCHEDULED/dependency"]


def test_an_upstream_that_never_had_a_slot_makes_it_impossible(flow: Workflow):
    flow.add("asked")
    flow.add("never")
    flow.add("report", "asked", "never:DONE")
    flow.trigger("asked")
    flow.end("asked")
    assert flow.statuses("report") == ["SKIPPED/dependency"]


def test_a_slot_of_its_own_waits_for_them(flow: Workflow, now: datetime):
    flow.add("load")
    flow.trigger("load")
    _scheduled(flow, "report", "load", seconds=3600, first=now)
    assert flow.claim() == []
    flow.carry_on()
    assert flow.statuses("report") == ["SCHEDULED/dependency"]
    flow.end("load")
    assert [(row["status"], row["trigger"], row["run_id"]) for row in flow.rows("report")] == [
        ("QUEUED", "SCHEDULE", None)
    ]


def test_a_slot_of_its_own_goes_at_once_where_they_have_ended(flow: Workflow, now: datetime):
    flow.add("load")
    flow.trigger("load")
    flow.end("load")
    flow.move(HOUR)
    _scheduled(flow, "report", "load", seconds=3600, first=flow.now)
    flow.claim()
    flow.carry_on()
    assert flow.statuses("report") == ["QUEUED"]


def test_a_slot_of_its_own_keeps_when_it_was_due(flow: Workflow, now: datetime):
    flow.add("load")
    flow.trigger("load")
    _scheduled(flow, "report", "load", seconds=3600, first=now)
    flow.claim()
    flow.end("load")
    assert flow.rows("report")[0]["due_at"] == now


def test_what_follows_is_due_when_its_conditions_hold(flow: Workflow, now: datetime):
    flow.add("load")
    flow.add("report", "load")
    flow.trigger("load")
    flow.end("load")
    assert flow.rows("report")[0]["due_at"] == flow.now


def test_a_condition_looks_at_what_a_slot_came_to_after_its_retries(flow: Workflow):
    flow.add("load", max_retry_count=1)
    flow.add("alarm", "load:FAILURE")
    flow.trigger("load")
    flow.end("load", Status.FAILED)
    assert flow.rows("alarm") == []


def test_any_goes_with_the_first(flow: Workflow):
    flow.add("extract")
    flow.add("clean", "extract")
    flow.add("count", "extract")
    flow.add("report", "clean", "count", mode="ANY")
    flow.trigger("extract")
    flow.end("extract")
    flow.end("count")
    assert flow.statuses("report") == ["QUEUED"]
    flow.end("clean")
    assert flow.statuses("report") == ["QUEUED"]


def test_any_goes_with_the_first_of_two_roots(flow: Workflow, now: datetime):
    _scheduled(flow, "east", seconds=3600, first=now)
    _scheduled(flow, "west", seconds=3600, first=now)
    flow.add("report", "east", "west", mode="ANY")
    flow.claim()
    flow.end("west")
    assert flow.statuses("report") == ["QUEUED"]
    flow.end("east")
    assert flow.statuses("report") == ["QUEUED"]


def test_any_is_left_out_where_none_can_hold(flow: Workflow):
    flow.add("extract")
    flow.add("clean", "extract")
    flow.add("count", "extract")
    flow.add("report", "clean", "count", mode="ANY")
    flow.trigger("extract")
    flow.end("extract")
    flow.end("count", Status.FAILED)
    assert flow.statuses("report") == ["SCHEDULED/dependency"]
    flow.end("clean", Status.LOST)
    assert flow.statuses("report") == ["SKIPPED/dependency"]


@pytest.mark.parametrize("condition", ["FAILURE", "DONE"])
def test_a_lost_worker_is_a_failure(flow: Workflow, condition: str):
    flow.add("load")
    flow.add("alarm", "load", condition=condition)
    flow.trigger("load")
    flow.end("load", Status.LOST)
    assert flow.statuses("alarm") == ["QUEUED"]


def test_what_is_cancelled_before_it_starts_is_an_end(flow: Workflow):
    flow.add("load")
    flow.add("after", "load:DONE")
    run = flow.trigger("load")
    transitions.cancel_waiting(flow.connection, [run], reason="asked", now=flow.now)
    flow.carry_on()
    assert flow.statuses("after") == ["QUEUED"]


def test_a_slot_that_the_claim_leaves_out_is_an_end(flow: Workflow, now: datetime):
    _scheduled(flow, "load", seconds=3600, first=now, skip_slots=[now])
    flow.add("after", "load:DONE")
    flow.add("report", "load")
    flow.claim()
    flow.carry_on()
    assert (flow.statuses("after"), flow.statuses("report")) == (["QUEUED"], ["SKIPPED/dependency"])


def test_a_range_of_a_pause_is_one_end(flow: Workflow, now: datetime):
    _scheduled(flow, "load", seconds=60, first=now - 5 * MINUTE, status="PAUSED", claim_at=None)
    flow.add("report", "load")
    with flow.connection.transaction():
        pauses.resume(flow.connection, [flow.tasks["load"]], catch_up=False, now=now)
    flow.carry_on()
    assert flow.statuses("report") == ["SKIPPED/dependency"]


def test_what_comes_while_it_is_paused_is_left_out(flow: Workflow):
    flow.add("load")
    flow.add("report", "load", status="PAUSED")
    flow.trigger("load")
    flow.end("load")
    assert flow.statuses("report") == ["SKIPPED/paused"]


def test_what_waited_before_a_pause_goes_after_it(flow: Workflow):
    flow.add("extract")
    flow.add("clean", "extract")
    flow.add("report", "extract", "clean")
    flow.trigger("extract")
    flow.end("extract")
    change(flow.connection, "scheduler_tasks", flow.tasks["report"], status="PAUSED")
    flow.end("clean")
    assert flow.statuses("report") == ["SCHEDULED/dependency"]
    change(flow.connection, "scheduler_tasks", flow.tasks["report"], status="ACTIVE")
    flow.carry_on()
    assert flow.statuses("report") == ["QUEUED"]


def test_nothing_follows_to_a_deleted_task(flow: Workflow):
    flow.add("load")
    flow.add("report", "load", status="DELETED")
    flow.trigger("load")
    flow.end("load")
    assert flow.rows("report") == []


def test_what_goes_meets_an_overlap_as_a_newcomer(flow: Workflow):
    flow.add("load")
    flow.add("report", "load", overlap_policy="SKIP")
    flow.trigger("load")
    flow.trigger("report")
    flow.end("load")
    assert sorted(flow.statuses("report")) == ["QUEUED", "SKIPPED/overlap"]
    assert task(flow.connection, flow.tasks["report"])["open_count"] == 1


def test_what_goes_waits_for_an_overlap(flow: Workflow):
    flow.add("load")
    flow.add("report", "load", overlap_policy="QUEUE")
    flow.trigger("load")
    flow.trigger("report")
    flow.end("load")
    assert sorted(flow.statuses("report")) == ["QUEUED", "SCHEDULED/overlap"]


def test_what_waits_is_in_nobodys_way(flow: Workflow):
    flow.add("extract")
    flow.add("clean", "extract")
    flow.add("report", "extract", "clean", overlap_policy="SKIP")
    flow.trigger("extract")
    flow.end("extract")
    flow.trigger("report")
    assert sorted(flow.statuses("report")) == ["QUEUED", "SCHEDULED/dependency"]
    assert task(flow.connection, flow.tasks["report"])["open_count"] == 1


def test_what_goes_is_counted(flow: Workflow):
    flow.add("load")
    flow.add("report", "load", overlap_policy="SKIP")
    flow.trigger("load")
    flow.end("load")
    assert task(flow.connection, flow.tasks["report"])["open_count"] == 1


def test_a_limit_holds_what_goes(flow: Workflow, connection: psycopg.Connection):
    flow.add("load")
    flow.add("report", "load", queue="reports")
    connection.execute("INSERT INTO scheduler_permits (key, capacity, used) VALUES ('queue:reports', 1, 1)")
    flow.trigger("load")
    flow.end("load")
    assert flow.statuses("report") == ["SCHEDULED/limit"]


def test_a_backfill_goes_through_the_workflow_in_runs_of_its_own(flow: Workflow, now: datetime):
    flow.add("load", interval_seconds=3600, anchor_at=now - 3 * HOUR, next_slot_for=now + HOUR, last_slot_for=now)
    flow.add("report", "load")
    add_backfill(flow.connection, flow.tasks["load"], begin=now - HOUR, end=now, now=now)
    backfills.advance(flow.connection, after=EVERYWHERE, now=now)
    flow.end("load")
    row = flow.rows("report")[0]
    assert (row["status"], row["scheduled_for"], row["priority"]) == ("QUEUED", now - HOUR, 1)
    assert row["cause"] == flow.rows("load")[0]["cause"]


def test_what_was_begun_before_anything_depended_on_it_is_followed_too(flow: Workflow):
    flow.add("load")
    run = flow.trigger("load")
    flow.add("report", "load")
    flow.end("load")
    assert (flow.statuses("report"), flow.rows("load")[0]["run_id"]) == (["QUEUED"], run)


def test_a_change_of_the_definition_counts_for_what_waits(flow: Workflow, connection: psycopg.Connection):
    flow.add("extract")
    flow.add("clean", "extract")
    flow.add("report", "extract", "clean")
    flow.trigger("extract")
    flow.end("extract")
    connection.execute("DELETE FROM scheduler_dependencies WHERE upstream_id = %s", (flow.tasks["clean"],))
    dependents.decide(connection, now=flow.now + MINUTE, low=EVERYWHERE)
    assert flow.statuses("report") == ["QUEUED"]


def test_it_looks_again_at_the_latest_after_a_minute(flow: Workflow):
    flow.add("extract")
    flow.add("clean", "extract")
    flow.add("report", "extract", "clean")
    flow.trigger("extract")
    flow.end("extract")
    flow.move(HOUR)
    flow.carry_on()
    assert flow.rows("report")[0]["not_before"] == flow.now + MINUTE


def test_a_task_on_which_nobody_depends_writes_no_end(flow: Workflow, connection: psycopg.Connection):
    flow.add("load")
    flow.trigger("load")
    flow.end("load", carries_on=False)
    assert connection.execute("SELECT count(*) FROM scheduler_upstream_ends").fetchone() == (0,)


def test_a_retry_by_hand_in_time_is_what_counts(flow: Workflow):
    flow.add("load")
    flow.add("report", "load")
    run = flow.trigger("load")
    flow.end("load", Status.FAILED)
    with flow.connection.transaction():
        requests.retry(flow.connection, run, now=flow.now)
    retry = transitions.start(
        flow.connection, flow.rows("load")[1]["id"], node_id="n", lease_expires_at=flow.now + LEASE, now=flow.now
    )
    assert retry is not None
    transitions.finish(flow.connection, [Outcome(retry.id, retry.fence, Status.SUCCESS)], now=flow.now)
    flow.carry_on()
    assert flow.statuses("report") == ["SKIPPED/dependency", "QUEUED"]
