"""/metrics of a web process, and the middleware that counts."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from platform_scheduler import scraping, siblings
from platform_scheduler.embedded.ports import free_port
from platform_scheduler.embedded.waiting import wait_until
from platform_scheduler.metrics import registry
from tests.integration.conftest import Caller

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parents[3]


def count(method: str, route: str, status: str) -> float:
    labels = {"method": method, "route": route, "status": status}
    return registry.get_sample_value("platform_scheduler_http_requests_total", labels) or 0


def test_it_shows_the_metrics_to_a_viewer(viewer: Caller):
    answer = viewer.get("/metrics")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert 'platform_scheduler_build_info{profile="test"' in answer.content.decode()


def test_it_shows_them_to_nobody_without_a_token(nobody: Client):
    answer = nobody.get("/metrics")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


@override_settings(METRICS_OPEN=True)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer of-yesterday"}])
def test_it_shows_them_to_everybody_where_they_are_open(client: Client, headers: dict[str, str]):
    assert client.get("/metrics", headers=headers).status_code == 200


def test_it_speaks_what_prometheus_asks_for(viewer: Caller):
    accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    answer = viewer.get("/metrics", headers={"Accept": accept})
    assert answer["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.content.endswith(b"# EOF\n")


def test_nobody_writes_to_it(viewer: Caller):
    assert viewer.post("/metrics").status_code == 403


def test_it_counts_by_the_template_of_the_route(viewer: Caller):
    route = "/api/v1/tasks/<uuid:task_id>"
    before = count("GET", route, "4xx")
    viewer.get("/api/v1/tasks/00000000-0000-4000-8000-000000000001")
    viewer.get("/api/v1/tasks/00000000-0000-4000-8000-000000000002")
    assert count("GET", route, "4xx") == before + 2


@pytest.mark.parametrize("path", ["/wp-login.php", "/api/v1/tasks/1", "/api/v1/nothing"])
def test_it_makes_no_series_of_a_path_that_leads_nowhere(client: Client, path: str):
    before = count("GET", "unmatched", "4xx")
    client.get(path)
    assert count("GET", "unmatched", "4xx") == before + 1


def test_it_makes_no_series_of_an_invented_method(client: Client):
    before = count("OTHER", "/health/live", "4xx")
    client.generic("BREW", "/health/live")
    assert count("OTHER", "/health/live", "4xx") == before + 1


def test_it_counts_what_other_middleware_answers(client: Client):
    before = count("GET", "/static/", "2xx")
    answer: Any = client.get("/static/admin/css/base.css")
    list(answer.streaming_content)  # its end closes the file
    assert count("GET", "/static/", "2xx") == before + 1


def test_it_measures_latency(client: Client):
    labels = {"method": "GET", "route": "/health/live"}
    name = "platform_scheduler_http_request_duration_seconds_count"
    before = registry.get_sample_value(name, labels) or 0
    client.get("/health/live")
    assert registry.get_sample_value(name, labels) == before + 1


def test_it_serves_them_to_everybody_on_a_port_of_their_own():
    with override_settings(METRICS_PORT=(port := free_port())):
        scraping.serve_apart()
        assert wait_until(lambda: "platform_scheduler_build_info" in _read(port), seconds=10, every=0.05)


# The processes of one server

SIBLING = """
import sys
from pathlib import Path
from platform_scheduler import siblings
siblings.share(Path(sys.argv[1]))
import django
django.setup()
from platform_scheduler import metrics, scraping
metrics.requests.labels(method="GET", route="/", status="2xx").inc(int(sys.argv[2]))
metrics.latency.labels(method="GET", route="/").observe(0.2)
print(scraping.render("")[0].decode())
"""


def sibling(folder: Path, number: int) -> str:
    """Be one more process of this server, which counts `number` requests; return what it shows then."""
    done = subprocess.run(
        [sys.executable, "-c", SIBLING, str(folder), str(number)],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_adds_up_what_all_processes_of_a_server_have_counted(tmp_path: Path):
    sibling(tmp_path, 3)
    shown = sibling(tmp_path, 4)
    assert 'platform_scheduler_http_requests_total{method="GET",route="/",status="2xx"} 7.0' in shown
    assert 'platform_scheduler_http_request_duration_seconds_count{method="GET",route="/"} 2.0' in shown
    assert shown.count("platform_scheduler_build_info{") == 1


def test_it_forgets_the_numbers_of_a_server_that_has_ended(tmp_path: Path):
    ended = tmp_path / siblings._name_of_server().replace(f"+{os.getppid()}+", "+4194304+")
    ended.mkdir()
    sibling(tmp_path, 1)
    assert [folder.name.split("+")[1] for folder in tmp_path.iterdir()] == [str(os.getpid())]


def test_it_leaves_another_machines_numbers_alone(tmp_path: Path):
    (tmp_path / "elsewhere+4194304+1").mkdir()
    sibling(tmp_path, 1)
    assert (tmp_path / "elsewhere+4194304+1").is_dir()


def test_it_counts_alone_where_no_folder_can_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    assert json.dumps("/") + ',status="2xx"} 5.0' in sibling(tmp_path / "file", 5)


def _read(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
