"""The catalogue: what this worker announces that it can run, for register and the admin to validate against."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler.nodes import SILENT_AFTER
from workers.registry import Handler

# So often an execution goes back for the sake of a worker that may be busy for long, about once a second.
MOST_RETURNS = 30

_ANNOUNCE = """
INSERT INTO scheduler_handlers (task_class, description, schema, defaults, schedules, version, queues, node_id, seen_at)
SELECT u.task_class, u.description, u.schema::jsonb, u.defaults::jsonb, u.schedules::jsonb, u.version,
    %(queues)s::jsonb, %(node_id)s, %(now)s
FROM unnest(%(task_class)s::text[], %(description)s::text[], %(schema)s::text[], %(defaults)s::text[],
    %(schedules)s::text[], %(version)s::text[]) AS u (task_class, description, schema, defaults, schedules, version)
ORDER BY u.task_class
ON CONFLICT (task_class) DO UPDATE
SET description = excluded.description, schema = excluded.schema, defaults = excluded.defaults,
    schedules = excluded.schedules, version = excluded.version, queues = excluded.queues,
    node_id = excluded.node_id, seen_at = excluded.seen_at
"""


def announce(
    connection: psycopg.Connection, handlers: Iterable[Handler], *, node: UUID, queues: Sequence[str], now: datetime
) -> None:
    """Write the handlers; the last worker that announced a class is the one whose schema counts."""
    known = list(handlers)
    connection.execute(
        _ANNOUNCE,
        {
            "task_class": [handler.task_class for handler in known],
            "description": [handler.description for handler in known],
            "schema": [json.dumps(handler.schema) for handler in known],
            "defaults": [json.dumps(handler.defaults) for handler in known],
            "schedules": [json.dumps(handler.schedules) for handler in known],
            "version": [handler.version for handler in known],
            "queues": json.dumps(list(queues)),
            "node_id": str(node),
            "now": now,
        },
    )


_RUNS_ELSEWHERE = """
SELECT EXISTS (
    SELECT FROM scheduler_handlers c JOIN scheduler_nodes n ON n.id::text = c.node_id
    JOIN task_execution_history h ON c.queues ? h.queue
    WHERE c.task_class = %(task_class)s AND h.id = %(execution)s AND h.handed_back_count < %(most)s
        AND n.id <> %(node)s AND n.ended_at IS NULL AND n.heartbeat_at > %(now)s - %(silence)s
)
"""


def runs_elsewhere(
    connection: psycopg.Connection, execution: UUID, task_class: str, *, node: UUID, now: datetime
) -> bool:
    """Tell whether another worker that lives has announced the class and takes from the execution's queue.

    False for one that has been handed back MOST_RETURNS times.
    """
    parameters = {"task_class": task_class, "execution": execution, "node": node}
    bounds = {"most": MOST_RETURNS, "now": now, "silence": SILENT_AFTER}
    row = connection.execute(_RUNS_ELSEWHERE, parameters | bounds).fetchone()
    return row == (True,)
