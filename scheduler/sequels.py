"""Which attempts have been tried again by now, hence are not their slot's last; by ids, which can be worked out."""

from collections.abc import Collection
from uuid import UUID

import psycopg

from scheduler.engine.identity import retry_id

_RECORDED = """
SELECT h.id FROM task_execution_history h WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
"""


def sequel_of(execution: UUID, *, task_id: UUID, cause: str, attempt: int) -> UUID:
    """Return the id that the next attempt has, if there is one."""
    return retry_id(execution, task_id=task_id, cause=cause, attempt=attempt + 1)


def recorded(connection: psycopg.Connection, sequels: Collection[UUID]) -> set[UUID]:
    """Return which of these there are."""
    if not sequels:
        return set()
    bounds = {"ids": list(sequels), "low": min(sequels), "high": max(sequels)}
    return {row[0] for row in connection.execute(_RECORDED, bounds)}
