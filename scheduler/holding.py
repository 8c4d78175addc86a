"""What is held at present, and why: executions by reason, deliveries by host, slots that load leaves out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from scheduler import circuits, hosts, protection
from scheduler.engine.circuits import is_host


@dataclass(frozen=True, slots=True)
class Holding:
    """Executions that wait, by reason; deliveries whose host is not called; up to where load leaves slots out."""

    executions: Mapping[str, int] = field(default_factory=dict)
    deliveries: int = 0
    shed_priority: int | None = None


def find(connection: psycopg.Connection, *, limit: int, namespace: str | None = None) -> Holding:
    """Return what is held, of a namespace or of all; executions, and deliveries to each host, counted up to `limit`."""
    shut = [name for name in circuits.not_closed(connection) if is_host(name)]
    deliveries = sum(hosts.held(connection, shut, namespace=namespace, limit=limit).values())
    shed_priority = max(protection.shedding(connection), default=None)
    return Holding(by_reason(connection, limit=limit, namespace=namespace), deliveries, shed_priority)


_BY_REASON = """
SELECT reason, count(*) FROM (
    SELECT reason FROM task_execution_history
    WHERE status = 'SCHEDULED' AND (%(namespace)s::text IS NULL OR namespace = %(namespace)s) LIMIT %(limit)s
) bounded WHERE reason IS NOT NULL GROUP BY reason ORDER BY count(*) DESC, reason
"""


def by_reason(connection: psycopg.Connection, *, limit: int, namespace: str | None = None) -> dict[str, int]:
    """Return how many executions wait for each reason, most first; at most `limit` in all."""
    return dict(connection.execute(_BY_REASON, {"limit": limit, "namespace": namespace}).fetchall())
