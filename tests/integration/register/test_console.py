"""Tasks at /admin/."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from scheduler.models import Operation, Task

TASKS = "/admin/scheduler/task/"


def _page(client: Client, path: str = TASKS, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def _act(client: Client, action: str, *tasks: Task) -> str:
    """Choose the tasks, do the action, and return the page that then shows what happened."""
    chosen = {"action": action, "_selected_action": [str(task.id) for task in tasks]}
    answer: Any = client.post(TASKS, chosen, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


class TestList:
    """What the list shows."""

    def test_it_lists_tasks(self, admin_client: Client, cleanup: Task) -> None:
        assert "Daily Data Cleanup" in _page(admin_client)

    def test_it_shows_the_next_fire_absolute_and_relative(
        self, admin_client: Client, new_task: Callable[..., Task], now: datetime
    ) -> None:
        new_task(intervalSeconds=7200)

        page = _page(admin_client)

        assert f"{now + timedelta(hours=2):%Y-%m-%d %H:%M:%S} UTC" in page
        assert "(in 1 h 59 min)" in page

    def test_it_says_a_state_in_a_word_and_a_sign(self, admin_client: Client, cleanup: Task) -> None:
        assert "▶\N{NO-BREAK SPACE}Active" in _page(admin_client)

    def test_it_says_why_a_task_is_paused(self, admin_client: Client, cleanup: Task) -> None:
        Task.objects.update(status="PAUSED", claim_at=None, pause_reason="Migration")

        assert "‖\N{NO-BREAK SPACE}Paused: Migration" in _page(admin_client)

    def test_it_says_how_late_a_task_is(
        self, admin_client: Client, new_task: Callable[..., Task], now: datetime
    ) -> None:
        new_task(intervalSeconds=60, at=now - timedelta(seconds=130))

        assert "⚠ Late by 1 min 10 s" in _page(admin_client)

    def test_what_somebody_wrote_is_no_markup(self, admin_client: Client, new_task: Callable[..., Task]) -> None:
        task = new_task("<script>alert(1)</script>")
        Task.objects.update(status="PAUSED", claim_at=None, pause_reason="<b>why</b>")

        assert "<b>why" not in _page(admin_client)
        assert "<script>alert" not in _page(admin_client) + _page(admin_client, f"{TASKS}{task.id}/change/")

    def test_it_leaves_deleted_tasks_out(self, admin_client: Client, cleanup: Task) -> None:
        Task.objects.update(status="DELETED", claim_at=None)

        assert "Daily Data Cleanup" not in _page(admin_client)
        assert "Daily Data Cleanup" in _page(admin_client, status="DELETED")

    def test_it_finds_what_is_late(self, admin_client: Client, new_task: Callable[..., Task], now: datetime) -> None:
        new_task("Late", intervalSeconds=60, at=now - timedelta(seconds=130))
        new_task("Punctual", intervalSeconds=60)

        page = _page(admin_client, late="yes")

        assert ("Late</a>" in page, "Punctual</a>" in page) == (True, False)

    @pytest.mark.parametrize("term", ["daily", "Daily Data", "{id}"])
    def test_it_finds_tasks(self, admin_client: Client, cleanup: Task, term: str) -> None:
        assert "Daily Data Cleanup</a>" in _page(admin_client, q=term.format(id=cleanup.id))

    @pytest.mark.parametrize("term", ["Payroll", "%", "018f0000-0000-7000-8000-000000000000"])
    def test_it_finds_no_others(self, admin_client: Client, cleanup: Task, term: str) -> None:
        assert "Daily Data Cleanup</a>" not in _page(admin_client, q=term)

    def test_it_shows_a_task(self, admin_client: Client, cleanup: Task) -> None:
        page = _page(admin_client, f"{TASKS}{cleanup.id}/change/")

        assert "Daily Data Cleanup" in page
        assert f'<a href="/admin/scheduler/execution/?taskId={cleanup.id}">' in page

    def test_it_shows_the_next_ten_slots(self, admin_client: Client, cleanup: Task) -> None:
        page = _page(admin_client, f"{TASKS}{cleanup.id}/change/")

        assert page.count("00:00:00 UTC") == 1 + 10

    def test_it_asks_no_query_for_each_task(
        self, admin_client: Client, new_task: Callable[..., Task], django_assert_max_num_queries: Any
    ) -> None:
        for number in range(5):
            new_task(f"Task {number}")

        with django_assert_max_num_queries(7):
            _page(admin_client)

    def test_it_offers_no_counts(self, admin_client: Client, cleanup: Task) -> None:
        assert "_facets" not in _page(admin_client)

    def test_it_deletes_no_row(self, admin_client: Client, cleanup: Task) -> None:
        assert admin_client.post(f"{TASKS}{cleanup.id}/delete/", {"post": "yes"}).status_code == 403
        assert "delete_selected" not in _page(admin_client)


class TestActions:
    """What is done to the tasks chosen is asked first, with their number; tests of the pages do it."""

    @pytest.mark.parametrize(
        ("action", "asked"),
        [
            ("run_now", "trigger"), ("pause", "pause"), ("resume", "resume"), ("set_fields", "set"),
            ("delete", "delete"),
        ],
    )  # fmt: skip
    def test_it_asks_first(
        self, admin_client: Client, cleanup: Task, new_task: Callable[..., Task], action: str, asked: str
    ) -> None:
        page = _act(admin_client, action, cleanup, new_task("Other"))

        assert f'name="action" value="{asked}"' in page
        assert '<span class="count">2</span> tasks' in page
        assert not Operation.objects.exists()

    def test_all_that_match_are_asked_for_by_the_filter(
        self, admin_client: Client, cleanup: Task, new_task: Callable[..., Task]
    ) -> None:
        new_task("Other")
        chosen = {"action": "pause", "select_across": "1", "_selected_action": [str(cleanup.id)]}

        answer: Any = admin_client.post(f"{TASKS}?q=Daily&namespace=default", chosen)

        assert answer["Location"] == "/admin/bulk/tasks/?namespace=default&search=Daily&action=pause"

    def test_a_link_acts_on_nothing(self, admin_client: Client, cleanup: Task) -> None:
        admin_client.get(TASKS, {"action": "pause", "_selected_action": str(cleanup.id)}, follow=True)

        assert (Task.objects.get().status, Operation.objects.exists()) == ("ACTIVE", False)

    def test_another_site_cannot_act(self, admin_user: User, cleanup: Task) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)

        answer = client.post(TASKS, {"action": "pause", "_selected_action": str(cleanup.id)})

        assert (answer.status_code, Task.objects.get().status) == (403, "ACTIVE")


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

    def test_the_console_is_for_staff(self, client: Client, db: None) -> None:
        assert client.get(TASKS).status_code == 302

    def test_without_permission_there_is_nothing_to_see(self, staff: Callable[..., Client]) -> None:
        assert staff().get(TASKS).status_code == 403

    @pytest.mark.parametrize(
        ("permissions", "offered"),
        [
            (["view_task"], []),
            (["view_task", "change_task"], ["run_now", "pause", "resume"]),
            (["view_task", "delete_task"], ["delete"]),
        ],
    )
    def test_it_offers_what_is_allowed(
        self, staff: Callable[..., Client], cleanup: Task, permissions: list[str], offered: list[str]
    ) -> None:
        page = _page(staff(*permissions))

        verbs = ("run_now", "pause", "resume", "delete")
        assert [verb for verb in verbs if f'<option value="{verb}">' in page] == offered

    def test_it_does_nothing_that_is_not_allowed(self, staff: Callable[..., Client], cleanup: Task) -> None:
        _act(staff("view_task"), "pause", cleanup)

        assert Task.objects.get().status == "ACTIVE"


@pytest.mark.parametrize("chosen", ["notauuid", "a\x00b", ""])
def test_a_selection_of_no_task_does_nothing(admin_client: Client, cleanup: Task, chosen: str) -> None:
    answer = admin_client.post(TASKS, {"action": "pause", "_selected_action": [chosen]}, follow=True)

    assert answer.status_code == 200
    assert "nothing was done" in answer.content.decode()
    assert Task.objects.get().status == "ACTIVE"
