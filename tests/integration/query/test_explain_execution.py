"""GET /api/v1/executions/{id}/explain, of what claim, release, workers and sweep have made."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from register import operating, services
from register.api.reading import read_changes, read_pause, read_resume
from register.calendars.services import change_calendar, create_calendar
from register.given import Given
from scheduler import connections, firing, publications, releases, sweep, transitions
from scheduler.engine.states import Status
from scheduler.models import Calendar, Execution, Node, Task
from scheduler.records import Outcome
from tests.integration.conftest import Caller
from tests.integration.query.conftest import JANUARY

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def explain(caller: Caller, execution: Execution) -> Any:
    """Return the answer."""
    answer = caller.get(f"/api/v1/executions/{execution.id}/explain")
    assert answer.status_code == 200, answer.content
    return answer.json()


def codes(answer: Any) -> list[str]:
    """Return the codes of its steps."""
    return [step["code"] for step in answer["steps"]]


def claim(now: datetime) -> None:
    """Claim what is due."""
    firing.claim(connections.current(), now=now)


def begin(execution: Execution, now: datetime) -> int:
    """Start an execution and return its fence."""
    started = transitions.start(
        connections.current(), execution.id, node_id="worker-1", lease_expires_at=now + 30 * SECOND, now=now
    )
    assert started is not None
    return started.fence


def end(execution: Execution, fence: int, now: datetime, status: Status = Status.SUCCESS, **outcome: Any) -> None:
    """End an execution that was begun."""
    ending = Outcome(execution.id, fence, status, now, **outcome)
    transitions.finish(connections.current(), [ending], now=now)


def at(task: Task, slot: datetime, attempt: int = 1) -> Execution:
    """Return an attempt at a slot."""
    return Execution.objects.get(task=task, scheduled_for=slot, attempt=attempt)


@pytest.fixture
def due(now: datetime) -> datetime:
    """A minute after the tasks were registered: their first slot."""
    return now + MINUTE


def test_what_waited_behind_another_in_a_child_was_not_claimed_late(
    viewer: Caller, new_task: Callable[..., Task], due: datetime
) -> None:
    """It was won with others and handed back when the one before it took long; nothing was wrong with the claim."""
    task = new_task(intervalSeconds=60)
    claim(due)
    execution, again = at(task, due), due + 20 * SECOND
    transitions.hand_back(connections.current(), [(execution.id, begin(execution, due + SECOND))], now=again)
    publications.mark(connections.current(), [execution.id], now=again)
    end(execution, begin(execution, again + SECOND), again + 2 * SECOND)

    assert codes(explain(viewer, execution)) == ["slot", "requeued", "handed_back", "queued", "started", "succeeded"]


def test_it_explains_an_execution(viewer: Caller, new_task: Callable[..., Task], due: datetime) -> None:
    task = new_task(intervalSeconds=60)
    claim(due)
    execution = at(task, due)
    end(execution, begin(execution, due), due + SECOND)

    answer = explain(viewer, execution)

    assert answer | {
        "taskId": str(task.id), "taskName": "A task", "executionId": str(execution.id), "outcome": "ran",
        "summary": "It ran in time: it succeeded after 1 second.",
    } == answer  # fmt: skip
    assert codes(answer) == ["slot", "queued", "started", "succeeded"]
    assert set(answer["steps"][0]) == {"at", "code", "message", "data"}


def test_it_tells_that_the_claim_was_late(viewer: Caller, new_task: Callable[..., Task], due: datetime) -> None:
    task = new_task(intervalSeconds=3600, startAt=(due).isoformat())
    claim(due + 42 * SECOND)

    answer = explain(viewer, at(task, due))

    assert (codes(answer)[1], answer["steps"][1]["data"]) == ("claimed_late", {"lateSeconds": 42.0})


def test_it_tells_what_was_missed(viewer: Caller, new_task: Callable[..., Task], due: datetime) -> None:
    task = new_task(intervalSeconds=60)
    claim(due + 10 * MINUTE + SECOND)

    answer = explain(viewer, at(task, due))

    assert (answer["outcome"], codes(answer)) == ("did_not_run", ["slot", "misfire"])
    assert "misfirePolicy FIRE_ONCE" in answer["summary"]


def test_it_tells_what_was_caught_up(viewer: Caller, new_task: Callable[..., Task], due: datetime) -> None:
    task = new_task(intervalSeconds=60)
    claim(due + 10 * MINUTE + SECOND)
    caught_up = Execution.objects.get(task=task, trigger="CATCH_UP")
    end(caught_up, begin(caught_up, due + 11 * MINUTE), due + 11 * MINUTE)

    answer = explain(viewer, caught_up)

    assert (answer["outcome"], "misfire" in codes(answer)) == ("ran_late", True)


@pytest.mark.parametrize("policy", ["SKIP", "QUEUE"])
def test_it_names_the_execution_in_the_way(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, policy: str
) -> None:
    task = new_task(intervalSeconds=60, overlapPolicy=policy)
    claim(due)
    begin(at(task, due), due)
    claim(due + MINUTE)

    answer = explain(viewer, at(task, due + MINUTE))

    assert codes(answer)[-1] == "overlap"
    assert answer["steps"][-1]["data"]["executionIds"] == [str(at(task, due).id)]


def test_it_still_names_it_after_both_have_ended(viewer: Caller, new_task: Callable[..., Task], due: datetime) -> None:
    task = new_task(intervalSeconds=60, overlapPolicy="QUEUE")
    claim(due)
    fence = begin(at(task, due), due)
    claim(due + MINUTE)
    end(at(task, due), fence, due + 90 * SECOND)
    releases.release(connections.current(), now=due + 91 * SECOND, low=UUID(int=0))
    held = at(task, due + MINUTE)
    end(held, begin(held, due + 92 * SECOND), due + 95 * SECOND)

    answer = explain(viewer, held)

    assert (answer["outcome"], codes(answer)[1]) == ("ran_late", "overlap")
    assert answer["steps"][1]["data"] == {"lateSeconds": 31.0, "executionIds": [str(at(task, due).id)]}


def test_it_tells_what_waits_for_a_limit(viewer: Caller, new_task: Callable[..., Task], due: datetime) -> None:
    task = new_task(intervalSeconds=60, maxConcurrency=1)
    claim(due)
    claim(due + MINUTE)

    answer = explain(viewer, at(task, due + MINUTE))

    assert (answer["outcome"], codes(answer)[-1]) == ("waits", "limit")
    assert "maxConcurrency is 1" in answer["summary"]


def test_it_tells_which_rule_of_the_calendar_closed_a_slot(
    viewer: Caller, new_task: Callable[..., Task], due: datetime
) -> None:
    Calendar.objects.create(name="closed", rules={"dates": [f"{due:%Y-%m-%d}"]})
    task = new_task(intervalSeconds=60, calendar="closed", misfireGraceSeconds=86_400)
    claim(due + DAY)

    answer = explain(viewer, at(task, due))

    assert codes(answer) == ["slot", "calendar"]
    assert f"{due:%Y-%m-%d}" in answer["steps"][-1]["data"]["closedBecause"]


def test_it_tells_by_the_rules_that_the_calendar_had_then(
    viewer: Caller, new_task: Callable[..., Task], due: datetime
) -> None:
    day = f"{due:%Y-%m-%d}"
    calendar = create_calendar(
        Given({"name": "closed", "rules": {"dates": [day]}}), actor="edda", namespace=None, now=due - DAY
    )
    task = new_task(intervalSeconds=60, calendar="closed", misfireGraceSeconds=86_400)
    claim(due + DAY)
    change_calendar(calendar.id, Given({"rules": {}}), namespace=None, now=due + 2 * DAY)

    answer = explain(viewer, at(task, due))

    assert day in answer["steps"][-1]["data"]["closedBecause"]


def test_it_tells_by_the_definition_that_it_had_then(
    viewer: Caller, new_task: Callable[..., Task], due: datetime
) -> None:
    task = new_task(intervalSeconds=60, overlapPolicy="SKIP")
    claim(due)
    claim(due + MINUTE)
    services.change_task(task.id, read_changes({"overlapPolicy": "ALLOW"}), namespace=None, now=due + MINUTE)

    answer = explain(viewer, at(task, due + MINUTE))

    assert "overlapPolicy is SKIP" in answer["summary"]


def test_it_tells_by_the_definition_of_today_where_no_other_was_kept(
    viewer: Caller, new_task: Callable[..., Task], due: datetime
) -> None:
    task = new_task(intervalSeconds=60, overlapPolicy="SKIP")
    claim(due)
    Task.objects.update(version=7)

    assert explain(viewer, at(task, due))["outcome"] == "waits"


def test_it_tells_what_a_pause_left_out(viewer: Caller, new_task: Callable[..., Task], due: datetime) -> None:
    task = new_task(intervalSeconds=60)
    operating.pause_task(task.id, read_pause({}), actor="olaf", namespace=None, now=due - SECOND)
    operating.resume_task(task.id, read_resume({}), namespace=None, now=due + MINUTE)

    answer = explain(viewer, Execution.objects.get(task=task, reason="paused"))

    assert (answer["outcome"], codes(answer)) == ("did_not_run", ["slot", "paused"])


def test_it_tells_what_somebody_asked_to_leave_out(
    operator: Caller, new_task: Callable[..., Task], due: datetime
) -> None:
    task = new_task(intervalSeconds=60)
    operator.send("post", f"tasks/{task.id}/skip", {"slot": due.isoformat()})
    claim(due)

    assert codes(explain(operator, at(task, due))) == ["slot", "requested"]


def test_it_tells_of_a_lost_worker_and_the_attempt_after_it(
    viewer: Caller, new_task: Callable[..., Task], due: datetime
) -> None:
    task = new_task(intervalSeconds=3600, startAt=due.isoformat())
    claim(due)
    begin(at(task, due), due)
    sweep.lose(connections.current(), now=due + MINUTE, low=UUID(int=0))

    lost, retry = explain(viewer, at(task, due)), explain(viewer, at(task, due, 2))

    assert codes(lost)[-2:] == ["worker_lost", "retry"]
    assert "worker-1" in lost["summary"]
    assert (retry["outcome"], codes(retry)) == ("waits", ["slot", "attempt", "retry"])
    assert retry["steps"][1]["data"]["status"] == "LOST"


def test_it_tells_who_cancelled(operator: Caller, cleanup: Task) -> None:
    triggered = operator.send("post", f"tasks/{cleanup.id}/trigger").json()
    operator.send("post", f"executions/{triggered['id']}/cancel")

    answer = explain(operator, Execution.objects.get())

    assert (answer["outcome"], codes(answer)) == ("did_not_run", ["request", "queued", "cancelled"])
    assert "cancelled by olaf" in answer["summary"]


def test_it_bears_a_history_of_a_thousand_attempts(
    viewer: Caller, cleanup: Task, record: Callable[..., Execution], django_assert_max_num_queries: Any
) -> None:
    last = [record(cleanup, JANUARY, attempt=attempt, status="FAILED") for attempt in range(1, 41)][-1]

    with django_assert_max_num_queries(6):
        answer = explain(viewer, last)

    assert codes(answer).count("attempt") == 19


def test_it_needs_few_queries_where_others_are_in_the_way(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, django_assert_max_num_queries: Any
) -> None:
    task = new_task(intervalSeconds=60, overlapPolicy="SKIP")
    claim(due)
    claim(due + MINUTE)
    execution = at(task, due + MINUTE)

    with django_assert_max_num_queries(6):
        explain(viewer, execution)


def test_an_unknown_execution_is_not_found(viewer: Caller) -> None:
    assert viewer.get(f"/api/v1/executions/{uuid4()}/explain").status_code == 404


def test_it_takes_no_parameters(viewer: Caller, january: list[Execution]) -> None:
    answer = viewer.get(f"/api/v1/executions/{january[0].id}/explain?at=now")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "at")


def test_it_tells_whether_a_worker_takes_from_the_queue_in_which_it_waits(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, now: datetime
) -> None:
    task = new_task(intervalSeconds=60)
    claim(due)
    execution = at(task, due)

    def add_worker(beat: datetime, queue: str, ended_at: datetime | None = None) -> None:
        Node.objects.create(
            id=uuid4(), role="worker", hostname="h", pid=1, started_at=beat, heartbeat_at=beat, ended_at=ended_at,
            load={"queues": [queue]},
        )  # fmt: skip

    add_worker(now, "other")
    add_worker(now - MINUTE, "default")
    add_worker(now, "default", ended_at=now)
    answer = explain(viewer, execution)
    assert "and no worker that beats takes from it" in answer["summary"]
    assert answer["steps"][-1]["data"]["isServed"] is False

    add_worker(now, "default")
    assert explain(viewer, execution)["steps"][-1]["data"]["isServed"] is True
