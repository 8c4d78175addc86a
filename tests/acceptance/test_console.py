"""The console in a real browser, before a platform of real processes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.acceptance.browser import Chromium, Window, chromium
from tests.acceptance.platform import Platform, outside_servers, running

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

SECOND = 1_000
# Each page is looked at by axe in the light on a desk, and in the dark on a telephone.
OWN = [
    "/admin/", "/admin/timeline/", "/admin/upcoming/", "/admin/fleet/", "/admin/predictions/", "/admin/workflows/",
    "/admin/import/", "/admin/bulk/tasks/?status=ACTIVE&action=pause", "/admin/circuits/",
]  # fmt: skip
LISTS = [
    f"/admin/scheduler/{name}/"
    for name in (
        "task", "task/add", "execution", "calendar", "calendar/add", "operation", "flowcontrol", "flowcontrol/add",
        "breach", "breach/report", "webhook", "webhook/add", "delivery", "channel", "template", "template/add",
        "event", "event/add", "namespace", "namespace/add", "apitoken", "auditrecord", "handler", "node", "slotfault",
    )
] + [
    f"/admin/{name}/"
    for name in ("auth/user", "auth/group", "django_celery_beat/periodictask", "django_celery_beat/intervalschedule")
]  # fmt: skip


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """A platform with a task that runs well, one that fails, one that runs for long, and one that waits for another."""
    with tempfile.TemporaryDirectory(prefix="platform-scheduler-console-") as name, outside_servers() as environment:
        # As root PostgreSQL runs as another user, who must be able to pass through.
        Path(name).chmod(0o711)
        with running(Path(name) / "data", environment=environment) as platform:
            _run(platform, "Well", taskClass="platform.noop", intervalSeconds=2)
            _run(platform, "Long", taskClass="platform.sleep", taskData={"seconds": 300})
            after = {"name": "After", "taskClass": "platform.noop", "dependencies": [{"name": "Well"}]}
            assert platform.call("POST", "/api/v1/tasks", after).status == 201
            yield platform


@pytest.fixture(scope="module")
def browser(platform: Platform) -> Iterator[Chromium]:
    """One browser for all."""
    with chromium(platform) as started:
        yield started


def _run(platform: Platform, name: str, **fields: Any) -> str:
    task = platform.call("POST", "/api/v1/tasks", {"name": name, **fields})
    assert task.status == 201, task
    return str(platform.call("POST", f"/api/v1/tasks/{task['id']}/trigger", {})["id"])


def _paused(platform: Platform, name: str) -> str:
    """Register a task that is paused, and return its id."""
    task = platform.call("POST", "/api/v1/tasks", {"name": name, "taskClass": "platform.noop", "intervalSeconds": 3600})
    assert platform.call("POST", f"/api/v1/tasks/{task['id']}/pause", {}).status == 200
    return str(task["id"])


def _fail(platform: Platform, name: str) -> str:
    """Have a new task fail, and return its execution once it has."""
    data = {"url": "http://127.0.0.1:1/"}
    execution = _run(platform, name, taskClass="platform.http", taskData=data, maxRetryCount=0)
    platform.wait_for(lambda: platform.get(f"/api/v1/executions/{execution}").get("status") == "FAILED", seconds=20)
    return execution


def _task(platform: Platform, name: str) -> str:
    return str(platform.get(f"/api/v1/tasks?search={name}")["content"][0]["id"])


@pytest.fixture(scope="module")
def of_one(platform: Platform) -> list[str]:
    """Pages of one row: a task with its slot, version and workflow, a run, an execution that has failed."""
    well, failed = _task(platform, "Well"), _fail(platform, "Fails to be looked at")
    ran = platform.get(f"/api/v1/executions?taskId={well}&status=SUCCESS")["content"][0]
    return [
        f"/admin/task/{well}/", f"/admin/task/{well}/why/?at={ran['scheduledFor']}",
        f"/admin/task/{well}/revisions/1/", f"/admin/workflows/{well}/", f"/admin/runs/{ran['id']}/",
        f"/admin/scheduler/execution/{failed}/change/", f"/admin/scheduler/task/{well}/change/",
    ]  # fmt: skip


_FAULTS = """
INSERT INTO scheduler_slot_faults (namespace, kind, scheduled_for, late_seconds, found_at, task_id)
SELECT namespace, unnest(ARRAY['MISSED', 'LATE']), created_at, 75, created_at, id FROM scheduler_tasks LIMIT 2
"""


@pytest.fixture(scope="module")
def inhabited(platform: Platform) -> list[str]:
    """Rows for the lists that would be empty, and the forms of those rows."""
    bodies: dict[str, dict[str, Any]] = {
        "calendar": {"name": "Bavaria", "rules": {"weekdays": ["SAT", "SUN"], "holidays": [{"country": "DE"}]}},
        "template": {
            "name": "Import", "parameters": {"type": "object"},
            "definition": {"name": "Import it", "taskClass": "platform.noop"},
        },
        "namespace": {"name": "payments", "retentionDays": 30, "secretNames": ["TOKEN"]},
        "webhook": {"url": "https://example.org/hook", "events": ["*"]},
        "event": {"name": "file.landed", "payload": {"kind": "csv"}},
    }  # fmt: skip
    made = {kind: platform.call("POST", f"/api/v1/{kind}s", body) for kind, body in bodies.items()}
    assert {kind: one.status for kind, one in made.items() if one.status not in (201, 202)} == {}, made
    ids = {kind: one.get("id", one.get("name")) for kind, one in made.items()}
    assert platform.call("POST", f"/api/v1/webhooks/{ids['webhook']}/test", {}).status == 202
    with platform.connect() as connection:
        connection.execute(_FAULTS)
    return [f"/admin/scheduler/{kind}/{one}/change/" for kind, one in ids.items()]


def _look(opened: Window, *, width: int, scheme: Literal["dark", "light"]) -> list[tuple[str, str]]:
    opened.page.set_viewport_size({"width": width, "height": 900})
    opened.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    # Its preloading of styles would break the page's policy itself.
    results = Axe().run(opened.page, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
    found = [(one["id"], one["nodes"][0]["html"]) for one in results if one["impact"] in ("serious", "critical")]
    excess = opened.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    searched = opened.page.evaluate("document.querySelector('#searchbar')?.offsetWidth ?? 1000")
    narrow = [("too narrow", f"#searchbar: {searched} px")] if searched < 120 else []
    # What a list says of a row is read from top to bottom: nothing lies beyond the edge.
    beyond = opened.page.evaluate(
        "Math.max(0, ...[...document.querySelectorAll('#changelist .results')].map(e => e.scrollWidth - e.clientWidth))"
    )
    hidden = [("beyond the edge", f".results: {beyond} px")] if width < 768 and beyond else []
    return [*found, *narrow, *hidden, *([("too wide", str(excess))] if excess > 0 else [])]


def _passes(opened: Window, seconds: int) -> None:
    """Let the page's own time pass, with the answers that come meanwhile."""
    for _ in range(seconds // 4):
        opened.page.clock.run_for(4 * SECOND)
        opened.page.wait_for_load_state("networkidle")


def _faults(opened: Window, path: str) -> dict[str, list[tuple[str, str]]]:
    opened.open(path)
    looks = {
        "desk": _look(opened, width=1440, scheme="light"), "telephone": _look(opened, width=390, scheme="dark"),
    }  # fmt: skip
    return {look: faults for look, faults in looks.items() if faults}


def test_no_page_complains_or_leaves_anybody_out(browser: Chromium, of_one: list[str]):
    with browser.window() as opened:
        found = {path: faults for path in [*OWN, *of_one] if (faults := _faults(opened, path))}
        assert (found, opened.complaints) == ({}, [])


def test_nor_does_any_list_or_form(browser: Chromium, inhabited: list[str]):
    with browser.window() as opened:
        found = {path: faults for path in [*LISTS, *inhabited] if (faults := _faults(opened, path))}
        assert (found, opened.complaints) == ({}, [])


def test_everything_comes_from_our_own_origin(browser: Chromium):
    with browser.window() as opened:
        asked: list[str] = []
        opened.page.on("request", lambda request: asked.append(request.url))
        opened.open("/admin/timeline/")
        assert [url for url in asked if not url.startswith(opened.base)] == []


def test_what_matches_a_filter_is_paused(browser: Chromium, platform: Platform):
    for number in range(3):
        _run(platform, f"Bulk {number}", taskClass="platform.noop", intervalSeconds=3600)
    with browser.window() as opened:
        page = opened.page
        opened.open("/admin/scheduler/task/?search=Bulk")
        page.get_by_text("Act on all that match").click()
        page.get_by_role("link", name="Pause").click()
        expect(page.locator(".count")).to_have_text("3")
        page.get_by_label("Reason").fill("Stocktaking")
        page.get_by_role("button", name="Pause 3 tasks").click()
        expect(page.locator("#live")).to_contain_text("100 % of 3", timeout=20 * SECOND)
        opened.open("/admin/scheduler/task/?status=PAUSED")
        expect(page.locator("#result_list tbody tr")).to_have_count(3)
        expect(page.locator("#result_list")).to_contain_text("Stocktaking")
        opened.open("/admin/scheduler/auditrecord/?kind=operation")
        expect(page.locator("#result_list")).to_contain_text("admin (console)")
        assert opened.complaints == []


def test_a_number_leads_to_the_rows_that_it_counts(browser: Chromium):
    with browser.window() as opened:
        tile = opened.page.locator(".tile", has_text="Running").locator("a.figure")
        tile.click()
        expect(opened.page.locator("#result_list")).to_contain_text("Long")


def test_pages_are_read_without_scripts(browser: Chromium, of_one: list[str]):
    with browser.window() as opened:
        opened.page.context.route("**/*.js", lambda route: route.abort())
        for path in of_one[:5]:
            opened.open(path)
            expect(opened.page.locator("#content")).to_contain_text("Well")


def test_a_failure_appears_by_itself_and_the_focus_stays(browser: Chromium, platform: Platform):
    with browser.window() as opened:
        opened.page.focus("#live .tile:nth-child(3) a")
        _fail(platform, "Fails before our eyes")
        expect(opened.page.get_by_text("Fails before our eyes").first).to_be_visible(timeout=15 * SECOND)
        assert opened.page.evaluate("document.activeElement.closest('.tile') !== null")
        assert opened.complaints == []


def test_it_is_tried_again_with_one_click(browser: Chromium, platform: Platform):
    execution = _fail(platform, "Is tried again")
    with browser.window() as opened:
        opened.page.click(f"#retry-{execution}")
        expect(opened.page.locator(".messagelist .success")).to_contain_text("was tried again")
        expect(opened.page.locator(".story")).to_be_visible()
    task = platform.get(f"/api/v1/executions/{execution}")["taskId"]
    assert [row["attempt"] for row in platform.history(task)] == [1, 2]


def test_a_task_is_made_with_the_editor_and_fires(browser: Chromium, platform: Platform):
    with browser.window() as opened:
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


def test_a_bar_leads_to_its_execution(browser: Chromium, platform: Platform):
    with browser.window() as opened:
        opened.page.locator("svg .run.running").first.click(force=True)
        expect(opened.page.locator("#content")).to_contain_text("Long")
        assert opened.complaints == []


def test_a_list_refreshes_in_place_and_waits_while_rows_are_chosen(browser: Chromium, platform: Platform):
    task = _paused(platform, "Listed live 1")
    with browser.window(has_clock=True) as opened:
        page = opened.page
        opened.open("/admin/scheduler/task/?search=Listed%20live")
        row = page.locator("#result_list tbody tr")
        row.locator("a").first.focus()
        assert platform.call("POST", f"/api/v1/tasks/{task}/resume", {}).status == 200
        _passes(opened, 8)
        expect(row.locator(".field-state")).to_contain_text("active", ignore_case=True, timeout=20 * SECOND)
        assert page.evaluate("document.activeElement.textContent") == "Listed live 1"

        row.locator("input.action-select").check()
        _passes(opened, 8)
        expect(page.locator("#freshness:not(.stale)")).to_contain_text("Waits", timeout=20 * SECOND)
        _passes(opened, 24)
        expect(page.locator("#freshness.stale")).to_contain_text("Waits", timeout=20 * SECOND)
        _paused(platform, "Listed live 2")
        _passes(opened, 8)
        expect(page.locator(".action-counter").first).to_contain_text("1 of 1 selected")
        expect(page.locator("#news")).to_be_hidden()

        row.locator("input.action-select").uncheck()
        _passes(opened, 8)
        expect(page.locator("#news")).to_have_text("1 new: show", timeout=20 * SECOND)
        expect(row).to_have_count(1)
        expect(page.locator("#changelist .total")).to_have_text(["2", "2"])
        page.click("#news")
        expect(row).to_have_count(2)
        assert opened.complaints == []


def test_a_calendar_shows_what_its_rules_close_while_they_are_typed(browser: Chromium, platform: Platform):
    with browser.window() as opened:
        page = opened.page
        opened.open("/admin/scheduler/calendar/add/")
        page.fill("#id_rules", '{"weekdays": ["SUN"]}')
        expect(page.locator("#meaning .month")).to_have_count(12)
        expect(page.locator("#meaning")).to_contain_text("Sunday is excluded")
        page.fill("#id_rules", '{"weekday": ["SUN"]}')
        expect(page.locator("#meaning .errorlist")).to_contain_text("Did you mean")
        assert opened.complaints == []


def test_what_is_long_in_being_explained_is_outlined_and_can_be_read(browser: Chromium, inhabited: list[str]):
    with browser.window() as opened:
        opened.page.route("**/preview/", lambda _: None)  # it is never answered
        assert _faults(opened, inhabited[0]) == {}
        meaning = opened.page.locator("#meaning.asking")
        expect(meaning).to_contain_text("weekends; holidays of DE")
        expect(meaning).not_to_have_css("outline-color", "rgba(0, 0, 0, 0)")
        assert opened.complaints == []


def test_what_cannot_be_explained_is_said_and_asked_again(browser: Chromium):
    with browser.window() as opened:
        page = opened.page
        page.route("**/preview/", lambda route: route.abort())
        opened.open("/admin/scheduler/calendar/add/")
        expect(page.locator("#meaning:not(.asking)")).to_contain_text("try again")
        page.unroute("**/preview/")
        page.fill("#id_rules", '{"weekdays": ["SUN"]}')
        expect(page.locator("#meaning:not(.asking)")).to_contain_text("Sunday is excluded")


def test_it_says_when_it_is_stale_and_recovers(browser: Chromium, platform: Platform):
    with browser.window(has_clock=True) as opened:
        opened.page.route("**/admin/", lambda route: route.abort())
        _passes(opened, 20)
        expect(opened.page.locator("#freshness")).to_contain_text("Stale")
        opened.page.unroute("**/admin/")
        _passes(opened, 40)
        expect(opened.page.locator("#freshness")).to_contain_text("Updated")
        expect(opened.page.locator("#live.stale")).to_have_count(0)


def test_a_login_that_has_ended_is_said_and_not_shown_within_the_page(browser: Chromium, platform: Platform):
    with browser.window(has_clock=True) as opened:
        opened.page.context.clear_cookies()
        _passes(opened, 4)
        expect(opened.page.locator("#freshness")).to_contain_text("no longer logged in")
        expect(opened.page.locator("#id_password")).to_have_count(0)
