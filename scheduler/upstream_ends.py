"""Ends of slots that other tasks wait for, written down in the transaction that makes them final."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import psycopg

from scheduler.engine.identity import id_bounds, retry_id
from scheduler.records import UpstreamEnd

DEPENDENTS_CHANNEL = "execution_dependents"


class Final(Protocol):
    """An attempt after which no other follows by itself."""

    @property
    def id(self) -> UUID: ...
    @property
    def task_id(self) -> UUID: ...
    @property
    def attempt(self) -> int: ...
    @property
    def cause(self) -> str: ...
    @property
    def scheduled_for(self) -> datetime: ...
    @property
    def run_id(self) -> UUID | None: ...


_NOTE = """
INSERT INTO scheduler_upstream_ends (task_id, run_id, scheduled_for)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])
"""

_ADOPT = """
UPDATE task_execution_history h SET run_id = u.run_id
FROM unnest(%(id)s::uuid[], %(run_id)s::uuid[]) AS u (id, run_id)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.run_id IS NULL
"""


def note(connection: psycopg.Connection, finals: Sequence[Final]) -> None:
    """Write down the ends of slots of tasks that others depend on, and have a node look once the caller commits.

    It neither looks for the dependents nor locks them, so that whoever ends something waits for nobody.
    """
    if not finals:
        return
    runs = [one.run_id or _first(one) for one in finals]
    connection.execute(_NOTE, ([one.task_id for one in finals], runs, [one.scheduled_for for one in finals]))
    # What was recorded before its task had dependents becomes the root of a run all the same.
    adopted = {one.id: run for one, run in zip(finals, runs, strict=True) if one.run_id is None}
    if adopted:
        connection.execute(_ADOPT, {"id": list(adopted), "run_id": list(adopted.values())} | id_bounds(adopted))
    connection.execute("SELECT pg_notify(%s, '')", (DEPENDENTS_CHANNEL,))


def put_back(connection: psycopg.Connection, end: UpstreamEnd) -> None:
    """Have an end that was taken, and could not be carried on, looked at again after those that wait by now."""
    connection.execute(_NOTE, ([end.task_id], [end.run_id], [end.scheduled_for]))


def _first(final: Final) -> UUID:
    return retry_id(final.id, task_id=final.task_id, cause=final.cause, attempt=1)
