"""GET /api/v1/calendars, /{id} and /{id}/closed, POST /preview."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scheduler.models import Calendar, Task
from tests.integration.conftest import Caller
from tests.integration.register.calendars.conftest import NewCalendar


def _names(caller: Caller, query: str = "") -> list[str]:
    answer = caller.send("get", f"calendars{query}")
    assert answer.status_code == 200
    return [calendar["name"] for calendar in answer.json()["content"]]


class TestList:
    """All that the caller may see, by name."""

    @pytest.fixture(autouse=True)
    def calendars(self, shared: Calendar, paydays: Calendar, new_calendar: NewCalendar) -> None:
        """Bavaria is shared, Paydays belongs to payments, Audits to reports."""
        new_calendar("Audits", namespace="reports")

    def test_it_lists_them_by_name(self, viewer: Caller) -> None:
        assert _names(viewer) == ["Audits", "Bavaria", "Paydays"]

    def test_a_bound_token_sees_its_own_and_the_shared(self, payments_editor: Caller) -> None:
        assert _names(payments_editor) == ["Bavaria", "Paydays"]

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("?name=Bavaria", ["Bavaria"]),
            ("?name=bavaria", []),
            ("?namespace=payments", ["Paydays"]),
            ("?namespace=payments&name=Audits", []),
            ("?size=2", ["Audits", "Bavaria"]),
            ("?size=2&page=1", ["Paydays"]),
        ],
    )
    def test_it_lists_what_is_asked_for(self, viewer: Caller, query: str, names: list[str]) -> None:
        assert _names(viewer, query) == names

    def test_it_goes_on_after_a_cursor(self, viewer: Caller) -> None:
        first = viewer.send("get", "calendars?size=2").json()

        assert first["totalElements"] == 3
        assert _names(viewer, f"?size=2&cursor={first['nextCursor']}") == ["Paydays"]

    def test_a_deleted_one_is_not_listed(self, viewer: Caller, editor: Caller, shared: Calendar) -> None:
        editor.send("delete", f"calendars/{shared.id}")

        assert _names(viewer) == ["Audits", "Paydays"]

    @pytest.mark.parametrize(
        "query",
        ["?nam=x", "?size=0", "?size=201", "?page=x", "?cursor=x", "?name=a&name=b", "?name=%00", "?sort=name",
         "?name=" + "x" * 101, "?namespace=%00"],
    )  # fmt: skip
    def test_it_refuses(self, viewer: Caller, query: str) -> None:
        assert viewer.send("get", f"calendars{query}").status_code == 400

    def test_it_counts_the_tasks_of_each_in_one_query(
        self, viewer: Caller, new_task: Callable[..., Task], django_assert_num_queries: Any
    ) -> None:
        new_task(calendar="Bavaria")

        with django_assert_num_queries(4):  # the token and its use, the calendars with their counts, how many there are
            content = viewer.send("get", "calendars").json()["content"]

        assert [calendar["taskCount"] for calendar in content] == [0, 1, 0]


class TestOne:
    """One calendar."""

    def test_it_is_shown_with_its_etag(self, viewer: Caller, shared: Calendar) -> None:
        answer = viewer.send("get", f"calendars/{shared.id}")

        assert (answer.status_code, answer["ETag"], answer.json()["name"]) == (200, '"1"', "Bavaria")

    def test_a_bound_token_does_not_see_another_namespaces(
        self, payments_editor: Caller, new_calendar: NewCalendar
    ) -> None:
        foreign = new_calendar("Audits", namespace="reports")

        assert payments_editor.send("get", f"calendars/{foreign.id}").status_code == 404
        assert payments_editor.send("get", f"calendars/{foreign.id}/closed").status_code == 404

    @pytest.mark.parametrize("path", ["018f0000-0000-7000-8000-000000000000", "bavaria", "1"])
    def test_what_is_none_is_not_found(self, viewer: Caller, path: str) -> None:
        assert viewer.send("get", f"calendars/{path}").status_code == 404

    def test_it_takes_no_parameters(self, viewer: Caller, shared: Calendar) -> None:
        assert viewer.send("get", f"calendars/{shared.id}?x=1").status_code == 400


CHRISTMAS = {
    "timeZone": "Europe/Berlin",
    "holidays": [{"country": "DE", "region": "BY"}],
    "weekdays": ["SUN"],
    "allowedTimes": [{"from": "08:00", "to": "18:00"}],
}
CLOSED = {
    "from": "2026-12-24",
    "to": "2026-12-27",
    "timeZone": "Europe/Berlin",
    "openTimes": [{"from": "08:00", "to": "18:00"}],
    "closed": [
        {"date": "2026-12-25", "reason": "Christmas Day (DE-BY)"},
        {"date": "2026-12-26", "reason": "Second Day of Christmas (DE-BY)"},
        {"date": "2026-12-27", "reason": "Sunday is excluded"},
    ],
}


class TestClosed:
    """Which days are closed, and why."""

    def test_it_tells_closed_days(self, viewer: Caller, new_calendar: NewCalendar) -> None:
        calendar = new_calendar(rules=CHRISTMAS)

        answer = viewer.send("get", f"calendars/{calendar.id}/closed?from=2026-12-24&to=2026-12-27")

        assert answer.json() == CLOSED

    def test_it_begins_today_where_the_calendar_is(self, viewer: Caller, new_calendar: NewCalendar, now: Any) -> None:
        calendar = new_calendar(rules={"timeZone": "Pacific/Kiritimati"})

        shown = viewer.send("get", f"calendars/{calendar.id}/closed").json()

        assert shown["from"] == str((now + timedelta(hours=14)).date())

    @pytest.mark.parametrize(("to", "status"), [("2027-02-04", 200), ("2027-02-05", 400), ("2025-12-31", 400)])
    def test_it_tells_of_four_hundred_days(self, viewer: Caller, shared: Calendar, to: str, status: int) -> None:
        answer = viewer.send("get", f"calendars/{shared.id}/closed?from=2026-01-01&to={to}")

        assert answer.status_code == status

    @pytest.mark.parametrize(
        "query", ["from=x", "from=2026-02-30", "from=20260101", "to=2200-01-01", "from=1969-12-31", "day=1", "to=%00"]
    )
    def test_it_refuses(self, viewer: Caller, shared: Calendar, query: str) -> None:
        assert viewer.send("get", f"calendars/{shared.id}/closed?{query}").status_code == 400


class TestPreview:
    """What rules mean, before anybody stores them."""

    def test_it_tells_closed_days(self, viewer: Caller) -> None:
        answer = viewer.send("post", "calendars/preview", {"rules": CHRISTMAS, "from": "2026-12-24", "days": 4})

        assert (answer.status_code, answer.json()) == (200, CLOSED)
        assert not Calendar.objects.exists()

    def test_it_begins_today_where_the_caller_is(self, viewer: Caller, now: Any) -> None:
        body = {"rules": {}, "timeZone": "Pacific/Kiritimati"}

        shown = viewer.send("post", "calendars/preview", body).json()

        assert shown["from"] == str((now + timedelta(hours=14)).date())

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "rules"),
            ({"rules": {"weekdays": ["X"]}}, "rules.weekdays[0]"),
            ({"rules": {}, "timeZone": "Berlin"}, "timeZone"),
            ({"rules": {}, "days": 401}, "days"),
            ({"rules": {}, "days": 0}, "days"),
            ({"rules": {}, "days": "7"}, "days"),
            ({"rules": {}, "from": "today"}, "from"),
            ({"rules": {}, "from": 5}, "from"),
            ({"rules": {}, "from": None}, "from"),
            ({"rules": {}, "from": "2200-01-01"}, "from"),
            ({"rules": {}, "form": "2026-01-01"}, "form"),
        ],
    )
    def test_it_refuses(self, viewer: Caller, body: Any, field: str) -> None:
        answer = viewer.send("post", "calendars/preview", body)

        assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (400, [field])

    def test_it_looks_as_far_as_schedules_reach(self, viewer: Caller) -> None:
        body = {"rules": CHRISTMAS, "from": "2199-12-31", "days": 400}

        assert viewer.send("post", "calendars/preview", body).status_code == 200
