"""Signs that a part of the sweep, or a chore, may have something to do: conditions that are read before it is called.

A platform that waits has none of it, and pays one statement for all instead of some for each. Written so that each is a
probe of the index by which that part looks: whatever the statistics say, an EXISTS may read a whole partition for it.
There is none of what runs: under load that index begins with thousands of entries of what has just run.
"""

from typing import Final, LiteralString

ARE_PUBLISHED: Final = "EXISTS (SELECT FROM scheduler_batches)"
ARE_PAUSED: Final = """(
    SELECT paused_until FROM scheduler_tasks WHERE status = 'PAUSED' AND paused_until IS NOT NULL
    ORDER BY paused_until LIMIT 1
) IS NOT NULL"""
ARE_HELD: Final = "(SELECT held_by FROM scheduler_tasks WHERE held_by IS NOT NULL ORDER BY held_by LIMIT 1) IS NOT NULL"
ARE_CALENDARS: Final = "EXISTS (SELECT FROM scheduler_calendars)"
HAVE_ENDED: Final = "(SELECT id FROM scheduler_endings ORDER BY id LIMIT 1) IS NOT NULL"
ARE_UPSTREAM_ENDS: Final = "(SELECT id FROM scheduler_upstream_ends ORDER BY id LIMIT 1) IS NOT NULL"
ARE_EVENTS: Final = """(
    SELECT id FROM scheduler_events WHERE completed_at IS NULL ORDER BY id LIMIT 1
) IS NOT NULL"""
ARE_OPERATIONS: Final = """(
    SELECT created_at FROM scheduler_operations WHERE status IN ('PENDING', 'RUNNING') ORDER BY created_at LIMIT 1
) IS NOT NULL"""
ARE_CATCHUPS: Final = """(
    SELECT arguments ->> 'group' FROM scheduler_operations
    WHERE kind = 'CATCH_UP' AND status IN ('PENDING', 'RUNNING', 'HELD') ORDER BY arguments ->> 'group' LIMIT 1
) IS NOT NULL"""

# Circuits that are on the move, calls that were noted for them, and those that stand open.
ARE_CIRCUITS: Final = """(
    (SELECT id FROM scheduler_circuit_calls ORDER BY id LIMIT 1) IS NOT NULL
    OR (SELECT look_at FROM scheduler_circuits WHERE look_at IS NOT NULL ORDER BY look_at LIMIT 1) IS NOT NULL
    OR EXISTS (SELECT FROM scheduler_circuits WHERE state <> 'CLOSED')
)"""


def _of_history(column: LiteralString, condition: LiteralString) -> LiteralString:
    rows = f"SELECT {column} FROM task_execution_history WHERE {condition}"  # noqa: S608 - our own columns
    return f"({rows} ORDER BY {column} LIMIT 1) IS NOT NULL"


# What webhooks and people are to be told: not yet worked out, gathered for a channel, on its way to a webhook.
ARE_MESSAGES: Final = """(
    (SELECT id FROM scheduler_outbox ORDER BY id LIMIT 1) IS NOT NULL
    OR (SELECT next_at FROM scheduler_channels WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1) IS NOT NULL
    OR (SELECT webhook_id FROM scheduler_deliveries WHERE status = 'PENDING' ORDER BY webhook_id LIMIT 1) IS NOT NULL
)"""

ARE_UNCOUNTED: Final = _of_history("id", "scheduled_until IS NOT NULL AND slot_count IS NULL")
ARE_PROMISED: Final = _of_history("sla_look_at", "sla_look_at IS NOT NULL")
