"""The console in a real browser, before a platform of real processes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.acceptance.browser import Window, window
from tests.acceptance.platform import Platform, outside_servers, running

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

SECOND = 1_000
PAGES = [
    "/admin/", "/admin/timeline/", "/admin/upcoming/", "/admin/fleet/", "/admin/scheduler/task/",
    "/admin/scheduler/task/add/",
    "/admin/scheduler/execution/", "/admin/scheduler/calendar/", "/admin/scheduler/operation/",
    "/admin/scheduler/flowcontrol/", "/admin/scheduler/breach/", "/admin/scheduler/webhook/",
]  # fmt: skip


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """A platform with a task that runs well, one that fails and one that runs for long."""
    with tempfile.TemporaryDirectory(prefix="platform-scheduler-console-") as name, outside_servers() as environment:
        # As root PostgreSQL runs as another user, who must be able to pass through.
        Path(name).chmod(0o711)
        with running(Path(name) / "data", environment=environment) as platform:
            _run(platform, "Well", taskClass="platform.noop", intervalSeconds=2)
            _run(platform, "Long", taskClass="platform.sleep", taskData={"seconds": 300})
            yield platform


def _run(platform: Platform, name: str, **fields: Any) -> str:
    task = platform.call("POST", "/api/v1/tasks", {"name": name, **fields})
    assert task.status == 201, task
    return str(platform.call("POST", f"/api/v1/tasks/{task['id']}/trigger", {})["id"])


def _fail(platform: Platform, name: str) -> str:
    """Have a new task fail, and return its execution once it has."""
    data = {"url": "http://127.0.0.1:1/"}
    execution = _run(platform, name, taskClass="platform.http", taskData=data, maxRetryCount=0)
    platform.wait_for(lambda: platform.get(f"/api/v1/executions/{execution}").get("status") == "FAILED", seconds=20)
    return execution


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_no_page_complains_or_leaves_anybody_out(platform: Platform, width: int, scheme: Literal["light", "dark"]):
    with window(platform, width=width, scheme=scheme) as opened:
        found = {}
        for path in PAGES:
            opened.open(path)
            # Its preloading of styles would break the page's policy itself.
            results = Axe().run(opened.page, options={"preload": False}).response["violations"]
            found[path] = [
                (one["id"], one["nodes"][0]["html"]) for one in results if one["impact"] in ("serious", "critical")
            ]
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is too wide"
        assert (found, opened.complaints) == ({path: [] for path in PAGES}, [])


def test_a_failure_appears_by_itself_and_the_focus_stays(platform: Platform):
    with window(platform) as opened:
        opened.page.focus("#live .tile:nth-child(3) a")
        _fail(platform, "Fails before our eyes")
        expect(opened.page.get_by_text("Fails before our eyes").first).to_be_visible(timeout=15 * SECOND)
        assert opened.page.evaluate("document.activeElement.closest('.tile') !== null")
        assert opened.complaints == []


def test_it_is_tried_again_with_one_click(platform: Platform):
    execution = _fail(platform, "Is tried again")
    with window(platform) as opened:
        opened.page.click(f"#retry-{execution}")
        expect(opened.page.locator(".messagelist .success")).to_contain_text("was tried again")
        expect(opened.page.locator(".story")).to_be_visible()
    task = platform.get(f"/api/v1/executions/{execution}")["taskId"]
    assert [row["attempt"] for row in platform.history(task)] == [1, 2]


def test_a_task_is_made_with_the_editor_and_fires(platform: Platform):
    with window(platform) as opened:
        opened.open("/admin/scheduler/task/add/")
        page = opened.page
        page.fill("#id_name", "Made by hand")
        page.select_option("#id_taskClass", "platform.noop")
        expect(page.locator("#meaning")).to_contain_text("At 00:00")
        page.get_by_text("Weekly", exact=True).click()
        expect(page.locator("#meaning .errorlist")).to_contain_text("On: Say this")
        page.get_by_label("Wed").check()
        expect(page.locator("#meaning .slots li").first).to_contain_text("Wed")
        page.get_by_text("At an interval", exact=True).click()
        expect(page.locator("#id_weekdays")).to_be_hidden()
        page.fill("#id_intervalCount", "1")
        page.select_option("#id_intervalUnit", "seconds")
        expect(page.locator("#meaning")).to_contain_text("Every second")
        page.click("[name=_save]")
        expect(page.locator(".messagelist .success")).to_contain_text("Made by hand")
        assert opened.complaints == []
    task = platform.get("/api/v1/tasks?search=Made by hand".replace(" ", "%20"))["content"][0]["id"]
    platform.wait_for(lambda: any(row["status"] == "SUCCESS" for row in platform.history(task)), seconds=20)


def test_a_bar_leads_to_its_execution(platform: Platform):
    with window(platform) as opened:
        opened.page.locator("svg .run.running").first.click(force=True)
        expect(opened.page.locator("#content")).to_contain_text("Long")
        assert opened.complaints == []


def _passes(opened: Window, seconds: int) -> None:
    """Let the page's own time pass, with the answers that come meanwhile."""
    for _ in range(seconds // 4):
        opened.page.clock.run_for(4 * SECOND)
        opened.page.wait_for_load_state("networkidle")


def test_it_says_when_it_is_stale_and_recovers(platform: Platform):
    with window(platform, has_clock=True) as opened:
        opened.page.route("**/admin/", lambda route: route.abort())
        _passes(opened, 20)
        expect(opened.page.locator("#freshness")).to_contain_text("Stale")
        opened.page.unroute("**/admin/")
        _passes(opened, 40)
        expect(opened.page.locator("#freshness")).to_contain_text("Updated")
        expect(opened.page.locator("#live.stale")).to_have_count(0)


def test_a_login_that_has_ended_is_said_and_not_shown_within_the_page(platform: Platform):
    with window(platform, has_clock=True) as opened:
        opened.page.context.clear_cookies()
        _passes(opened, 4)
        expect(opened.page.locator("#freshness")).to_contain_text("no longer logged in")
        expect(opened.page.locator("#id_password")).to_have_count(0)
