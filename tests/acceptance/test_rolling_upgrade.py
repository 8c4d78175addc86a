"""From an earlier version to this one under load, process by process, both side by side on one database."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest

from drill.checker import judge
from drill.definitions import Closed, Definition, Registered, Work
from drill.findings import Evidence
from drill.history import NOTES, read_notes, read_rows
from drill.run import count_open
from platform_scheduler.embedded import services
from platform_scheduler.embedded.waiting import wait_until
from scheduler.clock import read
from tests.acceptance.before import earlier_code
from tests.acceptance.gateway import nginx
from tests.acceptance.load import Asked, Load
from tests.acceptance.split import Split, own_database

pytestmark = pytest.mark.acceptance

LEASE_SECONDS = 7
# As docs/how-to/upgrade.md says: web processes, then schedulers, then workers, never two of a kind at once.
FIRST_HALF = ("register-1", "query-1", "console", "scheduler-1", "worker-1")
SECOND_HALF = ("register-2", "query-2", "scheduler-2", "worker-2")


class Replaced(NamedTuple):
    """A process that was ended and started anew, from when to when by the monotonic clock."""

    name: str
    began: float
    ended: float

    def meets(self, asked: Asked) -> bool:
        """Return whether it was being replaced while this was asked, and may have been the one to answer."""
        return self.name.startswith("register") and asked.began < self.ended and asked.ended > self.began


class Upgrade:
    """A platform of the earlier version that this one takes the place of, and tasks whose history is judged."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._notes = folder / "notes"
        self._database_url = database_url
        self.split = Split(
            folder,
            database_url,
            LEASE_SECONDS=str(LEASE_SECONDS),
            HANDLER_MODULES="drill.handlers",
            **{NOTES: str(self._notes)},
        )
        self.split.code = earlier_code(folder / "earlier")

    def register(self, definitions: Sequence[Definition]) -> list[Registered]:
        """Register tasks through the gateway."""
        return [self._register(definition) for definition in definitions]

    def _register(self, definition: Definition) -> Registered:
        answer = self.split.call("POST", "/api/v1/tasks", definition.body())
        assert answer.status == 201, answer
        with self.connect() as connection:
            found = connection.execute(
                "SELECT created_at FROM scheduler_tasks WHERE id = %s", [answer["id"]]
            ).fetchone()
        assert found is not None
        return Registered(definition, UUID(answer["id"]), found[0])

    def await_runs(self, tasks: Sequence[Registered], more: int) -> None:
        """Wait until so many more executions of tasks have succeeded."""
        before = self._count_runs(tasks)
        assert wait_until(lambda: self._count_runs(tasks) >= before + more, seconds=60, every=0.2)

    def _count_runs(self, tasks: Sequence[Registered]) -> int:
        with self.connect() as connection:
            ids = {task.task_id for task in tasks}
            return sum(row.status == "SUCCESS" and row.task_id in ids for row in read_rows(connection))

    def replace(self, name: str) -> Replaced:
        """Have a process of this version take the place of an earlier one."""
        began = time.monotonic()
        self.split.replace(name)
        return Replaced(name, began, time.monotonic())

    def end(self, tasks: Sequence[Registered]) -> list[Registered]:
        """Have tasks end in a moment."""
        with self.connect() as connection:
            end = read(connection) + timedelta(seconds=3)
        return [self._end(task, end.replace(microsecond=0)) for task in tasks]

    def _end(self, task: Registered, end: datetime) -> Registered:
        ended = replace(task.definition, end_at=end)
        answer = self.split.call("PATCH", f"/api/v1/tasks/{task.task_id}", {"endAt": ended.body()["endAt"]})
        assert answer.status == 200, answer
        return replace(task, definition=ended)

    def evidence(self, tasks: Sequence[Registered]) -> Evidence:
        """Gather what the checker goes by, once all of these tasks have ended."""
        with self.connect() as connection:
            assert wait_until(lambda: count_open(connection, tasks) == 0, seconds=90, every=0.5)
            rows = read_rows(connection)
        return Evidence(tasks, rows, read_notes(self._notes), (), Closed(), timedelta(seconds=LEASE_SECONDS))

    def connect(self) -> psycopg.Connection:
        """Open a connection of the test's own."""
        return psycopg.connect(self._database_url, autocommit=True)


@pytest.fixture
def upgrade() -> Iterator[Upgrade]:
    """The earlier version, two of each, ready."""
    nginx()
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-upgrade-"))
    folder.chmod(0o711)  # as root nginx works as another user, who must be able to pass through
    try:
        with own_database() as url:
            upgrade = Upgrade(folder, url)
            try:
                upgrade.split.start()
                yield upgrade
            finally:
                upgrade.split.stop()
    finally:
        shutil.rmtree(folder)


def kinds(now: datetime) -> list[Definition]:
    """Return tasks that go on until the upgrade is over.

    None of FIXED_DELAY: the change that ends one places its next slot anew, which the checker does not know of.
    """
    end = now + timedelta(days=1)
    return [
        Definition(name="each second", cron="* * * * * ?", end_at=end),
        Definition(name="takes a while", interval_seconds=2, end_at=end, work=Work(seconds=1.5)),
        Definition(
            name="never beside itself", interval_seconds=1, end_at=end, work=Work(seconds=0.8), overlap_policy="QUEUE"
        ),
        Definition(name="fails once", interval_seconds=3, end_at=end, work=Work(fails_until=1)),
    ]


def test_it_loses_and_doubles_nothing_while_one_version_follows_the_other(upgrade: Upgrade):
    split = upgrade.split
    with upgrade.connect() as connection:
        tasks = upgrade.register(kinds(read(connection)))
    upgrade.await_runs(tasks, 10)

    with Load(split) as load:
        split.code = services.PROJECT
        split.run(services.bootstrap())
        upgrade.await_runs(tasks, 10)  # the earlier version alone, on the new tables
        replaced = [upgrade.replace(name) for name in FIRST_HALF]
        upgrade.await_runs(tasks, 20)  # both versions
        replaced += [upgrade.replace(name) for name in SECOND_HALF]
        upgrade.await_runs(tasks, 10)
        assert load.count("POST") > 100 < load.count("GET")

    assert set(load.statuses("GET")) == {200}
    assert set(load.statuses("POST")) == {201}
    # At worst, as docs/how-to/upgrade.md says: once, while the process that it met was replaced.
    unsure = [asked for asked in load.asked if asked.before]
    assert [asked for asked in unsure if asked.before != (502,) or not any(one.meets(asked) for one in replaced)] == []
    with upgrade.connect() as connection:
        query = "SELECT name FROM scheduler_tasks WHERE name LIKE 'load %'"
        assert Counter(name for (name,) in connection.execute(query)) == Counter(load.names(201))

    verdict = judge(upgrade.evidence(upgrade.end(tasks)))
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.recorded == verdict.expected > 150
    assert verdict.statuses["LOST"] == 0
