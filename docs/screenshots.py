"""Takes the pictures of the dashboard: `make screenshots FOLDER=…`, on a platform of its own."""

import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from tests.acceptance.browser import chromium
from tests.acceptance.platform import Platform, running

# Name, class, its data, seconds between its slots.
TASKS: list[tuple[str, str, dict[str, Any], int]] = [
    ("Backup Redis", "platform.sleep", {"seconds": 25}, 40),
    ("KPI Rollup Hourly", "platform.sleep", {"seconds": 8}, 30),
    ("FX Rate Import", "platform.http", {"url": "http://127.0.0.1:1/rates"}, 45),
    ("Ledger Reconciliation", "platform.sleep", {"seconds": 3}, 20),
    ("Session Purge", "platform.noop", {}, 15),
    ("Price Feed", "platform.noop", {}, 10),
    ("Search Reindex", "platform.sleep", {"seconds": 400}, 3_600),
    ("Invoice Run", "platform.http", {"url": "http://127.0.0.1:1/invoices"}, 60),
]
# Name, class, its data, what it waits for; the first begins every 20 s.
WORKFLOW: list[tuple[str, str, dict[str, Any], list[dict[str, str]]]] = [
    ("Extract orders", "platform.noop", {}, []),
    ("Clean orders", "platform.sleep", {"seconds": 2}, [{"name": "Extract orders"}]),
    ("Load customers", "platform.http", {"url": "http://127.0.0.1:1/"}, [{"name": "Extract orders"}]),
    ("Build marts", "platform.noop", {}, [{"name": "Clean orders"}, {"name": "Load customers"}]),
    ("Alert on failure", "platform.noop", {}, [{"name": "Load customers", "condition": "FAILURE"}]),
    (
        "Publish report",
        "platform.noop",
        {},
        [{"name": "Build marts"}, {"name": "Alert on failure", "condition": "DONE"}],
    ),
]
PAGES = {
    "overview": "/admin/",
    "timeline": "/admin/timeline/?window=1h",
    "upcoming": "/admin/upcoming/",
    "fleet": "/admin/fleet/",
    "tasks": "/admin/scheduler/task/",
    "executions": "/admin/scheduler/execution/",
    "failed": "/admin/scheduler/execution/?status=FAILED",
    "editor": "/admin/scheduler/task/add/",
    "workflows": "/admin/workflows/",
    "bulk": "/admin/bulk/tasks/?status=ACTIVE&action=pause",
    "predictions": "/admin/predictions/",
    "templates": "/admin/scheduler/template/",
    "circuits": "/admin/circuits/",
    "flow": "/admin/scheduler/flowcontrol/",
    "sla": "/admin/scheduler/breach/report/",
    "audit": "/admin/scheduler/auditrecord/",
}
# Nobody listens there: what calls it fails.
ALLOWED = {"HTTP_ALLOWED_ADDRESSES": "127.0.0.1:1", "EXAMPLES": "0"}
LOOKS: list[tuple[str, int, Literal["light", "dark"]]] = [
    ("light", 1440, "light"), ("dark", 1440, "dark"), ("narrow", 390, "light"),
]  # fmt: skip


def main(folder: Path) -> None:
    """Write a picture of each page in each look into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="platform-scheduler-screenshots-") as name:
        Path(name).chmod(0o711)
        with running(Path(name) / "data", environment=ALLOWED) as platform, chromium(platform) as browser:
            pages = PAGES | _live(platform)
            for look, width, scheme in LOOKS:
                with browser.window(width=width, scheme=scheme) as opened:
                    for page, path in pages.items():
                        opened.open(path)
                        opened.page.screenshot(path=folder / f"{page}-{look}.png", full_page=width > 1_000)


def _live(platform: Platform) -> dict[str, str]:
    """Have tasks run and fail, and return the pages of single rows."""
    made: dict[str, str] = {}
    for name, task_class, data, seconds in TASKS:
        schedule = {"intervalSeconds": seconds, "timeoutSeconds": 900, "sla": {"maxDurationSeconds": 60}}
        made[name] = _task(platform, name, task_class, data, **schedule)
        platform.call("POST", f"/api/v1/tasks/{made[name]}/trigger", {})
    for name, task_class, data, upstreams in WORKFLOW:
        schedule = {"dependencies": upstreams} if upstreams else {"intervalSeconds": 20}
        made[name] = _task(platform, name, task_class, data, **schedule)
    platform.wait_for(lambda: len(_ended(platform, made["KPI Rollup Hourly"], "SUCCESS")) >= 8, seconds=400)
    alerted = platform.wait_for(lambda: _ended(platform, made["Alert on failure"], "SUCCESS"), seconds=60)
    return {
        "task": f"/admin/task/{made['KPI Rollup Hourly']}/",
        "workflow": f"/admin/workflows/{made['Extract orders']}/",
        "run": f"/admin/runs/{alerted[0]['runId']}/",
        "execution": f"/admin/scheduler/execution/{_ended(platform, made['Invoice Run'], 'FAILED')[0]['id']}/change/",
    }


def _task(platform: Platform, name: str, task_class: str, data: dict[str, Any], **fields: Any) -> str:
    body = {"name": name, "taskClass": task_class, "taskData": data, "maxRetryCount": 0, **fields}
    return str(platform.call("POST", "/api/v1/tasks", body)["id"])


def _ended(platform: Platform, task: str, status: str) -> list[Any]:
    found: list[Any] = platform.get(f"/api/v1/executions?taskId={task}&status={status}")["content"]
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
