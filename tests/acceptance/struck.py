"""The platform that faults are struck on: real processes for all these tests, and tasks of a test's own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from drill.checker import judge
from drill.definitions import Closed, Definition
from drill.findings import Struck, Verdict
from drill.history import Row
from drill.platform import Platform
from drill.run import await_calm, evidence

DISK_MEGABYTES = 512

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)

_numbers = count(1)


class Watched:
    """Tasks of one test on the shared platform, and what their history says."""

    def __init__(self, platform: Platform, definitions: Sequence[Definition]) -> None:
        self._platform = platform
        self.tasks = platform.register(definitions)
        self._began = platform.now()

    @property
    def ids(self) -> list[UUID]:
        """The ids of the tasks."""
        return [task.task_id for task in self.tasks]

    def rows(self) -> list[Row]:
        """Return the history of these tasks, oldest slot first."""
        return [row for row in self._platform.rows() if row.task_id in self.ids]

    def count(self, *statuses: str) -> int:
        """Return how many rows there are, of these statuses where some are named."""
        return sum(not statuses or row.status in statuses for row in self.rows())

    def wait_for(self, condition: Callable[[], object], what: str, *, seconds: float = 60) -> None:
        """Wait for a condition; fail with the logs where it does not come to pass."""
        self._platform.wait_for(condition, what, seconds=seconds)

    def wait_for_rows(self, more: int, *statuses: str) -> None:
        """Wait until there are so many more rows, of these statuses where some are named."""
        before = self.count(*statuses)
        self.wait_for(lambda: self.count(*statuses) >= before + more, f"{more} more rows are {statuses or 'recorded'}")

    def judged(self, *, may_lose: bool = False) -> Verdict:
        """Wait until all has ended, and judge; a loss is explained by the whole of the test, or by nothing."""
        faults = [Struck("the test's", self._began, self._platform.now(), may_lose=True)] if may_lose else []
        await_calm(self._platform, self.tasks)
        return judge(evidence(self._platform, self.tasks, Closed(), faults))


def every(seconds: int, *, lasts: float, now: datetime, **fields: Any) -> Definition:
    """Return a task with a slot every so many seconds, for a while."""
    end = now + timedelta(seconds=lasts)
    return Definition(name=f"struck {next(_numbers)}", interval_seconds=seconds, end_at=end, **fields)


def once(*, now: datetime, after: float = 1.0, **fields: Any) -> Definition:
    """Return a task with one slot, soon."""
    at = now + timedelta(seconds=after)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    return Definition(name=f"struck {next(_numbers)}", run_at=at, **fields)


def shown(platform: Platform, execution: UUID) -> dict[str, Any]:
    """Return a row of history with all its columns."""
    with platform.engines.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT * FROM task_execution_history WHERE id = %s", (execution,))
        found = cursor.fetchone()
    assert found is not None
    return found


def run_sql(platform: Platform, *statements: str) -> None:
    """Run statements in the platform's database."""
    with platform.engines.connect() as connection:
        for statement in statements:
            connection.execute(statement)


def is_running(platform: Platform, pattern: str) -> bool:
    """Tell whether a statement like this is being worked on now."""
    question = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ~ %s AND pid <> pg_backend_pid()"
    with platform.engines.connect() as connection:
        found = connection.execute(question, (pattern,)).fetchone()
    return bool(found and found[0])


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A folder on a disk of its own, for the database; None where this user may not mount one."""
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=0711", "tmpfs", str(folder)]
    is_mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
