"""Takes the pictures of the dashboard: `make screenshots FOLDER=…`, on a platform of its own."""

import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from tests.acceptance.browser import window
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
PAGES = {
    "overview": "/admin/",
    "timeline": "/admin/timeline/?window=1h",
    "upcoming": "/admin/upcoming/",
    "fleet": "/admin/fleet/",
    "tasks": "/admin/scheduler/task/",
    "executions": "/admin/scheduler/execution/",
    "failed": "/admin/scheduler/execution/?status=FAILED",
}
LOOKS: list[tuple[str, int, Literal["light", "dark"]]] = [
    ("light", 1440, "light"), ("dark", 1440, "dark"), ("narrow", 390, "light"),
]  # fmt: skip


def main(folder: Path) -> None:
    """Write a picture of each page in each look into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="platform-scheduler-screenshots-") as name:
        Path(name).chmod(0o711)
        with running(Path(name) / "data") as platform:
            _live(platform)
            for look, width, scheme in LOOKS:
                with window(platform, width=width, scheme=scheme) as opened:
                    for page, path in PAGES.items():
                        opened.open(path)
                        opened.page.screenshot(path=folder / f"{page}-{look}.png", full_page=width > 1_000)


def _live(platform: Platform) -> None:
    for name, task_class, data, seconds in TASKS:
        fields = {"name": name, "taskClass": task_class, "taskData": data, "intervalSeconds": seconds}
        task = platform.call("POST", "/api/v1/tasks", fields | {"maxRetryCount": 0, "timeoutSeconds": 900})
        platform.call("POST", f"/api/v1/tasks/{task['id']}/trigger", {})
    platform.wait_for(lambda: len(platform.get("/api/v1/executions?status=FAILED")["content"]) >= 4, seconds=180)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
