"""GET /api/v1/tasks/{id}/graph and /runs/{runId}."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from scheduler import backfills, connections, dependents, transitions, triggers
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.models import Execution, Task
from scheduler.records import Outcome
from tests.hot_paths import LEASE, SECOND, add_backfill
from tests.integration.conftest import Caller
from tests.integration.scheduler.backfills.filling import had
from tests.workflow import Workflow

Register = Callable[..., Task]

# Of no task and no run; the same in every process that collects these tests.
NOBODYS = UUID("00000000-0000-4000-8000-00000000dead")


@pytest.fixture
def extract(new_task: Register) -> Task:
    """The root."""
    return new_task("extract", maxRetryCount=0)


@pytest.fixture
def clean(extract: Task, new_task: Register) -> Task:
    """Follows it."""
    return new_task("clean", dependencies=[{"name": "extract"}])


@pytest.fixture
def report(clean: Task, payroll: Task, new_task: Register) -> Task:
    """Follows clean, and looks at what another namespace's payroll came to."""
    return new_task("report", dependencies=[{"name": "clean"}, {"taskId": str(payroll.id), "condition": "DONE"}])


def _carry_on(now: datetime) -> None:
    dependents.follow(connections.current(), now=now)
    dependents.decide(connections.current(), now=now, low=EVERYWHERE)


def _end(execution: Any, status: Status, now: datetime) -> None:
    started = transitions.start(
        connections.current(), execution, node_id="node-1", lease_expires_at=now + LEASE, now=now
    )
    assert started is not None
    transitions.finish(connections.current(), [Outcome(started.id, started.fence, status)], now=now)
    _carry_on(now)


@pytest.fixture
def run(report: Task, extract: Task, now: datetime) -> Any:
    """A run whose root has succeeded."""
    execution, _ = triggers.trigger(connections.current(), extract.id, request=uuid4(), task_data=None, now=now)
    _end(execution, Status.SUCCESS, now)
    return execution


def _by_name(body: Any) -> dict[str, Any]:
    return {node["name"]: node for node in body["nodes"]}


def test_the_graph_holds_what_is_joined(viewer: Caller, report: Task, clean: Task, extract: Task) -> None:
    body = viewer.send("get", f"tasks/{clean.id}/graph").json()

    assert list(_by_name(body)) == ["Payroll", "clean", "extract", "report"]
    edge = {"upstreamId": str(extract.id), "taskId": str(clean.id), "condition": "SUCCESS", "isSlowest": True}
    assert edge in body["edges"]


def test_the_graph_marks_the_slowest(viewer: Caller, report: Task, payroll: Task) -> None:
    body = viewer.send("get", f"tasks/{report.id}/graph").json()
    edge = next(edge for edge in body["edges"] if edge["upstreamId"] == str(payroll.id))
    assert (edge["condition"], edge["isSlowest"]) == ("DONE", False)


def test_a_bound_caller_sees_its_own_part_of_the_graph(payments_editor: Caller, report: Task, payroll: Task) -> None:
    body = payments_editor.send("get", f"tasks/{payroll.id}/graph").json()
    assert ([node["name"] for node in body["nodes"]], body["edges"]) == (["Payroll"], [])


def test_a_graph_of_one(viewer: Caller, cleanup: Task) -> None:
    body = viewer.send("get", f"tasks/{cleanup.id}/graph").json()
    assert (len(body["nodes"]), body["edges"]) == (1, [])


def test_there_is_no_graph_of_no_task(viewer: Caller, cleanup: Task) -> None:
    assert viewer.send("get", f"tasks/{uuid4()}/graph").status_code == 404


def test_a_run_shows_how_far_it_has_come(viewer: Caller, run: Any, extract: Task) -> None:
    body = viewer.send("get", f"runs/{run}").json()

    assert (body["runId"], body["taskId"], body["trigger"], body["status"]) == (
        str(run), str(extract.id), "MANUAL", "RUNNING",
    )  # fmt: skip
    nodes = _by_name(body)
    assert {name: node["status"] for name, node in nodes.items()} == {
        "extract": "SUCCESS", "clean": "QUEUED", "report": None, "Payroll": None,
    }  # fmt: skip
    assert {name for name, node in nodes.items() if not node["isInRun"]} == {"Payroll"}


def test_a_run_shows_what_its_conditions_come_to(viewer: Caller, run: Any, extract: Task, clean: Task) -> None:
    edges = viewer.send("get", f"runs/{run}").json()["edges"]
    verdicts = {(edge["upstreamId"], edge["verdict"]) for edge in edges}
    assert {(str(extract.id), "MET"), (str(clean.id), "OPEN")} <= verdicts


def test_a_run_that_has_ended_is_as_good_as_its_worst(
    viewer: Caller, clean: Task, extract: Task, now: datetime
) -> None:
    execution, _ = triggers.trigger(connections.current(), extract.id, request=uuid4(), task_data=None, now=now)
    _end(execution, Status.FAILED, now)

    body = viewer.send("get", f"runs/{execution}").json()

    assert (body["status"], body["endedAt"] is not None) == ("FAILED", True)
    assert _by_name(body)["clean"]["reason"] == "dependency"


@pytest.mark.parametrize(("came_to", "verdict"), [(Status.SUCCESS, "MET"), (Status.FAILED, "IMPOSSIBLE")])
def test_a_run_of_a_backfill_shows_what_a_backfill_of_its_upstream_came_to(
    viewer: Caller, now: datetime, came_to: Status, verdict: str
) -> None:
    """Not what the schedule's own slot did, for that did not decide on it."""
    flow, hour = Workflow(connections.current(), now), timedelta(hours=1)
    columns: dict[str, Any] = {"interval_seconds": 3600, "anchor_at": now - 9 * hour, "next_slot_for": now + hour}
    for name, *upstreams in (["load"], ["report", "load"]):
        flow.add(name, *upstreams, last_slot_for=now, **columns)
    by_itself = Status.FAILED if came_to is Status.SUCCESS else Status.SUCCESS
    had(flow.connection, flow.tasks["load"], now - hour, by_itself)
    for name in ("load", "report"):
        add_backfill(flow.connection, flow.tasks[name], begin=now - hour, end=now, now=flow.now, rerun=True)
        flow.move(SECOND)
        backfills.advance(flow.connection, after=EVERYWHERE, now=flow.now)
        flow.carry_on()
        if name == "load":
            flow.end("load", came_to)

    body = viewer.send("get", f"runs/{flow.rows('report')[0]['id']}").json()

    assert [edge["verdict"] for edge in body["edges"]] == [verdict]
    assert _by_name(body)["load"]["status"] == came_to


def test_an_execution_says_of_which_run_it_is(viewer: Caller, run: Any, clean: Task) -> None:
    execution = Execution.objects.get(task=clean)
    assert viewer.send("get", f"executions/{execution.id}").json()["runId"] == str(run)


def test_the_executions_of_a_run_are_listed(viewer: Caller, run: Any) -> None:
    body = viewer.send("get", f"executions?runId={run}").json()
    assert {one["taskName"] for one in body["content"]} == {"extract", "clean"}


def test_what_follows_in_a_run_is_no_run(viewer: Caller, run: Any, clean: Task) -> None:
    assert viewer.send("get", f"runs/{Execution.objects.get(task=clean).id}").status_code == 404


def test_a_run_of_another_namespace_is_not_found(payments_editor: Caller, run: Any) -> None:
    assert payments_editor.send("get", f"runs/{run}").status_code == 404


@pytest.mark.parametrize("path", [f"runs/{NOBODYS}", "runs/1", f"tasks/{NOBODYS}/graph"])
def test_there_is_nothing_else(viewer: Caller, cleanup: Task, path: str) -> None:
    assert viewer.send("get", path).status_code == 404


def test_it_takes_no_parameters(viewer: Caller, run: Any) -> None:
    assert viewer.send("get", f"runs/{run}?page=1").status_code == 400
