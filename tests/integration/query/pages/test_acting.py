"""Acting from the console's pages: retry and cancel, and who may not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from scheduler.models import AuditRecord, Execution, Task
from scheduler.models.choices import AuditVerb

MINUTE = timedelta(minutes=1)


@pytest.fixture
def failed(cleanup: Task, record: Callable[..., Execution], now: datetime) -> Execution:
    return record(cleanup, now - MINUTE, status="FAILED", start_time=now, end_time=now)


@pytest.fixture
def operator(logged_in: Callable[..., Client]) -> Client:
    """Somebody who may change executions."""
    return logged_in("view_task", "view_execution", "change_execution")


def messages(client: Client, path: str) -> str:
    return client.post(path, follow=True).content.decode()


def test_a_retry_is_the_next_attempt_and_is_audited(operator: Client, failed: Execution) -> None:
    page = messages(operator, f"/admin/retry/{failed.id}/")
    attempt = Execution.objects.get(task=failed.task, attempt=2)
    record = AuditRecord.objects.get(verb=AuditVerb.RETRY)
    assert f"Execution {failed.id} was tried again; {attempt.id} is QUEUED." in page
    assert record.actor.startswith("user ")


def test_a_second_retry_is_refused_with_its_reason(operator: Client, failed: Execution) -> None:
    operator.post(f"/admin/retry/{failed.id}/")
    assert "It has been tried again already" in messages(operator, f"/admin/retry/{failed.id}/")
    assert Execution.objects.count() == 2


def test_what_waits_is_cancelled(
    operator: Client, cleanup: Task, record: Callable[..., Execution], now: datetime
) -> None:
    waiting = record(cleanup, now, status="QUEUED", queued_at=now)
    operator.post(f"/admin/cancel/{waiting.id}/")
    waiting.refresh_from_db()
    assert (waiting.status, AuditRecord.objects.filter(verb=AuditVerb.CANCEL).count()) == ("CANCELLED", 1)


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_it_is_refused_to_who_may_only_look(looking: Client, failed: Execution, verb: str) -> None:
    assert looking.post(f"/admin/{verb}/{failed.id}/").status_code == 403
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_it_takes_a_form_and_no_link(operator: Client, failed: Execution, verb: str) -> None:
    assert operator.get(f"/admin/{verb}/{failed.id}/").status_code == 405


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_it_takes_no_form_of_a_strangers_page(failed: Execution, admin_user: object, verb: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)  # type: ignore[arg-type]
    assert client.post(f"/admin/{verb}/{failed.id}/").status_code == 403


def test_an_execution_that_there_is_not_is_told(operator: Client, failed: Execution) -> None:
    page = messages(operator, f"/admin/retry/{uuid4()}/")
    assert "was not tried again" in page


def test_a_page_of_an_execution_tells_its_story_and_offers_what_can_be_done(
    operator: Client, failed: Execution
) -> None:
    page = operator.get(f"/admin/scheduler/execution/{failed.id}/change/").content.decode()
    assert 'class="story"' in page
    assert (f"/admin/retry/{failed.id}/" in page, f"/admin/cancel/{failed.id}/" in page) == (True, False)


def test_who_may_only_look_is_offered_nothing(looking: Client, failed: Execution) -> None:
    page = looking.get(f"/admin/scheduler/execution/{failed.id}/change/").content.decode()
    assert f"/admin/retry/{failed.id}/" not in page
