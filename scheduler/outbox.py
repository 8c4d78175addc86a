"""The outbox: what somebody is to be told of, written in the transaction in which it happens or is first counted.

Nothing is written where nobody wants to be told of anything.
"""

from collections.abc import Sequence
from uuid import UUID

import psycopg

from scheduler.claims import Untold

EXECUTIONS_AT_ONCE = 500

HAS_CHANNELS = """(
    EXISTS (SELECT FROM scheduler_namespaces WHERE notify_channel IS NOT NULL)
    OR EXISTS (SELECT FROM scheduler_tasks WHERE notify_on IS NOT NULL)
)"""
IS_HEARD = f"(EXISTS (SELECT FROM scheduler_webhooks WHERE is_active) OR {HAS_CHANNELS})"

# Of a statement that writes audit records and returns their id, kind and verb as `recorded`.
NOTE_RECORDS = f"""
INSERT INTO scheduler_outbox (records)
SELECT array_agg(id ORDER BY id) FROM recorded
WHERE (kind = 'task' OR verb = 'switch_off') AND {IS_HEARD} HAVING count(*) > 0
"""  # noqa: S608 - the condition stands above


def note_ended(connection: psycopg.Connection, executions: Sequence[UUID]) -> None:
    """Write down executions that have ended, in the transaction that takes the note of their ends (`endings`).

    That note was written by the transaction that ended them, so the hot path pays nothing for this, and neither note is
    there without the end.
    """
    if not executions or connection.execute(f"SELECT {IS_HEARD}").fetchone() != (True,):
        return
    for start in range(0, len(executions), EXECUTIONS_AT_ONCE):
        ids = f"{{{','.join(map(str, executions[start : start + EXECUTIONS_AT_ONCE]))}}}"
        connection.execute("INSERT INTO scheduler_outbox (executions) VALUES (%s::text::uuid[])", (ids,))


def note_breaches(connection: psycopg.Connection, breaches: Sequence[int]) -> None:
    """Write down breaches, in the transaction in which they are found."""
    if breaches:
        connection.execute(_NOTE_BREACHES, (list(breaches),))


_NOTE_BREACHES = f"INSERT INTO scheduler_outbox (breaches) SELECT %s::bigint[] WHERE {IS_HEARD}"


def put_back(connection: psycopg.Connection, untold: Untold) -> None:
    """Have what was taken, and could not be told, looked at again after what waits by now."""
    connection.execute("INSERT INTO scheduler_outbox (executions, records, breaches) VALUES (%s, %s, %s)", untold)
