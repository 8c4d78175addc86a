"""POST /api/v1/tasks/{id}/pause and /resume."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from register import operating
from register.api.reading import read_changes, read_pause, read_resume
from register.errors import NotPaused
from register.services import change_task, delete_task
from scheduler import claims, connections, firing, releases, sweep
from scheduler.models import Execution, Task
from scheduler.representations import instant
from tests.hot_paths import lock_held
from tests.integration.conftest import Caller

MINUTE = timedelta(minutes=1)


def _pause(task: Task, at: datetime, **fields: Any) -> Task:
    return operating.pause_task(task.id, read_pause(fields), actor="olaf", namespace=None, now=at)


def _resume(task: Task, at: datetime, **fields: Any) -> Task:
    return operating.resume_task(task.id, read_resume(fields), namespace=None, now=at)


def _rows() -> list[tuple[str, str | None, datetime, datetime | None, int | None]]:
    columns = ("status", "reason", "scheduled_for", "scheduled_until", "slot_count")
    return list(Execution.objects.order_by("id").values_list(*columns))


@pytest.fixture
def minutely(new_task: Callable[..., Task], now: datetime) -> Task:
    """Fires each minute from `now` on, its first slot a minute later."""
    return new_task(intervalSeconds=60)


class TestPause:
    """What a pause does at once."""

    def test_it_stops_firing(self, operator: Caller, cleanup: Task) -> None:
        answer = operator.send("post", f"tasks/{cleanup.id}/pause", {"reason": "Migration"})

        assert answer.status_code == 200
        body = answer.json()
        assert (body["status"], body["pauseReason"], body["pausedUntil"], body["nextExecutionTime"]) == (
            "PAUSED", "Migration", None, None,
        )  # fmt: skip
        assert Task.objects.get().claim_at is None

    def test_it_says_who_where_no_reason_is_given(self, operator: Caller, cleanup: Task) -> None:
        assert operator.send("post", f"tasks/{cleanup.id}/pause").json()["pauseReason"] == "Paused by olaf."

    def test_it_makes_no_new_version(self, operator: Caller, cleanup: Task) -> None:
        assert operator.send("post", f"tasks/{cleanup.id}/pause")["ETag"] == '"1"'

    def test_it_records_the_slots_before_it(self, minutely: Task, now: datetime) -> None:
        _pause(minutely, now + MINUTE * 1.5)

        assert [row[:3] for row in _rows()] == [("QUEUED", None, now + MINUTE)]

    def test_it_leaves_alone_what_is_queued(self, minutely: Task, now: datetime) -> None:
        firing.record_due(connections.current(), minutely.id, now=now + MINUTE)

        _pause(minutely, now + MINUTE)

        assert Execution.objects.get().status == "QUEUED"

    def test_retries_wait(self, minutely: Task, now: datetime) -> None:
        firing.record_due(connections.current(), minutely.id, now=now + MINUTE)
        Execution.objects.update(status="SCHEDULED", not_before=now)
        _pause(minutely, now + MINUTE)

        held = lock_held(connections.current(), now=now + 5 * MINUTE)

        assert held == []

    def test_a_paused_task_takes_a_new_reason_and_end(self, operator: Caller, cleanup: Task, now: datetime) -> None:
        operator.send("post", f"tasks/{cleanup.id}/pause", {"reason": "One"})

        until = instant(now + timedelta(days=1))
        answer = operator.send("post", f"tasks/{cleanup.id}/pause", {"reason": "Two", "until": until}).json()

        assert (answer["pauseReason"], answer["pausedUntil"]) == ("Two", until)

    def test_a_completed_task_has_nothing_to_pause(self, operator: Caller, cleanup: Task) -> None:
        Task.objects.update(status="COMPLETED", claim_at=None)

        assert operator.send("post", f"tasks/{cleanup.id}/pause").status_code == 409

    def test_a_deleted_task_cannot_be_paused(self, editor: Caller, cleanup: Task) -> None:
        editor.send("delete", f"tasks/{cleanup.id}")

        assert editor.send("post", f"tasks/{cleanup.id}/pause").status_code == 409

    def test_it_can_still_be_run(self, operator: Caller, cleanup: Task) -> None:
        operator.send("post", f"tasks/{cleanup.id}/pause")

        assert operator.send("post", f"tasks/{cleanup.id}/trigger").json()["status"] == "QUEUED"


class TestResume:
    """What becomes of the slots of a pause."""

    @pytest.fixture
    def paused(self, minutely: Task, now: datetime) -> Task:
        """Paused at once."""
        return _pause(minutely, now)

    def test_they_become_one_row(self, paused: Task, now: datetime) -> None:
        _resume(paused, now + 5.5 * MINUTE)

        assert _rows() == [("SKIPPED", "paused", now + MINUTE, now + 5 * MINUTE, None)]

    def test_it_goes_on_with_the_next_slot(self, paused: Task, now: datetime) -> None:
        task = _resume(paused, now + 5.5 * MINUTE)

        assert (task.status, task.claim_at, task.next_execution_time) == ("ACTIVE", now + 6 * MINUTE, now + 6 * MINUTE)
        assert (task.pause_reason, task.paused_until, task.last_slot_for) == (None, None, now + 5 * MINUTE)

    def test_one_slot_is_a_row_of_one(self, paused: Task, now: datetime) -> None:
        _resume(paused, now + 1.5 * MINUTE)

        assert _rows() == [("SKIPPED", "paused", now + MINUTE, now + MINUTE, 1)]

    def test_a_pause_without_slots_leaves_no_row(self, paused: Task, now: datetime) -> None:
        task = _resume(paused, now + 0.5 * MINUTE)

        assert (_rows(), task.claim_at) == ([], now + MINUTE)

    def test_caught_up_the_latest_slot_runs(self, paused: Task, now: datetime) -> None:
        _resume(paused, now + 9.5 * MINUTE, catchUp=True)

        firing.claim(connections.current(), now=now + 9.5 * MINUTE)

        assert [row[:4] for row in _rows()] == [
            ("SKIPPED", "misfire", now + MINUTE, now + 7 * MINUTE),
            ("QUEUED", None, now + 8 * MINUTE, None),
            ("QUEUED", None, now + 9 * MINUTE, None),
        ]

    def test_what_comes_after_the_pause_is_recorded_once(self, paused: Task, now: datetime) -> None:
        _resume(paused, now + 5.5 * MINUTE)

        firing.claim(connections.current(), now=now + 6 * MINUTE)

        assert [row[:3] for row in _rows()][1:] == [("QUEUED", None, now + 6 * MINUTE)]

    def test_a_task_without_further_slots_is_completed(self, new_task: Callable[..., Task], now: datetime) -> None:
        task = _pause(new_task(runAt=instant(now + MINUTE)), now)

        assert _resume(task, now + 2 * MINUTE).status == "COMPLETED"
        assert [row[:3] for row in _rows()] == [("SKIPPED", "paused", now + MINUTE)]

    def test_a_task_without_a_schedule_is_active_again(self, new_task: Callable[..., Task], now: datetime) -> None:
        task = _pause(new_task(), now)

        assert _resume(task, now + MINUTE).status == "ACTIVE"

    def test_a_task_that_fires_has_nothing_to_resume(self, minutely: Task, now: datetime) -> None:
        with pytest.raises(NotPaused):
            _resume(minutely, now)

    def test_that_is_a_conflict(self, operator: Caller, cleanup: Task) -> None:
        assert operator.send("post", f"tasks/{cleanup.id}/resume").status_code == 409

    def test_a_definition_that_yields_no_slots_is_told(self, operator: Caller, paused: Task, now: datetime) -> None:
        Task.objects.update(interval_seconds=None, cron_expression="broken", next_slot_for=now - MINUTE)

        answer = operator.send("post", f"tasks/{paused.id}/resume")

        assert (answer.status_code, Task.objects.get().status) == (422, "PAUSED")

    def test_it_shows_the_task(self, operator: Caller, cleanup: Task) -> None:
        operator.send("post", f"tasks/{cleanup.id}/pause")

        answer = operator.send("post", f"tasks/{cleanup.id}/resume", {"catchUp": False})

        assert (answer.status_code, answer.json()["status"]) == (200, "ACTIVE")
        assert answer.json()["nextExecutionTime"] is not None


class TestUntil:
    """A pause that ends by itself."""

    @pytest.fixture
    def paused(self, minutely: Task, now: datetime) -> Task:
        """Paused until three minutes from now, where a slot lies."""
        return _pause(minutely, now, until=instant(now + 3 * MINUTE))

    def test_a_sweep_ends_it(self, paused: Task, now: datetime) -> None:
        assert sweep.resume(connections.current(), now=now + 3 * MINUTE) == 1

        assert Task.objects.get().status == "ACTIVE"
        assert _rows() == [("SKIPPED", "paused", now + MINUTE, now + 2 * MINUTE, None)]

    def test_the_slot_at_its_end_runs(self, paused: Task, now: datetime) -> None:
        sweep.resume(connections.current(), now=now + 3 * MINUTE)

        firing.claim(connections.current(), now=now + 3 * MINUTE)

        assert [row[:3] for row in _rows()][1:] == [("QUEUED", None, now + 3 * MINUTE)]

    def test_it_ends_once(self, paused: Task, now: datetime) -> None:
        sweep.resume(connections.current(), now=now + 3 * MINUTE)

        assert sweep.resume(connections.current(), now=now + 3 * MINUTE) == 0

    def test_it_does_not_end_before(self, paused: Task, now: datetime) -> None:
        assert sweep.resume(connections.current(), now=now + 2.9 * MINUTE) == 0

    def test_what_a_late_sweep_leaves_is_not_of_the_pause(self, paused: Task, now: datetime) -> None:
        sweep.resume(connections.current(), now=now + 4.5 * MINUTE)

        assert Task.objects.get().claim_at == now + 3 * MINUTE

    def test_somebody_may_resume_before_any_sweep(self, paused: Task, now: datetime) -> None:
        task = _resume(paused, now + 4.5 * MINUTE)

        assert (task.status, task.claim_at) == ("ACTIVE", now + 3 * MINUTE)
        assert _rows() == [("SKIPPED", "paused", now + MINUTE, now + 2 * MINUTE, None)]

    def test_a_change_finds_it_ended_before_any_sweep(self, paused: Task, now: datetime) -> None:
        change_task(paused.id, read_changes({"priority": 9}), namespace=None, now=now + 3.5 * MINUTE)

        assert [row[:3] for row in _rows()] == [
            ("SKIPPED", "paused", now + MINUTE),
            ("QUEUED", None, now + 3 * MINUTE),
        ]

    def test_a_definition_that_yields_no_slots_stays_paused_with_the_reason(
        self, paused: Task, minutely: Task, now: datetime
    ) -> None:
        Task.objects.update(interval_seconds=None, cron_expression="broken")

        sweep.resume(connections.current(), now=now + 3 * MINUTE)

        task = Task.objects.get()
        assert (task.status, task.paused_until) == ("PAUSED", None)
        assert task.pause_reason is not None
        assert task.pause_reason.startswith("It cannot be resumed:")

    def test_an_end_that_has_passed_is_refused(self, operator: Caller, cleanup: Task, now: datetime) -> None:
        answer = operator.send("post", f"tasks/{cleanup.id}/pause", {"until": instant(now)})

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "until")
        assert Task.objects.get().status == "ACTIVE"


class TestChange:
    """A change, and a deletion, of a paused task."""

    def test_a_new_schedule_leaves_the_slots_of_the_old_one_recorded(self, minutely: Task, now: datetime) -> None:
        _pause(minutely, now)

        task = change_task(minutely.id, read_changes({"intervalSeconds": 600}), namespace=None, now=now + 5 * MINUTE)

        assert _rows() == [("SKIPPED", "paused", now + MINUTE, now + 5 * MINUTE, 5)]
        assert (task.status, task.next_slot_for, task.next_execution_time) == ("PAUSED", now + 10 * MINUTE, None)

    def test_the_rest_of_the_pause_is_the_new_ones(self, minutely: Task, now: datetime) -> None:
        _pause(minutely, now)
        change_task(minutely.id, read_changes({"intervalSeconds": 600}), namespace=None, now=now + 5 * MINUTE)

        _resume(minutely, now + 25 * MINUTE)

        assert _rows()[1:] == [("SKIPPED", "paused", now + 10 * MINUTE, now + 20 * MINUTE, None)]

    def test_a_change_of_other_fields_records_nothing(self, minutely: Task, now: datetime) -> None:
        _pause(minutely, now)

        change_task(minutely.id, read_changes({"priority": 9}), namespace=None, now=now + 5 * MINUTE)

        assert _rows() == []

    def test_a_refused_change_records_nothing(self, editor: Caller, minutely: Task, now: datetime) -> None:
        _pause(minutely, now)
        Task.objects.update(next_slot_for=now - MINUTE)

        editor.send("put", f"tasks/{minutely.id}", {"intervalSeconds": 600, "priority": 11})

        assert _rows() == []

    def test_a_deletion_records_the_slots_of_the_pause(self, minutely: Task, now: datetime) -> None:
        _pause(minutely, now)

        delete_task(minutely.id, namespace=None, now=now + 2.5 * MINUTE)

        assert _rows() == [("SKIPPED", "paused", now + MINUTE, now + 2 * MINUTE, 2)]


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, cleanup: Task) -> None:
    answers = [payments_editor.send("post", f"tasks/{cleanup.id}/{verb}").status_code for verb in ("pause", "resume")]

    assert answers == [404, 404]


def test_a_retry_that_waited_goes_after_the_pause(minutely_failed: Execution, now: datetime) -> None:
    assert minutely_failed.status == "SCHEDULED"

    _resume(minutely_failed.task, now + 2 * MINUTE)
    ready = releases.release(connections.current(), now=now + 2 * MINUTE, low=claims.recent(now))

    assert [one.id for one in ready] == [minutely_failed.id]


@pytest.fixture
def minutely_failed(minutely: Task, now: datetime) -> Execution:
    """A retry of a task that is paused."""
    firing.record_due(connections.current(), minutely.id, now=now + MINUTE)
    Execution.objects.update(status="SCHEDULED", not_before=now)
    _pause(minutely, now + MINUTE)
    return Execution.objects.select_related("task").get()
