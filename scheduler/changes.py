"""Changes of executions' statuses, written down while somebody listens; kept for a minute, best effort.

Those that write statuses add `of(…)` to their statements, which costs one row a statement, and one look into a table of
one row while nobody listens.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg

KEPT = timedelta(minutes=1)
LISTENED_FOR = timedelta(seconds=15)
FORGET_BATCH = 10_000


def of(changed: str) -> str:
    """Return the part of a statement that writes down which rows it has changed, whose ids it returns as `changed`."""
    return f"""
    INSERT INTO scheduler_changes (executions, changed_at) SELECT array_agg(id), %(now)s FROM {changed}
    HAVING count(*) > 0 AND EXISTS (SELECT FROM scheduler_listeners WHERE until > %(now)s)
    """  # noqa: S608 - our own names


def told(statement: str) -> str:
    """Return a statement that returns ids of executions, and besides writes down that they have changed."""
    return f"WITH changed AS ({statement}), told AS ({of('changed')}) SELECT * FROM changed"  # noqa: S608 - our own


class Change(NamedTuple):
    """Executions whose statuses one statement has changed; ids grow, though not quite in the order of commits."""

    id: int
    executions: Collection[UUID]


_LISTEN = """
INSERT INTO scheduler_listeners AS l (id, until) VALUES (1, %(until)s)
ON CONFLICT (id) DO UPDATE SET until = greatest(l.until, excluded.until)
"""


def listen(connection: psycopg.Connection, *, now: datetime) -> None:
    """Have changes written down for a quarter of a minute more."""
    connection.execute(_LISTEN, {"until": now + LISTENED_FOR})


_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM scheduler_changes_id_seq"


def last(connection: psycopg.Connection) -> int:
    """Return the number of the last change, 0 where there was none yet."""
    row = connection.execute(_LAST).fetchone()
    return int(row[0]) if row else 0


_READ = """
SELECT id, executions FROM scheduler_changes WHERE id > %(after)s AND id <> ALL(%(known)s::bigint[])
ORDER BY id LIMIT %(limit)s
"""


def read(connection: psycopg.Connection, *, after: int, known: Collection[int], limit: int) -> list[Change]:
    """Return changes whose numbers are above `after` and not among `known`, oldest first."""
    parameters = {"after": after, "known": list(known), "limit": limit}
    return [Change(*row) for row in connection.execute(_READ, parameters)]


_FORGET = """
DELETE FROM scheduler_changes WHERE id = ANY (ARRAY(
    SELECT id FROM (SELECT id, changed_at FROM scheduler_changes ORDER BY id LIMIT %(limit)s) oldest
    WHERE changed_at < %(before)s
))
"""


def forget(connection: psycopg.Connection, *, now: datetime) -> None:
    """Delete some of the changes that are older than a minute."""
    connection.execute(_FORGET, {"before": now - KEPT, "limit": FORGET_BATCH})
