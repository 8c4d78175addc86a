"""The console's own pages: what they show, to whom, and how they stay fresh."""

import re
from collections.abc import Callable
from datetime import datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client

from query import forecast
from scheduler import clock, forecasts
from scheduler.models import Node, Task
from scheduler.paging import PagedAdmin
from tests.integration.conftest import Caller

PAGES = ["/admin/", "/admin/timeline/", "/admin/timeline/?window=30d", "/admin/upcoming/", "/admin/fleet/"]
LIVE = {"x-part": "live"}


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def figure(page: str, label: str) -> tuple[str, str]:
    """Return the number of a tile, and where it leads."""
    tile = re.search(rf'<span class="label">{label}</span>\s*<a class="figure[^"]*" href="([^"]+)">([^<]+)', page)
    assert tile, page
    return tile[2], unescape(tile[1])


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_shown_to_whoever_may_see_executions(looking: Client, path: str) -> None:
    assert "Busy" in text(looking, path) or "fleet" in path


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_platform_has_pages_too(looking: Client, path: str) -> None:
    assert "Updated" in text(looking, path)


@pytest.mark.parametrize("path", PAGES[1:])
def test_it_is_refused_to_others(logged_in: Callable[..., Client], path: str) -> None:
    assert logged_in("view_task").get(path).status_code == 403


def test_who_may_not_see_executions_gets_the_lists_that_there_are(logged_in: Callable[..., Client]) -> None:
    page = text(logged_in("view_calendar"), "/admin/")
    assert ("Calendars" in page, "Timeline" in page, "Executions" in page) == (True, False, False)


def test_nobody_sees_anything_without_a_login(client: Client) -> None:
    assert [client.get(path).status_code for path in PAGES] == [302] * len(PAGES)


# Numbers and their rows


LABELS = ["Late now", "Failed, 24 h", "Running", "Queued"]


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("label", LABELS)
def test_a_number_leads_to_the_rows_that_it_counts(looking: Client, label: str) -> None:
    number, link = figure(text(looking, "/admin/"), label)
    rows = re.findall(r'name="_selected_action"|class="field-(?:slot|state)', text(looking, link))
    listed = re.search(r"(\d+)</span> (?:task|execution)s?\b", text(looking, link))
    assert rows
    assert listed
    assert listed[1] == number != "0"


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize(
    ("label", "path"), [("Late now", "late"), ("Failed, 24 h", "lastDay.failed"), ("Running", "executions.RUNNING")]
)
def test_a_number_is_the_one_that_the_api_gives(looking: Client, viewer: Caller, label: str, path: str) -> None:
    answer: Any = viewer.send("get", "stats/overview").json()
    for name in path.split("."):
        answer = answer[name]
    assert figure(text(looking, "/admin/"), label)[0] == str(answer["count"])


def test_a_list_says_which_filter_it_does_not_understand(looking: Client, cleanup: Task) -> None:
    page = text(looking, "/admin/scheduler/task/?status=ASLEEP")
    assert ("Nothing is listed: status cannot be" in page, "Daily Data Cleanup" in page) == (True, False)


def test_a_list_knows_the_filters_of_the_api(looking: Client, cleanup: Task, payroll: Task) -> None:
    page = text(looking, "/admin/scheduler/task/?namespace=payments&priority=HIGH")
    assert ("Payroll" in page, "Daily Data Cleanup" in page) == (True, False)


# What it says


@pytest.mark.usefixtures("platform")
def test_it_says_what_is_late_what_failed_and_why_and_what_comes(looking: Client) -> None:
    page = text(looking, "/admin/")
    assert "late by 1 min" in page
    assert "✗\N{NO-BREAK SPACE}Failed" in page
    assert "KeyError: &#x27;eur_usd&#x27;" in page
    assert "The schedulers are behind" in page


def test_it_says_that_no_scheduler_runs(looking: Client) -> None:
    assert "No scheduler is running: nothing fires." in text(looking, "/admin/")


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize(
    ("query", "silent"), [("", True), ("?silent=true", True), ("?silent=false", False), ("?role=scheduler", False)]
)
def test_the_fleet_is_listed_by_role_and_silence(looking: Client, query: str, silent: bool) -> None:
    assert ("⚠ Silent" in text(looking, f"/admin/fleet/{query}")) is silent


def test_a_window_that_there_is_not_is_the_usual_one(looking: Client) -> None:
    assert 'aria-current="true">6h' in text(looking, "/admin/timeline/?window=<script>")


@pytest.mark.usefixtures("platform")
def test_it_shows_the_load_to_come_with_its_unit(looking: Client, now: datetime) -> None:
    assert "Nothing has been worked out yet" in text(looking, "/admin/")

    forecasts.work_out(now=now)
    forecast.kept.clear()
    page = text(looking, "/admin/")

    assert "expected busy minutes in each hour" in page
    assert page.count('class="heat level-') > 6 * 24
    assert "busy minutes expected, 6 slots" in page or "busy minutes expected, 18 slots" in page


# Fresh


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("path", PAGES)
def test_the_live_part_comes_alone_and_only_where_it_has_changed(looking: Client, path: str) -> None:
    first = looking.get(path, headers=LIVE)
    assert (first.status_code, b"<html" in first.content, b"<section" in first.content) == (200, False, True)
    again = looking.get(path, headers=LIVE | {"if-none-match": first["ETag"]})
    assert again.status_code in (200, 304)
    assert (again.status_code == 304) is (again["ETag"] == first["ETag"])


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("path", PAGES)
def test_a_part_that_is_as_it_was_is_not_sent_again(
    admin_client: Client, path: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: now)
    first = admin_client.get(path, headers=LIVE)
    again = admin_client.get(path, headers=LIVE | {"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


LISTS = ["/admin/scheduler/task/", "/admin/scheduler/execution/"]


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("path", LISTS)
def test_of_a_list_the_rows_come_alone_and_only_where_they_have_changed(
    admin_client: Client, path: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: now)
    first = admin_client.get(path, headers=LIVE)
    assert (b"<html" in first.content, b"<form" in first.content, b'id="result_list"' in first.content) == (
        False, False, True,
    )  # fmt: skip
    again = admin_client.get(path, headers=LIVE | {"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", LISTS)
def test_a_list_says_where_its_rows_are_asked_for(admin_client: Client, path: str) -> None:
    page = admin_client.get(path + "?status=FAILED&status=PAUSED").content.decode()
    assert f'id="live" data-live="{path}?status=FAILED&amp;status=PAUSED"' in page


@pytest.mark.parametrize("path", LISTS)
def test_a_list_that_refreshes_piles_up_no_messages(admin_client: Client, path: str) -> None:
    part = admin_client.get(path + "?status=NONE", headers=LIVE)
    assert (part.status_code, b"result_list" in part.content) == (200, False)
    assert b"Nothing is listed" not in admin_client.get("/admin/upcoming/").content


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("path", LISTS)
def test_a_page_of_a_list_that_is_there_no_more_is_no_part(
    admin_client: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PagedAdmin, "list_per_page", 1)
    assert admin_client.get(path + "?p=2", headers=LIVE).status_code == 200
    assert admin_client.get(path + "?p=9", headers=LIVE).status_code == 409


# The policy


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("path", [*PAGES, "/admin/scheduler/task/", "/admin/scheduler/execution/"])
def test_nothing_in_a_page_runs_or_comes_from_elsewhere(admin_client: Client, path: str) -> None:
    answer = admin_client.get(path)
    policy = answer["Content-Security-Policy"]
    page = answer.content.decode()
    assert ("default-src 'none'" in policy, "unsafe" in policy) == (True, False)
    assert (
        re.findall(r"<script(?![^>]*src=)(?![^>]*application/json)|<style|\sstyle=|\son\w+=|[cf]=.https?://", page)
        == []
    )


def test_a_node_that_an_error_names_is_found_among_the_nodes(looking: Client, platform: Task) -> None:
    node = Node.objects.filter(role="worker").first()
    assert node is not None

    page = looking.get("/admin/fleet/").content.decode()
    assert f'title="{node.id}"' in page
    assert f"host:1 {str(node.id)[:8]}<" in page
