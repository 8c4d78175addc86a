"""A platform on either broker, whose only task writes down what it runs."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.platform import Answer, Platform, outside_servers, running
from tests.acceptance.split import own_database
from tests.rabbitmq import own_vhost


class Noted:
    """The platform, its notes, and the tasks that write them."""

    def __init__(self, platform: Platform, folder: Path, broker_url: str | None) -> None:
        self.platform = platform
        self.broker_url = broker_url or ""
        self._file = folder / "notes"

    @property
    def notes(self) -> list[str]:
        """What has been written, in the order of writing."""
        return self._file.read_text().split() if self._file.exists() else []

    def register(self, line: str, *, seconds: float = 0, **fields: Any) -> str:
        """Define a task that notes `line`; return its id."""
        data = {"file": str(self._file), "line": line, "seconds": seconds}
        return self._created({"name": line, "taskClass": "test.note", "taskData": data, "timeoutSeconds": 60} | fields)

    def trigger(self, task: str) -> str:
        """Run a task once; return the execution's id."""
        triggered = self.platform.call("POST", f"/api/v1/tasks/{task}/trigger")
        assert triggered.status in (200, 201, 202), triggered
        return str(triggered["id"])

    def block(self, children: int, *, name: str) -> list[str]:
        """Keep every child busy until `unblock`; return the executions that do."""
        fields = {"taskClass": "platform.sleep", "taskData": {"seconds": 600}, "timeoutSeconds": 900, "priority": 10}
        task = self._created({"name": name, **fields})
        blockers = [self.trigger(task) for _ in range(children)]
        self.platform.wait_for(lambda: self.statuses(blockers) == ["RUNNING"] * children, seconds=40)
        return blockers

    def unblock(self, blockers: list[str]) -> None:
        """Let the children go."""
        for blocker in blockers:
            assert self.platform.call("POST", f"/api/v1/executions/{blocker}/cancel").status == 202

    def statuses(self, executions: list[str]) -> list[str]:
        return [self.shown(execution)["status"] for execution in executions]

    def shown(self, execution: str) -> Answer:
        return self.platform.get(f"/api/v1/executions/{execution}")

    def _created(self, fields: dict[str, Any]) -> str:
        task = self.platform.call("POST", "/api/v1/tasks", {"overlapPolicy": "ALLOW", **fields})
        assert task.status == 201, task
        return str(task["id"])


@contextmanager
def on_redis() -> Iterator[dict[str, str]]:
    """The environment of a platform on Redis."""
    with outside_servers() as environment:
        yield environment


@contextmanager
def on_rabbitmq() -> Iterator[dict[str, str]]:
    """The environment of a platform on the tests' PostgreSQL and RabbitMQ, with nothing of its own."""
    with own_database() as database, own_vhost() as broker:
        yield {"DATABASE_URL": database, "BROKER_URL": broker}


@contextmanager
def noting(environment: dict[str, str], *, children: int) -> Iterator[Noted]:
    """Such a platform with one scheduler and one worker, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-broker-"))
    folder.chmod(0o711)  # as root, PostgreSQL's user has to pass
    settings = {**environment, "HANDLER_MODULES": "tests.acceptance.noting", "WORKERS": str(children)}
    try:
        with running(folder / "data", environment=settings) as platform:
            yield Noted(platform, folder, environment.get("BROKER_URL"))
    finally:
        shutil.rmtree(folder)
