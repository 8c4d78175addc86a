"""The page of a task: how it does, what comes, its versions, what is done from it, and why of any slot."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from register.api.reading import read_changes
from register.services import change_task
from scheduler.models import AuditRecord, Execution, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller
from tests.integration.query.pages.inhabited import seated

MINUTE = timedelta(minutes=1)


@pytest.fixture
def hourly(new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime) -> Task:
    """A task with twelve runs of about a second, the last of which failed."""
    task = new_task("Hourly", cronExpression="0 0 * * * ?", labels={"team": "finance"})
    for number in range(12):
        took = 1_000 + 10 * number
        times = {"start_time": now - MINUTE, "end_time": now, "execution_time_ms": took}
        status = "FAILED" if number == 0 else "SUCCESS"
        record(task, now - (number + 1) * MINUTE, status=status, error_message="It burns", **times)
    return task


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def sent(client: Client, path: str, **body: str) -> str:
    answer: Any = client.post(path, body, follow=True)
    return str(answer.content.decode())


def test_it_shows_how_it_does_and_the_predicted_band(hourly: Task) -> None:
    page = text(seated("viewer"), f"/admin/task/{hourly.id}/")

    assert 'class="band"' in page
    assert "nine of ten between 1.0 s and 1.1 s" in page
    assert page.count('class="run success"') == 11
    assert page.count('class="run late"') == 12
    assert "It burns" in page
    assert "finance" in page


def test_a_number_of_its_metrics_leads_to_the_executions_that_it_counts(
    hourly: Task, record: Callable[..., Execution], now: datetime, count: Callable[[], None]
) -> None:
    record(hourly, now - timedelta(days=3), status="FAILED", start_time=now, end_time=now)
    count()
    viewer = seated("viewer")
    page = text(viewer, f"/admin/task/{hourly.id}/")

    (link, failed), *_ = re.findall(r'<a href="([^"]*status=FAILED[^"]*)">(\d+)</a>', page)

    assert failed == "1"
    assert viewer.get(unescape(link)).context["cl"].result_count == 1


def test_its_metrics_are_those_of_the_api(
    hourly: Task, viewer: Caller, record: Callable[..., Execution], now: datetime, count: Callable[[], None]
) -> None:
    # By a node whose clock is ahead.
    record(hourly, now + timedelta(minutes=59), status="SKIPPED", start_time=None, end_time=now)
    count()
    counts = viewer.get(f"/api/v1/tasks/{hourly.id}/metrics").json()["counts"]
    page = text(seated("viewer"), f"/admin/task/{hourly.id}/")

    assert {name: int(shown) for name, shown in re.findall(r"status=([A-Z_]+)[^\"]*\">(\d+)</a>", page)} == {
        name: number for name, number in counts.items() if number
    }


def test_it_shows_the_next_ten_slots(hourly: Task) -> None:
    page = text(seated("viewer"), f"/admin/task/{hourly.id}/")

    assert page.count(">why?</a>") == 10 + 12


def test_it_is_refused_what_its_window_is_not(hourly: Task) -> None:
    assert 'aria-current="true">24h' in text(seated("viewer"), f"/admin/task/{hourly.id}/?window=<b>")


def test_a_viewer_is_offered_no_act(hourly: Task) -> None:
    page = text(seated("viewer"), f"/admin/task/{hourly.id}/")

    assert ("Run now" in page, "Leave out" in page, ">Change<" in page) == (False, False, False)


def test_it_runs_at_once(hourly: Task) -> None:
    page = sent(seated("operator"), f"/admin/task/{hourly.id}/run/")

    assert "Hourly is QUEUED, execution" in page
    assert Execution.objects.filter(trigger="MANUAL").count() == 1


def test_it_is_paused_with_a_reason_and_an_end_and_resumed(hourly: Task) -> None:
    operator = seated("operator")
    paused = sent(operator, f"/admin/task/{hourly.id}/pause/", reason="Stocktaking", until="2099-01-01T00:00:00Z")
    assert "Stocktaking until 2099-01-01 00:00:00 UTC" in paused

    sent(operator, f"/admin/task/{hourly.id}/resume/")
    assert Task.objects.get().status == "ACTIVE"
    assert set(AuditRecord.objects.filter(via="CONSOLE").values_list("verb", flat=True)) == {"pause", "resume"}


def test_what_is_refused_says_why(hourly: Task) -> None:
    page = sent(seated("operator"), f"/admin/task/{hourly.id}/pause/", until="yesterday")

    assert "Hourly was not paused: until: This must be an instant" in page
    assert Task.objects.get().status == "ACTIVE"


def test_a_coming_slot_is_left_out(hourly: Task) -> None:
    slot = instant(hourly.next_slot_for) or ""
    page = sent(seated("operator"), f"/admin/task/{hourly.id}/skip/", slot=slot)

    assert f"Hourly leaves out the slot of {slot}" in page


# Versions


@pytest.fixture
def changed(hourly: Task, now: datetime) -> Task:
    """With a second version."""
    return change_task(hourly.id, read_changes({"priority": 9, "labels": {}}), namespace=None, now=now)


def test_a_version_says_what_it_changed(changed: Task) -> None:
    page = text(seated("viewer"), f"/admin/task/{changed.id}/revisions/2/")

    assert "<del>5</del></td><td><ins>9</ins>" in page
    assert "labels.team" in page
    assert "Restore this version" not in page


def test_an_old_version_is_restored(changed: Task) -> None:
    editor = seated("editor")
    assert "Restore this version" in text(editor, f"/admin/task/{changed.id}/revisions/1/")

    page = sent(editor, f"/admin/task/{changed.id}/revisions/1/restore/", seen_version="2")

    changed.refresh_from_db()
    assert "has the definition of version 1 again, as version 3" in page
    assert (changed.priority, changed.version) == (5, 3)


def test_what_has_changed_meanwhile_is_not_restored_over(changed: Task) -> None:
    page = sent(seated("editor"), f"/admin/task/{changed.id}/revisions/1/restore/", seen_version="1")

    assert "Hourly was not restored" in page
    assert Task.objects.get().version == 2


# Why


def test_it_tells_why_a_slot_that_ran_did(hourly: Task, now: datetime) -> None:
    page = text(seated("viewer"), f"/admin/task/{hourly.id}/why/?at={instant(now - MINUTE)}")

    assert "It burns" in page
    assert "The execution" in page


def test_it_tells_why_nothing_ran_at_an_instant(hourly: Task) -> None:
    page = text(seated("viewer"), f"/admin/task/{hourly.id}/why/?at=2099-06-01T12:30:00Z")

    assert "slot before, 2099-06-01 12:00:00 UTC" in page
    assert "?at=2099-06-01T13:00:00Z" in page


@pytest.mark.parametrize("at", ["noon", "0001-01-01T00:00", "9999-12-31T23:59", "1960-01-01T00:00:00+05:00"])
def test_it_tells_that_something_is_no_instant(hourly: Task, at: str) -> None:
    assert "This is no instant" in text(seated("viewer"), f"/admin/task/{hourly.id}/why/?at={at}")


def test_it_takes_what_a_browsers_field_writes_as_utc(hourly: Task) -> None:
    page = text(seated("viewer"), f"/admin/task/{hourly.id}/why/?at=2099-06-01T12:30")

    assert "slot before, 2099-06-01 12:00:00 UTC" in page


def test_an_execution_and_the_list_lead_to_the_task(hourly: Task) -> None:
    viewer = seated("viewer")
    failed = Execution.objects.filter(status="FAILED").get()
    link = f"/admin/task/{hourly.id}/"

    assert link in text(viewer, f"/admin/scheduler/execution/{failed.id}/change/")
    assert link in text(viewer, "/admin/scheduler/task/")


def test_the_list_says_which_task_is_in_trouble_and_why(hourly: Task) -> None:
    assert "✗\N{NO-BREAK SPACE}Failed It burns" in text(seated("viewer"), "/admin/scheduler/task/")
