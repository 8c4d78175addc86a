"""PUT and PATCH /api/v1/calendars/{id}."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler import connections, reschedule
from scheduler.models import Calendar, Task
from tests.integration.conftest import Caller
from tests.integration.register.calendars.conftest import NewCalendar, edit


def _path(calendar: Calendar) -> str:
    return f"calendars/{calendar.id}"


@pytest.mark.parametrize("method", ["put", "patch"])
def test_it_keeps_what_is_not_given(editor: Caller, shared: Calendar, method: str) -> None:
    before = editor.send("get", _path(shared)).json()

    after = editor.send(method, _path(shared), {"rules": {"weekdays": ["SUN"]}}).json()

    assert after == before | {"rules": {"weekdays": ["SUN"]}, "version": 2, "updatedAt": after["updatedAt"]}


def test_other_rules_make_a_new_version(editor: Caller, shared: Calendar) -> None:
    assert editor.send("put", _path(shared), {"rules": {}})["ETag"] == '"2"'


@pytest.mark.parametrize(
    "rules", [{"weekdays": ["SAT", "SUN"]}, {"weekdays": ["SUN", "SAT", "SUN"], "dates": [], "timeZone": None}]
)
def test_equal_rules_make_none(editor: Caller, shared: Calendar, rules: Any) -> None:
    before = editor.send("get", _path(shared)).json()

    assert editor.send("put", _path(shared), {"rules": rules}).json() == before


def test_a_description_makes_none(editor: Caller, shared: Calendar) -> None:
    shown = editor.send("put", _path(shared), {"description": "Munich"}).json()

    assert (shown["description"], shown["version"]) == ("Munich", 1)


def test_a_name_stays_with_a_remedy(editor: Caller, shared: Calendar) -> None:
    answer = editor.send("put", _path(shared), {"name": "Munich"})

    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["field"]) == (422, "name")
    assert "Create another one" in fault["message"]


def test_a_namespace_stays(editor: Caller, shared: Calendar) -> None:
    answer = editor.send("put", _path(shared), {"namespace": "payments"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "namespace")


def test_what_it_is_may_be_sent_along(editor: Caller, shared: Calendar) -> None:
    answer = editor.send("put", _path(shared), {"name": "Bavaria", "namespace": None, "rules": {}})

    assert (answer.status_code, answer.json()["version"]) == (200, 2)


@pytest.mark.parametrize(("tag", "status"), [('"1"', 200), ("*", 200), ('"2"', 412), ('W/"1"', 412), ("1", 400)])
def test_it_changes_the_version_that_if_match_names(editor: Caller, shared: Calendar, tag: str, status: int) -> None:
    assert editor.send("put", _path(shared), {"rules": {}}, if_match=tag).status_code == status


def test_if_match_may_be_demanded(editor: Caller, shared: Calendar, settings: Any) -> None:
    settings.REQUIRE_IF_MATCH = True

    assert editor.send("put", _path(shared), {"rules": {}}).status_code == 428


@pytest.mark.parametrize(("calendar", "status"), [("shared", 403), ("paydays", 200), ("foreign", 404)])
def test_a_bound_token_writes_its_own_only(
    payments_editor: Caller, request: pytest.FixtureRequest, new_calendar: NewCalendar, calendar: str, status: int
) -> None:
    new_calendar("Foreign", namespace="reports")
    found = Calendar.objects.filter(name="Foreign").first() if calendar == "foreign" else None
    wanted = found or request.getfixturevalue(calendar)

    assert payments_editor.send("put", _path(wanted), {"rules": {}}).status_code == status


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_it_needs_an_editor(request: pytest.FixtureRequest, shared: Calendar, role: str) -> None:
    caller: Caller = request.getfixturevalue(role)

    assert caller.send("put", _path(shared), {"rules": {}}).status_code == 403


def test_a_deleted_one_is_not_found(editor: Caller, shared: Calendar) -> None:
    editor.send("delete", _path(shared))

    assert editor.send("put", _path(shared), {"rules": {}}).status_code == 404


class TestTasks:
    """Those that use it move."""

    @pytest.fixture
    def daily(self, new_task: Callable[..., Task], shared: Calendar) -> Task:
        """A task at noon of open days."""
        return new_task("Daily", cronExpression="0 0 12 * * ?", calendar="Bavaria", calendarPolicy="NEXT_OPEN")

    def test_it_tells_how_many_are_still_to_move(
        self, editor: Caller, shared: Calendar, daily: Task, new_task: Any
    ) -> None:
        new_task("Gone", calendar="Bavaria")
        Task.objects.filter(name="Gone").update(status="DELETED", claim_at=None)

        shown = editor.send("put", _path(shared), {"rules": {}}).json()

        assert (shown["taskCount"], shown["pendingTaskCount"]) == (1, 1)

    def test_they_have_moved_once_a_scheduler_has_seen_it(
        self, editor: Caller, shared: Calendar, daily: Task, now: datetime
    ) -> None:
        tomorrow = _noon_after(now)
        edit(shared, at=now, rules={"dates": [str(tomorrow.date())]})

        reschedule.reschedule(connections.current(), now=now)

        assert editor.send("get", _path(shared)).json()["pendingTaskCount"] == 0
        daily.refresh_from_db()
        assert daily.next_slot_for == tomorrow + timedelta(days=1)

    def test_a_bound_token_counts_its_own(
        self, payments_editor: Caller, shared: Calendar, daily: Task, new_task: Any
    ) -> None:
        new_task("Mine", namespace="payments", calendar="Bavaria")

        assert payments_editor.send("get", _path(shared)).json()["taskCount"] == 1


class TestDryRun:
    """?dryRun=true tells what a change would do."""

    def _look(self, caller: Caller, calendar: Calendar, **fields: Any) -> Any:
        return caller.send("put", f"{_path(calendar)}?dryRun=true", fields)

    def test_it_shows_the_next_fire_before_and_after(
        self, editor: Caller, shared: Calendar, new_task: Callable[..., Task], now: datetime
    ) -> None:
        edit(shared, at=now, rules={})
        task = new_task("Daily", cronExpression="0 0 12 * * ?", calendar="Bavaria", calendarPolicy="NEXT_OPEN")
        noon = _noon_after(now)

        answer = self._look(editor, shared, rules={"dates": [str(noon.date())]})

        day = timedelta(days=1)
        assert answer.json() == {
            "id": str(shared.id), "version": 2, "changesRules": True, "taskCount": 1,
            "tasks": [
                {"id": str(task.id), "name": "Daily", "namespace": "default", "status": "ACTIVE",
                 "before": f"{noon:%Y-%m-%dT%H:%M:%SZ}", "after": f"{noon + day:%Y-%m-%dT%H:%M:%SZ}"},
            ],
        }  # fmt: skip

    def test_it_changes_nothing(self, editor: Caller, shared: Calendar) -> None:
        before = Calendar.objects.values().get()

        self._look(editor, shared, rules={}, description="new")

        assert Calendar.objects.values().get() == before

    def test_it_says_when_nothing_would_change(self, editor: Caller, shared: Calendar) -> None:
        assert self._look(editor, shared, description="new").json()["changesRules"] is False

    def test_it_shows_twenty_at_most(self, editor: Caller, shared: Calendar, new_task: Callable[..., Task]) -> None:
        for number in range(22):
            new_task(f"Task {number}", intervalSeconds=3600, calendar="Bavaria")

        shown = self._look(editor, shared, rules={}).json()

        assert (shown["taskCount"], len(shown["tasks"])) == (22, 20)

    def test_a_paused_task_has_no_next_fire(
        self, editor: Caller, operator: Caller, shared: Calendar, new_task: Callable[..., Task]
    ) -> None:
        task = new_task(intervalSeconds=3600, calendar="Bavaria")
        operator.send("post", f"tasks/{task.id}/pause", {})

        (shown,) = self._look(editor, shared, rules={}).json()["tasks"]

        assert (shown["status"], shown["before"], shown["after"]) == ("PAUSED", None, None)

    def test_a_task_without_an_open_slot_has_none_after(
        self, editor: Caller, shared: Calendar, new_task: Callable[..., Task]
    ) -> None:
        new_task(intervalSeconds=86_400, calendar="Bavaria")

        (shown,) = self._look(
            editor, shared, rules={"weekdays": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]}
        ).json()["tasks"]

        assert shown["after"] is None

    def test_a_broken_task_stops_no_look(self, editor: Caller, shared: Calendar, new_task: Callable[..., Task]) -> None:
        new_task(cronExpression="0 0 12 * * ?", calendar="Bavaria")
        Task.objects.update(cron_expression="nonsense")

        assert self._look(editor, shared, rules={}).json()["tasks"][0]["after"] is None

    def test_it_refuses_what_a_change_would_refuse(self, editor: Caller, shared: Calendar) -> None:
        answer = self._look(editor, shared, rules={"weekdays": ["X"]}, name="Munich")

        assert [fault["field"] for fault in answer.json()["errors"]] == ["rules.weekdays[0]", "name"]

    @pytest.mark.parametrize("query", ["dryRun=yes", "dryRun=1", "dry_run=true", "dryRun=true&dryRun=true"])
    def test_it_refuses_what_it_does_not_understand(self, editor: Caller, shared: Calendar, query: str) -> None:
        answer = editor.send("put", f"{_path(shared)}?{query}", {"rules": {}})

        assert (answer.status_code, Calendar.objects.get().version) == (400, 1)

    def test_it_needs_no_if_match(self, editor: Caller, shared: Calendar, settings: Any) -> None:
        settings.REQUIRE_IF_MATCH = True

        assert self._look(editor, shared, rules={}).status_code == 200

    def test_a_stale_if_match_is_stale(self, editor: Caller, shared: Calendar) -> None:
        answer = editor.send("put", f"{_path(shared)}?dryRun=true", {"rules": {}}, if_match='"7"')

        assert answer.status_code == 412


def _noon_after(now: datetime) -> datetime:
    today = now.replace(hour=12, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)
