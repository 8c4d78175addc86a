"""The profiles as processes of their own behind nginx: reads and writes of one path in different ones, any may die."""

import http.client
import json
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from platform_scheduler.embedded.waiting import wait_until
from tests.acceptance.gateway import complaints, gateway, nginx
from tests.acceptance.load import BROKEN_OFF, Load
from tests.acceptance.split import HOST, Split, own_database
from tests.listening import Listener, listening

pytestmark = pytest.mark.acceptance

REGISTERS = ("register-1", "register-2")
QUERIES = ("query-1", "query-2")
SCHEDULERS = ("scheduler-1", "scheduler-2")
WORKERS = ("worker-1", "worker-2")

# Each of compose's services that serve or work, and never two of a kind.
KILLED_TOGETHER = [
    ("register-1", "query-1"),
    ("scheduler-1", "worker-1"),
    ("register-2", "query-2", "console"),
    ("scheduler-2", "worker-2"),
]


@pytest.fixture(scope="module")
def watchdog() -> Iterator[Listener]:
    """Somebody outside."""
    with listening() as listener:
        yield listener


@pytest.fixture(scope="module")
def split(watchdog: Listener) -> Iterator[Split]:
    """The platform in pieces, ready."""
    nginx()
    # Not pytest's own folder: as root nginx works as another user, who must be able to pass through.
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-profiles-"))
    folder.chmod(0o711)
    try:
        with own_database() as url:
            split = Split(folder, url, LEASE_SECONDS="7", WATCHDOG_URL=f"{watchdog.url}/ping")
            try:
                split.start()
                yield split
            finally:
                split.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def task(split: Split) -> dict[str, Any]:
    """A task that was registered through the gateway and fires every second."""
    body = {"name": "Through the gateway", "cronExpression": "* * * * * ?", "taskClass": "platform.noop"}
    created = split.call("POST", "/api/v1/tasks", body)
    assert created.status == 201, created
    return created


def wait(condition: Any, *, seconds: float = 30) -> None:
    assert wait_until(condition, seconds=seconds, every=0.1)


def test_its_configuration_pleases_nginx(tmp_path: Path):
    ports = {"register": [1, 2], "query": [3, 4], "console": [5]}
    assert complaints(gateway(tmp_path / "nginx", port=28_999, ports=ports)) == ""


def test_it_serves_get_and_post_of_one_path_from_different_processes(split: Split, task: dict[str, Any]):
    listed = split.call("GET", "/api/v1/tasks?search=gateway")
    posts = {"method": "POST", "route": "/api/v1/tasks", "status": "2xx"}
    gets = {"method": "GET", "route": "/api/v1/tasks", "status": "2xx"}

    assert [row["id"] for row in listed["content"]] == [task["id"]]
    assert split.metric("http_requests_total", *REGISTERS, **posts) > 0
    assert split.metric("http_requests_total", *QUERIES, **posts) == 0
    assert split.metric("http_requests_total", *QUERIES, **gets) > 0
    assert split.metric("http_requests_total", *REGISTERS, **gets) == 0


@pytest.mark.parametrize(
    ("service", "method", "allow"), [("register-1", "GET", "OPTIONS, POST"), ("query-1", "POST", "GET, HEAD, OPTIONS")]
)
def test_it_takes_only_its_own_methods(split: Split, service: str, method: str, allow: str):
    answer = split.call(method, "/api/v1/tasks", to=service)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)


def test_it_fires_what_was_registered_and_tells_its_history(split: Split, task: dict[str, Any]):
    path = f"/api/v1/tasks/{task['id']}/history?status=SUCCESS"
    wait(lambda: split.call("GET", path)["totalElements"] >= 3)


def test_it_runs_what_is_triggered(split: Split, task: dict[str, Any]):
    triggered = split.call("POST", f"/api/v1/tasks/{task['id']}/trigger", {})
    assert triggered.status == 202
    wait(lambda: split.call("GET", f"/api/v1/executions/{triggered['id']}")["status"] == "SUCCESS")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/api/v1/tasks", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/api/v1/tasks/{id}/trigger", "OPTIONS, POST"),
        ("POST", "/api/v1/tasks/{id}/history", "GET, HEAD, OPTIONS"),
    ],
)
def test_it_refuses_other_methods_with_all_that_the_path_takes(
    split: Split, task: dict[str, Any], method: str, path: str, allow: str
):
    answer = split.call(method, path.format(id=task["id"]))
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert answer["type"] == "urn:platform-scheduler:problem:method-not-allowed"


def test_it_answers_options_and_head(split: Split):
    assert split.call("OPTIONS", "/api/v1/tasks").headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert split.call("HEAD", "/api/v1/tasks").status == 200


@pytest.mark.parametrize("path", ["//api/v1/tasks", "/api//v1/tasks", "/api/v1", "/metrics", "/", "/nothing"])
def test_it_leads_nowhere_else(split: Split, path: str):
    answer = split.call("GET", path)
    assert (answer.status, answer["type"]) == (404, "urn:platform-scheduler:problem:not-found")


def test_it_serves_the_admin_and_its_static_files(split: Split):
    page = split.text("gateway", "/admin/login/")
    sheets = re.findall(r'href="(/static/[^"]+\.css)"', page)

    assert 'name="csrfmiddlewaretoken"' in page
    assert len(sheets) > 1
    assert [split.call("GET", sheet).status for sheet in sheets] == [200] * len(sheets)


@pytest.mark.parametrize("path", ["/api/schema/", "/api/docs/", "/health/live", "/health/ready", "/api/v1/handlers"])
def test_it_leads_to_what_every_profile_has(split: Split, path: str):
    assert split.call("GET", path).status == 200


def test_it_gives_each_request_an_id_and_keeps_one_that_it_has(split: Split):
    given = split.call("GET", "/api/v1/tasks").headers["X-Request-ID"]
    kept = split.call("GET", "/api/v1/tasks", X_Request_ID="order-4711").headers["X-Request-ID"]
    replaced = split.call("GET", "/api/v1/tasks", X_Request_ID="a b; <script>").headers["X-Request-ID"]

    assert re.fullmatch("[0-9a-f]{32}", given)
    assert kept == "order-4711"
    assert re.fullmatch("[0-9a-f]{32}", replaced)


@pytest.mark.parametrize(("length", "status"), [(32 * 1024 * 1024 + 1, 413), (1024 * 1024 + 1, 413)])
def test_it_refuses_a_body_that_nobody_would_take(split: Split, length: int, status: int):
    connection = http.client.HTTPConnection(HOST, split.ports["gateway"], timeout=20)
    headers = {"Authorization": f"Bearer {split.token}", "Content-Type": "application/json"}
    body = b" " * length if length < 32 * 1024 * 1024 else None
    connection.request("POST", "/api/v1/tasks", body, headers | {"Content-Length": str(length)})
    answer = connection.getresponse()
    problem = json.loads(answer.read())
    connection.close()

    assert (answer.status, problem["type"]) == (status, "urn:platform-scheduler:problem:too-large")


@pytest.mark.parametrize("service", [*REGISTERS, *QUERIES, "console"])
def test_it_shows_the_metrics_of_a_web_process_to_viewers_only(split: Split, service: str):
    assert split.call("GET", "/metrics", to=service, Authorization="Bearer nobody").status == 401
    assert f'profile="{service.partition("-")[0]}"' in split.text(service, "/metrics")


def test_it_counts_for_all_processes_of_a_web_server(split: Split):
    before = split.metric("http_requests_total", "console", route="/health/live")
    for _ in range(20):
        split.call("GET", "/health/live", to="console")
    assert [split.metric("http_requests_total", "console", route="/health/live") for _ in range(5)] == [before + 20] * 5


def test_it_shows_metrics_to_everybody_on_a_port_of_their_own(split: Split):
    assert split.call("GET", "/metrics", to="query-metrics", Authorization="").status == 200
    assert split.metric("http_requests_total", "query-metrics", route="/api/v1/tasks") > 0


def test_it_shows_the_metrics_of_schedulers(split: Split, task: dict[str, Any]):
    wait(lambda: split.metric("executions_dispatched_total", *SCHEDULERS) >= 3)
    recorded = split.metric("executions_recorded_total", *SCHEDULERS, status="QUEUED", trigger="SCHEDULE")

    assert recorded >= 3
    assert split.metric("claim_lateness_seconds_count", *SCHEDULERS) >= recorded
    assert split.metric("beat_lease_held", *SCHEDULERS) == 1
    assert [split.metric("broker_reachable", name) for name in SCHEDULERS] == [1, 1]
    assert max(split.metric("claim_age_seconds", name) for name in SCHEDULERS) < 5


def test_it_shows_the_metrics_of_workers(split: Split, task: dict[str, Any]):
    wait(lambda: split.metric("executions_total", *WORKERS, outcome="SUCCESS") >= 3)

    assert split.metric("worker_slots", *WORKERS) == 4
    assert split.metric("start_lateness_seconds_count", *WORKERS) >= 3
    assert split.metric("execution_duration_seconds_count", *WORKERS) >= 3


def test_somebody_outside_hears_that_slots_are_recorded_on_time(watchdog: Listener, task: dict[str, Any]):
    wait(lambda: "GET /ping" in watchdog.asked)


def test_it_loses_neither_a_request_nor_a_slot_while_each_process_is_killed_in_turn(split: Split, task: dict[str, Any]):
    with Load(split) as load:
        wait(lambda: load.count("POST") > 30 and load.count("GET") > 30)
        for names in KILLED_TOGETHER:
            for name in names:
                split.kill(name)
            for name in names:
                split.relaunch(name)
            for name in names:
                split.await_ready(name)
        settled = time.monotonic()
        wait(lambda: load.count("POST", since=settled) > 30 and load.count("GET", since=settled) > 30)

    # A GET is asked again of the other process by the gateway, unless it has passed on the head of an answer; that one,
    # and a POST that may have been taken, by the client.
    assert set(load.statuses("GET")) == {200}
    assert {asked.before for asked in load.asked if asked.method == "GET"} <= {(), (BROKEN_OFF,)}
    assert set(load.statuses("POST")) == {201}
    assert not any(asked.before for asked in load.asked if asked.began >= settled)
    registered = Counter(row["name"] for row in _all(split, "/api/v1/tasks?") if row["name"].startswith("load "))
    assert registered == Counter(load.names(201))

    newest = split.call("GET", f"/api/v1/tasks/{task['id']}/history?size=1")["content"][0]["scheduledFor"]
    path = f"/api/v1/tasks/{task['id']}/history?endDate={newest}&"
    wait(lambda: {row["status"] for row in _last_attempts(split, path)} == {"SUCCESS"}, seconds=60)
    slots = sorted(datetime.fromisoformat(row["scheduledFor"]) for row in _last_attempts(split, path))
    assert {later - earlier for earlier, later in pairwise(slots)} == {timedelta(seconds=1)}


def _last_attempts(split: Split, path: str) -> list[dict[str, Any]]:
    """Return each slot's last attempt; two rows that claimed to be it would both be there."""
    rows = [row for row in _all(split, path) if row["trigger"] in ("SCHEDULE", "RETRY")]
    last = {row["scheduledFor"]: row["attempt"] for row in sorted(rows, key=lambda row: row["attempt"])}
    return [row for row in rows if row["attempt"] == last[row["scheduledFor"]]]


def _all(split: Split, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    page = 0
    while chunk := split.call("GET", f"{path}page={page}&size=200")["content"]:
        rows += chunk
        page += 1
    return rows
