"""What people write into names, errors and results stays text: in pages, in JSON, in spreadsheets."""

import csv
import io
from collections.abc import Callable
from datetime import date, datetime

import pytest
from django.test import Client

from scheduler.connections import current
from scheduler.models import Execution, SlaRollUp, Task
from tests.hot_paths import start_one
from tests.integration.conftest import Caller

SCRIPT = "<script>alert(1)</script>"
IMAGE = "\"'><img src=x onerror=alert(1)>"
PAGES = [
    "/admin/",
    "/admin/timeline/",
    "/admin/upcoming/",
    "/admin/scheduler/task/",
    "/admin/scheduler/execution/",
    "/admin/scheduler/auditrecord/",
    "/admin/scheduler/task/{task}/change/",
    "/admin/scheduler/task/{task}/history/",
    "/admin/scheduler/execution/{execution}/change/",
]


@pytest.fixture
def hostile(new_task: Callable[..., Task], now: datetime) -> dict[str, str]:
    """A task whose texts are markup, and a failed execution of it that says markup too."""
    task = new_task(
        f"{SCRIPT}{IMAGE}"[:255], description=IMAGE, owner=SCRIPT, labels={"team": SCRIPT}, intervalSeconds=60,
        taskData={"text": SCRIPT},
    )  # fmt: skip
    started = start_one(current(), task.id, now=now)
    Execution.objects.filter(id=started.id).update(
        status="FAILED", error_message=f"{SCRIPT}\n{IMAGE}", result=SCRIPT, node_id="<b>node</b>", end_time=now
    )
    return {"task": str(task.id), "execution": str(started.id)}


@pytest.mark.parametrize("path", PAGES)
def test_no_page_runs_it(admin_client: Client, hostile: dict[str, str], path: str):
    answer = admin_client.get(path.format(**hostile), follow=True)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert SCRIPT not in page
    assert "<img src=x" not in page
    assert "<b>node" not in page


@pytest.mark.parametrize("path", [path for path in PAGES if "{" not in path])
@pytest.mark.parametrize("query", ["namespace=%00", "status__exact=a&status__exact=a%00b", "%00=a"])
def test_a_page_refuses_what_no_text_of_postgresql_can_hold(admin_client: Client, path: str, query: str):
    assert admin_client.get(f"{path}?{query}").status_code == 400


@pytest.mark.parametrize("page", ["task", "handler", "namespace", "calendar", "template"])
def test_so_it_does_in_an_address(admin_client: Client, page: str):
    assert admin_client.get(f"/admin/scheduler/{page}/a%00b/change/").status_code == 400


def test_the_api_says_that_it_is_json(viewer: Caller, hostile: dict[str, str]):
    answer = viewer.send("get", f"tasks/{hostile['task']}")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["name"].startswith(SCRIPT)


def test_a_refusal_repeats_it_as_json_only(editor: Caller):
    answer = editor.send("post", "tasks", {"name": "x", SCRIPT: 1})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_spreadsheet_takes_a_name_for_a_formula(viewer: Caller, new_task: Callable[..., Task], lead: str):
    name = f"{lead}cmd|' /C calc'!A0"
    task = new_task(name, intervalSeconds=60)
    SlaRollUp.objects.create(task_id=task.id, day=date(2026, 6, 1), namespace="default", slots=1)
    answer = viewer.get("/api/v1/sla?format=csv&by=task&startDate=2026-06-01&endDate=2026-06-30")
    [_, row] = csv.reader(io.StringIO(answer.content.decode()))
    assert row[1] == f"'{name}"
