"""What the minutes of a day bring to the queues, as the last forecast that was finished has it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

import psycopg

from scheduler.engine.flex import DayLoad

_SHOWN = "SELECT id FROM scheduler_forecast_runs WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1"

_QUEUES = f"SELECT queue FROM scheduler_forecast_days WHERE run_id = ({_SHOWN})"  # noqa: S608 - our own

_DAYS = "SELECT queue, level, moving FROM scheduler_forecast_days WHERE run_id = %s AND queue = ANY(%s)"

# By run and queue: what a run has found never changes once it is finished. Of queues without any it holds None.
_Days = dict[tuple[int, str], DayLoad | None]
_known: _Days = {}
MOST_KNOWN: Final = 512


class Flexible(Protocol):
    """What is asked of a task here."""

    @property
    def queue(self) -> str: ...
    @property
    def flex_seconds(self) -> int: ...


def of(connection: psycopg.Connection, tasks: Iterable[Flexible]) -> Mapping[str, DayLoad]:
    """Return what is forecast of the queues of those tasks that have a window; no statement where none has."""
    queues = {task.queue for task in tasks if task.flex_seconds}
    return of_queues(connection, queues) if queues else {}


def all_queues(connection: psycopg.Connection) -> Mapping[str, DayLoad]:
    """Return what is forecast of all queues of which something is."""
    return of_queues(connection, [row[0] for row in connection.execute(_QUEUES)])


def of_queues(connection: psycopg.Connection, queues: Collection[str]) -> Mapping[str, DayLoad]:
    """Return what is forecast of these queues, without those of which nothing is."""
    row = connection.execute(_SHOWN).fetchone()
    if row is None:
        return {}
    run_id: int = row[0]
    known = _known
    if missing := [queue for queue in queues if (run_id, queue) not in known]:
        known = _with(known if len(known) < MOST_KNOWN else {}, _read(connection, run_id, missing))
    days = {queue: known.get((run_id, queue)) for queue in queues}
    return {queue: day for queue, day in days.items() if day is not None}


def _with(known: _Days, read: _Days) -> _Days:
    """Know more from now on; threads that read meanwhile have what was known before."""
    global _known
    _known = known | read
    return _known


def _read(connection: psycopg.Connection, run_id: int, queues: Collection[str]) -> _Days:
    rows = connection.execute(_DAYS, (run_id, list(queues)))
    found: _Days = {(run_id, queue): DayLoad(tuple(level), tuple(moving)) for queue, level, moving in rows}
    return {(run_id, queue): None for queue in queues} | found
