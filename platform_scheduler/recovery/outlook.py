"""What a restored platform will do with the slots between its backup and now, told before anything is done."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from platform_scheduler.recovery import archive, tables
from platform_scheduler.recovery.archive import Manifest
from scheduler import claims, moves
from scheduler.engine.firing import Fire

PAGE: Final = 1_000
TASKS_SHOWN: Final = 20
_NEEDED: Final = ("scheduler_tasks", "scheduler_calendars")
_NOBODY: Final = UUID(int=0)

# A temporary table stands before one of the same name, so that what reads tasks reads those of the backup.
_ASIDE = "CREATE TEMPORARY TABLE {} (LIKE {}.{} INCLUDING DEFAULTS) ON COMMIT DROP"
_DUE = """
SELECT id FROM scheduler_tasks WHERE status = 'ACTIVE' AND next_slot_for <= %(now)s AND id > %(after)s
ORDER BY id LIMIT %(limit)s
"""
_NAMES = "SELECT id, namespace, name FROM scheduler_tasks WHERE id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Due:
    """A task that was due since the backup: how many executions start at once, and up to when slots do not run."""

    id: UUID
    policy: str
    since: datetime
    fires: int
    leaves_out: bool
    goes_on: bool


@dataclass(slots=True)
class Outlook:
    """What is due at once, by misfire policy, and the first tasks by name."""

    tasks: Counter[str] = field(default_factory=Counter)
    fires: Counter[str] = field(default_factory=Counter)
    shown: list[tuple[str, Due]] = field(default_factory=list)

    @property
    def task_count(self) -> int:
        """How many tasks were due since the backup."""
        return self.tasks.total()


def outlook(connection: psycopg.Connection, folder: Path, manifest: Manifest, *, now: datetime) -> Outlook:
    """Work out what the claim would do first with the tasks of a backup; changes nothing.

    The policies decide in rounds of 100 executions a task; `goes_on` tells of those that more rounds follow.
    """
    found = Outlook()
    with connection.transaction(force_rollback=True):
        for table in manifest.tables:
            if table.table in _NEEDED:
                name = sql.Identifier(table.table)
                schema = sql.Identifier(_schema(connection))
                connection.execute(sql.SQL(_ASIDE).format(name, schema, name))
                copy = tables.copied(table.table, table.columns, "FROM STDIN")
                with connection.cursor() as cursor, cursor.copy(copy) as rows:
                    for block in archive.blocks(folder, table):
                        rows.write(block)
        for one in _due(connection, now=now):
            found.tasks[one.policy] += 1
            found.fires[one.policy] += one.fires
            if len(found.shown) < TASKS_SHOWN:
                found.shown.append(("", one))
        names = {
            task_id: f"{namespace}/{name}"
            for task_id, namespace, name in connection.execute(_NAMES, ([one.id for _, one in found.shown],))
        }
        found.shown = [(names[one.id], one) for _, one in found.shown]
    return found


def _due(connection: psycopg.Connection, *, now: datetime) -> Iterator[Due]:
    after = _NOBODY
    while page := connection.execute(_DUE, {"now": now, "after": after, "limit": PAGE}).fetchall():
        ids = [row[0] for row in page]
        after = ids[-1]
        for task in claims.tasks(connection, ids):
            plan = moves.plan_due(task, now).plan
            fires = sum(isinstance(record, Fire) for record in plan.records)
            if task.next_slot_for is not None and plan.records:
                goes_on = plan.next_slot is not None and plan.next_slot <= now
                left_out = fires < len(plan.records)
                yield Due(task.id, task.misfire_policy, task.next_slot_for, fires, left_out, goes_on)


def _schema(connection: psycopg.Connection) -> str:
    row = connection.execute("SELECT current_schema()").fetchone()
    return str(row[0]) if row else "public"
