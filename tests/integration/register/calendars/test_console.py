"""Calendars at /admin/."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from register.admin.calendars import CalendarAdmin
from scheduler.models import Calendar, Task
from tests.integration.register.calendars.conftest import NewCalendar

CALENDARS = "/admin/scheduler/calendar/"


def _page(client: Client, path: str = CALENDARS, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def _send(client: Client, path: str, **fields: Any) -> Any:
    return client.post(CALENDARS + path, fields, follow=True)


def _change(client: Client, calendar: Calendar, **fields: Any) -> Any:
    sent = {"description": "", "rules": "{}", "seen_version": "1"} | fields
    return _send(client, f"{calendar.id}/change/", **sent)


def _errors(answer: Any, field: str) -> list[str]:
    assert answer.status_code == 200
    return list(answer.context["adminform"].form.errors.get(field, []))


class TestList:
    """What the list shows."""

    def test_it_says_what_each_excludes(self, admin_client: Client, shared: Calendar, paydays: Calendar) -> None:
        page = _page(admin_client)

        assert "weekends" in page
        assert "shared by all" in page
        assert "payments" in page

    def test_it_shows_how_many_tasks_are_still_to_move(
        self, admin_client: Client, shared: Calendar, new_task: Callable[..., Task]
    ) -> None:
        new_task(calendar="Bavaria")
        Calendar.objects.update(version=2)

        assert "◷ 1 still to move" in _page(admin_client)

    def test_the_number_leads_to_the_tasks(
        self, admin_client: Client, shared: Calendar, new_task: Callable[..., Task]
    ) -> None:
        new_task("Mine", calendar="Bavaria")
        new_task("Other")

        assert f"/admin/scheduler/task/?calendar__id__exact={shared.id}" in _page(admin_client)
        listed = _page(admin_client, "/admin/scheduler/task/", calendar__id__exact=str(shared.id))
        assert ("Mine</a>" in listed, "Other</a>" in listed) == (True, False)

    def test_it_asks_no_query_for_each(
        self, admin_client: Client, new_calendar: NewCalendar, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(5):
            new_calendar(f"Calendar {number}")

        with django_assert_max_num_queries(6):
            _page(admin_client)

    def test_what_cannot_be_read_is_said(self, admin_client: Client, shared: Calendar) -> None:
        Calendar.objects.update(rules={"colour": 1})

        assert "⚠ colour: This name is not known." in _page(admin_client)
        assert "is a closed day" not in _page(admin_client, f"{CALENDARS}{shared.id}/change/")


class TestAdd:
    """A new calendar."""

    def test_it_is_created_by_the_services(self, admin_client: Client) -> None:
        _send(admin_client, "add/", name="Bavaria", namespace="", description="", rules='{"weekdays": ["SUN", "SAT"]}')

        calendar = Calendar.objects.get()
        assert (calendar.namespace, calendar.description, calendar.created_by) == (None, None, "admin (console)")
        assert calendar.rules == {"weekdays": ["SAT", "SUN"]}

    def test_it_notes_who(self, admin_client: Client, admin_user: User) -> None:
        _send(admin_client, "add/", name="Bavaria", rules="{}")

        assert (LogEntry.objects.get().user, LogEntry.objects.get().object_repr) == (admin_user, "Bavaria")

    @pytest.mark.parametrize(
        ("fields", "field", "said"),
        [
            ({"name": ""}, "name", "required"),
            ({"name": "x" * 101}, "name", "at most 100"),
            ({"name": "a\x1bb"}, "name", "control characters"),
            ({"name": "Bavaria"}, "name", "already"),
            ({"namespace": "a b"}, "namespace", "Use letters"),
            ({"rules": ""}, "rules", "required"),
            ({"rules": "{"}, "rules", "This is not JSON"),
            ({"rules": '{"a": 1, "a": 2}'}, "rules", "This is not JSON"),
            ({"rules": "[" * 5000}, "rules", "This is not JSON"),
            ({"rules": "[]"}, "rules", "This must be an object"),
            ({"rules": '{"holidays": [{"country": "XX"}]}'}, "rules", "holidays[0].country: "),
            ({"rules": '{"holiday": []}'}, "rules", "Did you mean"),
        ],
    )
    def test_an_error_stands_beside_its_field(
        self, admin_client: Client, shared: Calendar, fields: Any, field: str, said: str
    ) -> None:
        answer = _send(admin_client, "add/", **{"name": "New", "rules": "{}"} | fields)

        assert any(said in error for error in _errors(answer, field))
        assert Calendar.objects.count() == 1

    def test_what_was_typed_stays(self, admin_client: Client) -> None:
        answer = _send(admin_client, "add/", name="New", rules='{"weekdays": oops}')

        assert "{&quot;weekdays&quot;: oops}" in answer.content.decode()


class TestChange:
    """One that exists."""

    def test_it_is_changed_by_the_services(self, admin_client: Client, shared: Calendar) -> None:
        _change(admin_client, shared, rules='{"weekdays": ["SUN"]}', description="Munich")

        shared.refresh_from_db()
        assert (shared.rules, shared.version, shared.description) == ({"weekdays": ["SUN"]}, 2, "Munich")

    def test_a_name_is_not_changed(self, admin_client: Client, shared: Calendar) -> None:
        _change(admin_client, shared, name="Munich", namespace="payments")

        shared.refresh_from_db()
        assert (shared.name, shared.namespace) == ("Bavaria", None)

    def test_an_error_stands_beside_its_field(self, admin_client: Client, shared: Calendar) -> None:
        answer = _change(admin_client, shared, rules='{"weekdays": ["SUNDAY"]}')

        assert "Did you mean" in _errors(answer, "rules")[0]

    def test_somebody_elses_change_is_not_overwritten(self, admin_client: Client, shared: Calendar) -> None:
        Calendar.objects.update(version=2)

        answer = _change(admin_client, shared)

        assert "Somebody else" in _errors(answer, "__all__")[0]

    @pytest.mark.parametrize("version", ["x", "-1", "99999999999999999999"])
    def test_a_version_that_is_none_changes_nothing(self, admin_client: Client, shared: Calendar, version: str) -> None:
        _change(admin_client, shared, seen_version=version)

        assert Calendar.objects.get().version == 1

    def test_it_shows_twelve_months(self, admin_client: Client, shared: Calendar) -> None:
        page = _page(admin_client, f"{CALENDARS}{shared.id}/change/")

        assert page.count('<div class="month">') == 12
        assert "Saturday is excluded" in page
        assert page.count('aria-current="date"') == 1

    def test_a_closed_day_is_told_without_colour(self, admin_client: Client, new_calendar: NewCalendar) -> None:
        calendar = new_calendar(rules={"holidays": [{"country": "DE", "region": "BY"}]})

        page = _page(admin_client, f"{CALENDARS}{calendar.id}/change/")

        assert re.search(r'>25<span class="sign" aria-hidden="true">✕</span>', page)
        assert "<li>25: Christmas Day (DE-BY)</li>" in page

    def test_nothing_in_it_is_inline(self, admin_client: Client, shared: Calendar) -> None:
        months = _page(admin_client, f"{CALENDARS}{shared.id}/change/").partition('<section class="months"')[2]

        assert "style=" not in months.partition("</section>")[0]
        assert "<script" not in months.partition("</section>")[0]

    @pytest.mark.parametrize("path", ["018f0000-0000-7000-8000-000000000000", "x", "%00"])
    def test_what_is_none_leads_back(self, admin_client: Client, shared: Calendar, path: str) -> None:
        assert admin_client.get(f"{CALENDARS}{path}/change/").status_code in {302, 400, 404}

    def test_what_somebody_wrote_is_no_markup(self, admin_client: Client, new_calendar: NewCalendar) -> None:
        calendar = new_calendar("<b>x</b>", description="</textarea><script>alert(1)</script>")

        assert "<b>x" not in _page(admin_client) + _page(admin_client, f"{CALENDARS}{calendar.id}/change/")
        assert "<script>alert" not in _page(admin_client, f"{CALENDARS}{calendar.id}/change/")


class TestPreview:
    """What rules close that are not saved yet."""

    @staticmethod
    def ask(client: Client, rules: str) -> str:
        answer = client.post(f"{CALENDARS}preview/", {"name": "", "rules": rules})
        assert answer.status_code == 200
        return str(answer.content.decode())

    def test_it_shows_the_days_that_they_would_close(self, admin_client: Client) -> None:
        part = self.ask(admin_client, '{"weekdays": ["SAT"], "holidays": [{"country": "DE", "region": "BY"}]}')

        assert part.count('<div class="month">') == 12
        assert ("Saturday is excluded" in part, "Christmas Day (DE-BY)" in part) == (True, True)
        assert ("typed above" in part, "<html" in part) == (True, False)

    @pytest.mark.parametrize(
        ("rules", "said"),
        [
            ("", "rules: This field is required."),
            ("{", "rules: This is not JSON"),
            ("null", "rules: "),
            ("[]", "rules: This must be an object"),
            ("[" * 5000, "rules: This is not JSON"),
            ('{"holiday": []}', "Did you mean"),
            ('{"holidays": [{"country": "XX"}]}', "rules.holidays[0].country: "),
            ('{"timeZone": "Mars"}', "rules.timeZone: "),
            ('{"dates": ["' + "x" * 70_000 + '"]}', "bytes"),
        ],
    )
    def test_it_says_what_is_wrong(self, admin_client: Client, rules: str, said: str) -> None:
        part = self.ask(admin_client, rules)

        assert '<ul class="errorlist">' in part
        assert said in part
        assert 'class="month"' not in part

    def test_what_was_typed_stays_text(self, admin_client: Client) -> None:
        assert "<b>" not in self.ask(admin_client, '{"<b>": 1}')

    def test_it_stores_nothing(self, admin_client: Client, shared: Calendar) -> None:
        self.ask(admin_client, '{"weekdays": ["MON"]}')

        assert [calendar.version for calendar in Calendar.objects.all()] == [1]

    def test_forms_say_where_to_ask(self, admin_client: Client, shared: Calendar) -> None:
        asks = 'data-preview="/admin/scheduler/calendar/preview/"'

        assert asks in _page(admin_client, f"{CALENDARS}add/")
        assert asks in _page(admin_client, f"{CALENDARS}{shared.id}/change/")

    def test_it_takes_a_form_and_no_link(self, admin_client: Client) -> None:
        assert admin_client.get(f"{CALENDARS}preview/").status_code == 405


class TestDelete:
    """A calendar that no task uses goes; one in use does not."""

    def test_it_is_marked(self, admin_client: Client, shared: Calendar) -> None:
        _send(admin_client, f"{shared.id}/delete/", post="yes")

        assert Calendar.objects.get().deleted_at is not None
        assert "Bavaria</a>" not in _page(admin_client)

    def test_one_in_use_is_kept_and_it_says_by_what(
        self, admin_client: Client, shared: Calendar, new_task: Callable[..., Task]
    ) -> None:
        new_task("Mine", calendar="Bavaria")

        page = _send(admin_client, f"{shared.id}/delete/", post="yes").content.decode()

        assert "Bavaria cannot be deleted:" in page
        assert "1 task uses this calendar: &#x27;Mine&#x27;" in page
        assert Calendar.objects.get().deleted_at is None

    def test_a_task_that_comes_meanwhile_keeps_it(
        self,
        admin_client: Client,
        shared: Calendar,
        new_task: Callable[..., Task],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        new_task("Mine", calendar="Bavaria")
        monkeypatch.setattr(CalendarAdmin, "get_deleted_objects", lambda *_: ([], {}, set(), []))

        page = _send(admin_client, f"{shared.id}/delete/", post="yes").content.decode()

        assert Calendar.objects.get().deleted_at is None
        assert "was not deleted: 1 task uses" in page


class TestPermissions:
    """Django's own permissions."""

    @pytest.fixture
    def staff(self, db: None) -> Callable[..., Client]:
        """Somebody who may use the console, with these permissions."""

        def log_in(*codenames: str) -> Client:
            user = User.objects.create_user("sam", is_staff=True)
            user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
            client = Client()
            client.force_login(user)
            return client

        return log_in

    def test_whoever_may_look_only_changes_nothing(self, staff: Callable[..., Client], shared: Calendar) -> None:
        client = staff("view_calendar")

        page = _page(client, f"{CALENDARS}{shared.id}/change/")
        assert ("coming twelve months" in page, "data-preview" in page) == (True, False)
        assert _change(client, shared).status_code == 403
        assert _send(client, f"{shared.id}/delete/", post="yes").status_code == 403
        assert _send(client, "add/", name="x", rules="{}").status_code == 403
        assert Calendar.objects.get().version == 1
