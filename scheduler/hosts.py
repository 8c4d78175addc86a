"""Hosts of webhooks: which of them may be sent to, by circuits that all workers share (`scheduler.circuits`).

A host is that of a URL, with the port where it is not the scheme's own. What is due to one whose circuit is open stays
due: no try of it is used up, and others' places in a pass are not taken.
"""

from collections.abc import Collection
from datetime import datetime

import psycopg

from scheduler import circuits, claims
from scheduler.engine.circuits import State
from scheduler.outgoing import DueDelivery


def due_deliveries(
    connection: psycopg.Connection, *, now: datetime, until: datetime, of_each: int, limit: int
) -> list[DueDelivery]:
    """Take deliveries that are due and whose hosts may be called, as one more try each (`claims.due_deliveries`).

    To a host whose circuit is half-open one delivery goes, its probe; two who send agree by the circuits' locks.
    """
    with connection.transaction():
        known = claims.host_circuits(connection)
        probed = {name for name, one in known.items() if one.state is State.HALF_OPEN and one.probe is None}
        due = claims.due_deliveries(
            connection, now=now, until=until, of_each=of_each, limit=limit, shut=known.keys() - probed, probed=probed
        )
        circuits.elect(connection, {one.host: one.id for one in due if one.host in probed})
    return due


_HELD = f"""
SELECT u.name, count(held.id) FROM unnest(%(names)s::text[]) AS u (name) CROSS JOIN LATERAL (
    SELECT d.id FROM scheduler_webhooks w JOIN scheduler_deliveries d ON d.webhook_id = w.id
    WHERE w.is_active AND d.status = 'PENDING' AND {claims.HOST_OF_WEBHOOK} = u.name
        AND (%(namespace)s::text IS NULL OR w.namespace = %(namespace)s)
    LIMIT %(limit)s
) held GROUP BY u.name
"""  # noqa: S608 - the expression is that of the claims


def held(
    connection: psycopg.Connection, names: Collection[str], *, namespace: str | None, limit: int
) -> dict[str, int]:
    """Return how many deliveries to each of these hosts are still to be sent, at most `limit` of each."""
    parameters = {"names": list(names), "namespace": namespace, "limit": limit}
    return dict(connection.execute(_HELD, parameters).fetchall()) if names else {}


_OF_NAMESPACE = f"""
SELECT DISTINCT {claims.HOST_OF_WEBHOOK} FROM scheduler_webhooks w WHERE w.namespace = %s AND w.deleted_at IS NULL
"""  # noqa: S608 - the expression is that of the claims


def of_namespace(connection: psycopg.Connection, namespace: str) -> set[str]:
    """Return the circuits' names of the hosts to which a namespace's webhooks lead."""
    return {name for (name,) in connection.execute(_OF_NAMESPACE, (namespace,))}
