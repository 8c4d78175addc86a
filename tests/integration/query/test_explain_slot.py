"""GET /api/v1/tasks/{id}/explain?at=: what was recorded, what is to come, and why there is nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from query.slots import explain_at
from register import operating
from register.api.reading import read_pause, read_resume
from scheduler.engine.identity import backfill_cause, execution_id
from scheduler.models import Calendar, Execution, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller
from tests.integration.query.test_explain_execution import at as execution_at
from tests.integration.query.test_explain_execution import begin, claim, codes

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BERLIN = {"cronExpression": "0 30 2 * * ?", "timeZone": "Europe/Berlin"}


def explain(caller: Caller, task: Task, at: datetime | str) -> Any:
    """Return the answer."""
    text = at if isinstance(at, str) else at.isoformat()
    answer = caller.get(f"/api/v1/tasks/{task.id}/explain?at={quote(text)}")
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def minutely(new_task: Callable[..., Task]) -> Task:
    """Fires each minute, its first slot a minute after `now`."""
    return new_task(intervalSeconds=60)


@pytest.fixture
def due(now: datetime) -> datetime:
    """The first slot of what fires each minute."""
    return now + MINUTE


def test_it_explains_the_execution_of_a_slot(viewer: Caller, minutely: Task, due: datetime) -> None:
    claim(due)

    answer = explain(viewer, minutely, due)

    assert answer | {
        "taskId": str(minutely.id), "executionId": str(execution_at(minutely, due).id), "at": instant(due),
        "scheduledFor": instant(due), "outcome": "waits", "slotBefore": None, "slotAfter": instant(due + MINUTE),
    } == answer  # fmt: skip
    assert codes(answer) == ["slot", "queued", "queue_wait"]


def test_it_explains_the_latest_attempt(viewer: Caller, cleanup: Task, record: Callable[..., Execution]) -> None:
    slot = datetime(2023, 1, 15, tzinfo=UTC)
    record(cleanup, slot, status="FAILED")
    latest = record(cleanup, slot, attempt=2, trigger="RETRY", status="SUCCESS", start_time=slot, end_time=slot)

    answer = explain(viewer, cleanup, slot)

    assert (answer["executionId"], codes(answer)[1]) == (str(latest.id), "attempt")


@pytest.mark.parametrize("offset", [0, 1, 8])
def test_it_explains_every_slot_of_a_range(viewer: Caller, minutely: Task, due: datetime, offset: int) -> None:
    claim(due + 10 * MINUTE + SECOND)

    answer = explain(viewer, minutely, due + offset * MINUTE)

    assert (answer["outcome"], codes(answer)) == ("did_not_run", ["slot", "misfire"])
    assert answer["scheduledFor"] == instant(due + offset * MINUTE)


def test_between_two_slots_of_a_range_there_is_none(viewer: Caller, minutely: Task, due: datetime) -> None:
    claim(due + 10 * MINUTE + SECOND)

    answer = explain(viewer, minutely, due + 90 * SECOND)

    assert (answer["outcome"], answer["executionId"], answer["scheduledFor"]) == ("no_slot", None, None)
    assert (answer["slotBefore"], answer["slotAfter"]) == (instant(due + MINUTE), instant(due + 2 * MINUTE))


def test_it_finds_a_range_behind_what_ran_by_hand_within_it(operator: Caller, minutely: Task, due: datetime) -> None:
    operating.pause_task(minutely.id, read_pause({}), actor="olaf", namespace=None, now=due - SECOND)
    operator.send("post", f"tasks/{minutely.id}/trigger")
    operating.resume_task(minutely.id, read_resume({}), namespace=None, now=due + 5 * MINUTE)

    assert codes(explain(operator, minutely, due + 3 * MINUTE)) == ["slot", "paused"]


def test_it_tells_that_a_slot_will_run(viewer: Caller, minutely: Task, due: datetime) -> None:
    answer = explain(viewer, minutely, due)

    assert (answer["outcome"], codes(answer), answer["executionId"]) == ("will_run", ["slot", "coming"], None)


def test_it_tells_that_a_slot_is_due(new_task: Callable[..., Task], viewer: Caller, now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - 90 * SECOND)

    answer = explain(viewer, task, now - 30 * SECOND)

    assert (answer["outcome"], codes(answer)) == ("due", ["slot", "not_claimed"])


def test_it_tells_that_a_pause_stands_against_it(operator: Caller, minutely: Task, due: datetime) -> None:
    operator.send("post", f"tasks/{minutely.id}/pause", {"reason": "maintenance"})

    answer = explain(operator, minutely, due)

    assert (answer["outcome"], codes(answer)) == ("will_not_run", ["slot", "paused"])
    assert "maintenance" in answer["summary"]


def test_it_tells_that_somebody_asked_to_leave_it_out(operator: Caller, minutely: Task, due: datetime) -> None:
    operator.send("post", f"tasks/{minutely.id}/skip", {"slot": due.isoformat()})

    assert codes(explain(operator, minutely, due)) == ["slot", "requested"]


def test_it_tells_that_its_task_is_deleted(editor: Caller, minutely: Task, due: datetime) -> None:
    editor.send("delete", f"tasks/{minutely.id}")

    assert explain(editor, minutely, due + DAY)["outcome"] == "will_not_run"


def test_it_tells_which_rule_closes_it(viewer: Caller, new_task: Callable[..., Task]) -> None:
    Calendar.objects.create(name="weekends", rules={"weekdays": ["SAT", "SUN"]})
    task = new_task(cronExpression="0 0 12 * * ?", calendar="weekends")

    answer = explain(viewer, task, "2040-03-03T12:00:00Z")

    assert (answer["outcome"], codes(answer)) == ("will_not_run", ["slot", "calendar"])
    assert answer["steps"][-1]["data"]["closedBecause"] == "Saturday is excluded"


def test_it_tells_where_the_calendar_moves_a_slot_and_whence(viewer: Caller, new_task: Callable[..., Task]) -> None:
    Calendar.objects.create(name="weekends", rules={"weekdays": ["SAT", "SUN"]})
    task = new_task(cronExpression="0 0 12 ? * SAT", calendar="weekends", calendarPolicy="NEXT_OPEN")

    there, here = explain(viewer, task, "2040-03-03T12:00:00Z"), explain(viewer, task, "2040-03-05T12:00:00Z")

    assert (there["outcome"], codes(there)) == ("no_slot", ["calendar_move"])
    assert there["steps"][0]["data"]["movedTo"] == "2040-03-05T12:00:00Z"
    assert (here["outcome"], codes(here)) == ("will_run", ["slot", "calendar_move", "coming"])


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2035-03-25T02:30:00+01:00", ["missing_local_time"]),
        ("2035-03-25T03:00:00+02:00", ["slot", "missing_local_time", "coming"]),
        ("2035-10-28T02:30:00+02:00", ["slot", "repeated_local_time", "coming"]),
        ("2035-10-28T02:30:00+01:00", ["repeated_local_time"]),
    ],
)
def test_it_tells_what_a_clock_change_does(
    viewer: Caller, new_task: Callable[..., Task], at: str, expected: list[str]
) -> None:
    assert codes(explain(viewer, new_task(**BERLIN), at)) == expected


def test_it_tells_the_window(viewer: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    end = now + HOUR
    task = new_task(intervalSeconds=60, startAt=now.isoformat(), endAt=end.isoformat())

    assert codes(explain(viewer, task, end)) == ["window"]


def test_it_tells_the_first_slot_of_an_interval(viewer: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, startAt=(now + HOUR).isoformat())

    assert codes(explain(viewer, task, now + HOUR)) == ["slot", "coming"]


def test_it_tells_that_a_slot_is_older_than_the_task(viewer: Caller, cleanup: Task) -> None:
    answer = explain(viewer, cleanup, "2023-01-15T00:00:00Z")

    assert (answer["outcome"], codes(answer)) == ("not_recorded", ["slot", "before_creation"])


def test_it_tells_that_there_is_no_schedule(viewer: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    assert codes(explain(viewer, new_task(), now)) == ["no_schedule"]


def test_it_tells_what_a_fixed_delay_waits_for(viewer: Caller, new_task: Callable[..., Task], due: datetime) -> None:
    task = new_task(intervalSeconds=60, intervalMode="FIXED_DELAY")
    claim(due)
    running = execution_at(task, due)
    begin(running, due)

    answer = explain(viewer, task, due + MINUTE)

    assert codes(answer) == ["awaits_end"]
    assert answer["steps"][0]["data"]["executionId"] == str(running.id)


def test_it_tells_that_a_definition_cannot_be_read(viewer: Caller, minutely: Task, due: datetime) -> None:
    Task.objects.filter(id=minutely.id).update(interval_seconds=None, cron_expression="nonsense")

    assert codes(explain(viewer, minutely, due)) == ["invalid_schedule"]


def test_it_names_the_backfill_that_ran_a_slot(viewer: Caller, cleanup: Task, record: Any, now: datetime) -> None:
    slot = datetime(2023, 1, 15, tzinfo=UTC)
    execution = record(cleanup, slot, status="SUCCESS")
    cause = backfill_cause(cleanup.id, slot)
    Execution.objects.filter(id=execution.id).update(
        id=execution_id(cleanup.id, cause=cause, at=slot + HOUR, attempt=1), cause=cause, trigger="BACKFILL"
    )

    assert codes(explain(viewer, cleanup, slot))[-1] == "backfill"


def test_it_bears_a_zone_that_is_gone(viewer: Caller, minutely: Task, due: datetime) -> None:
    claim(due)
    Task.objects.filter(id=minutely.id).update(time_zone="Mars/Base")

    recorded, coming = explain(viewer, minutely, due), explain(viewer, minutely, due + MINUTE)

    assert (codes(recorded)[0], codes(coming)) == ("slot", ["invalid_schedule"])


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("", "at", "required"),
        ("at=", "at", "required"),
        ("at=2026-03-02", "at", "invalid"),
        ("at=2026-03-02T12:00:00", "at", "invalid"),
        ("at=9999-12-31T23:59:59Z", "at", "invalid"),
        ("at=%00", "at", "null_characters_not_allowed"),
        ("at=soon", "at", "invalid"),
        ("at=2026-03-02T12:00:00Z&at=2026-03-02T12:00:00Z", "at", "repeated"),
        ("at=2026-03-02T12:00:00Z&slot=1", "slot", "unknown"),
    ],
)
def test_it_refuses_what_is_no_instant(viewer: Caller, minutely: Task, query: str, field: str, code: str) -> None:
    answer = viewer.get(f"/api/v1/tasks/{minutely.id}/explain?{query}")

    assert answer.status_code == 400
    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z", "2026-03-02T12:00:00+05:30"])
def test_it_bears_the_ends_of_time(viewer: Caller, minutely: Task, at: str) -> None:
    assert explain(viewer, minutely, at)["summary"]


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, minutely: Task) -> None:
    assert payments_editor.get(f"/api/v1/tasks/{minutely.id}/explain?at=2026-03-02T12:00:00Z").status_code == 404


def test_it_needs_few_queries(
    minutely: Task, due: datetime, record: Callable[..., Execution], django_assert_max_num_queries: Any
) -> None:
    claim(due + 10 * MINUTE + SECOND)

    with django_assert_max_num_queries(4):
        explain_at(minutely, due + 3 * MINUTE, now=due + 11 * MINUTE)


def test_it_needs_few_queries_where_nothing_is_recorded(
    minutely: Task, due: datetime, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(4):
        explain_at(minutely, due, now=due)
