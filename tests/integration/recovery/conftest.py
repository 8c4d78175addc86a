"""A platform that has worked for a while, a backup of it, and a way to make its database empty."""

from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from platform_scheduler.recovery import tables
from register import operating, services
from register.access import create_token
from register.api.calendar_input import read_new_calendar
from register.api.reading import read_changes, read_new_task, read_pause
from register.calendars import services as calendars
from scheduler import clock, firing, transitions
from scheduler.connections import current
from scheduler.engine.states import Status
from scheduler.models import Handler, Task
from scheduler.records import Outcome
from tests.hot_paths import MINUTE

Row = tuple[Any, ...]


@pytest.fixture
def now(transactional_db: None) -> datetime:
    """The clock, once; whatever is written is committed."""
    return clock.now()


@pytest.fixture
def worked(now: datetime) -> dict[str, Task]:
    """Tasks of each misfire policy, a calendar, a pause, an edit, ended and open executions, a login, a token."""
    Handler.objects.create(task_class="platform.noop", node_id="worker-1", seen_at=now)
    begin = now - 55 * MINUTE
    calendar = read_new_calendar({"name": "hours", "rules": {"weekdays": ["SUN"]}})
    calendars.create_calendar(calendar, actor="edda", namespace=None, now=begin)
    definitions: dict[str, dict[str, Any]] = {
        "once": {"intervalSeconds": 600, "misfirePolicy": "FIRE_ONCE", "taskData": {"text": "tab\t line\n \\N é"}},
        "all": {"intervalSeconds": 600, "misfirePolicy": "FIRE_ALL", "labels": {"team": "a"}},
        "skip": {"intervalSeconds": 600, "misfirePolicy": "SKIP"},
        "paused": {"intervalSeconds": 600},
        # Not within this hour, whichever it is.
        "closed": {"cronExpression": f"0 0 {(now.hour + 12) % 24} * * ?", "calendar": "hours"},
    }
    tasks = {name: _create(name, at=begin, **fields) for name, fields in definitions.items()}
    operating.pause_task(tasks["paused"].id, read_pause({}), actor="olaf", namespace=None, now=begin)
    firing.claim(current(), now=begin + 10 * MINUTE)
    services.change_task(tasks["all"].id, read_changes({"priority": 9}), namespace=None, now=begin + 11 * MINUTE)
    _run_one(tasks["once"], now=begin + 10 * MINUTE, ends=True)
    _run_one(tasks["all"], now=begin + 10 * MINUTE, ends=False)
    User.objects.create_superuser("ada", password="correct horse battery")
    create_token("vera", role="viewer", namespace=None, now=begin)
    return tasks


def _create(name: str, *, at: datetime, **fields: Any) -> Task:
    given = read_new_task({"name": name, "taskClass": "platform.noop"} | fields)
    return services.create_task(given, actor="edda", namespace=None, now=at)


def _run_one(task: Task, *, now: datetime, ends: bool) -> None:
    row = task.executions.get()
    started = transitions.start(current(), row.id, node_id="node-1", lease_expires_at=now + MINUTE, now=now)
    assert started is not None
    if ends:
        transitions.finish(current(), [Outcome(started.id, started.fence, Status.SUCCESS)], now=now)


@pytest.fixture
def run(transactional_db: None) -> Callable[..., str]:
    """Runs a command and returns what it says."""

    def run_command(name: str, *arguments: str) -> str:
        said = StringIO()
        call_command(name, *arguments, stdout=said)
        return said.getvalue()

    return run_command


@pytest.fixture
def made(worked: dict[str, Task], run: Callable[..., str], tmp_path: Path) -> Path:
    """The backup of that platform."""
    run("backup", "--to", str(tmp_path))
    [folder] = tmp_path.glob("scheduler-*")
    return folder


def contents() -> dict[str, list[Row]]:
    """Return all rows of all tables that are backed up, as text."""
    with connection.cursor() as cursor:
        found: dict[str, list[Row]] = {}
        for table in tables.kept(current()):
            cursor.execute(sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(table)))
            found[table] = cursor.fetchall()
        return found


def wipe() -> None:
    """Make the database as empty as one that has only been migrated, and emptier."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables.all_tables())}")
