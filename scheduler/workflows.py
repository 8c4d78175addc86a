"""Reads the graph of dependencies: what some tasks depend on, near and far, and who depends on them."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler.engine.states import TaskStatus
from scheduler.engine.workflows import Condition, Graph, Mode, Node, Upstream, pace
from scheduler.lookups import task_of

# Register lets no workflow grow beyond it.
MOST_TASKS = 1_000


@dataclass(frozen=True, slots=True)
class Workflow:
    """The graph above some tasks; `next_slots` are those of its tasks that the claim has yet to record."""

    graph: Graph
    next_slots: dict[UUID, datetime]


# UNION drops what was found before, so that a task with two ways to it is followed once.
_ABOVE = f"""
WITH RECURSIVE above (task_id) AS (
    SELECT unnest(%s::uuid[])
    UNION
    SELECT d.upstream_id FROM above a JOIN scheduler_dependencies d ON d.task_id = a.task_id
)
SELECT t.id, t.cron_expression, t.interval_seconds, t.run_at, t.dependency_mode, t.status, t.next_slot_for
FROM above a
{task_of("a", "id, cron_expression, interval_seconds, run_at, dependency_mode, status, next_slot_for")}
"""  # noqa: S608 - our own words

_UPSTREAMS = """
SELECT task_id, upstream_id, condition FROM scheduler_dependencies WHERE task_id = ANY(%s) ORDER BY task_id, position
"""


def above(connection: psycopg.Connection, task_ids: Collection[UUID]) -> Workflow:
    """Return the graph of these tasks and all that they depend on.

    Read before the history is: a slot that the claim records in between is then still to come, and is waited for.
    """
    tasks = connection.execute(_ABOVE, (list(task_ids),)).fetchall()
    upstreams: dict[UUID, list[Upstream]] = defaultdict(list)
    for task_id, upstream, condition in connection.execute(_UPSTREAMS, ([row[0] for row in tasks],)):
        upstreams[task_id].append(Upstream(upstream, Condition(condition)))
    nodes = {row[0]: Node(pace(*row[1:4]), tuple(upstreams[row[0]]), Mode(row[4])) for row in tasks}
    fires = (TaskStatus.ACTIVE, TaskStatus.PAUSED)
    next_slots = {row[0]: row[6] for row in tasks if row[5] in fires and row[6] is not None}
    return Workflow(Graph.of(nodes), next_slots)


# All that dependencies join with some tasks, above and below them, as far as anybody needs to know.
_AROUND = f"""
WITH RECURSIVE around (task_id) AS (
    SELECT unnest(%(ids)s::uuid[])
    UNION
    SELECT joined.task_id FROM around a CROSS JOIN LATERAL (
        SELECT d.upstream_id FROM scheduler_dependencies d WHERE d.task_id = a.task_id
        UNION ALL
        SELECT d.task_id FROM scheduler_dependencies d {task_of("d", "status")}
        WHERE d.upstream_id = a.task_id AND t.status <> 'DELETED'
    ) joined (task_id)
)
"""  # noqa: S608 - our own words

_JOINED = f"{_AROUND} SELECT task_id FROM around LIMIT %(limit)s"  # noqa: S608 - it stands above


def joined(connection: psycopg.Connection, task_id: UUID) -> list[UUID]:
    """Return the task and every other that dependencies join with it, at most as many as a workflow may have."""
    return [row[0] for row in connection.execute(_JOINED, {"ids": [task_id], "limit": MOST_TASKS})]


_EDGES = f"""
{_AROUND}
SELECT d.task_id, d.upstream_id FROM (SELECT task_id FROM around LIMIT %(limit)s) a
JOIN scheduler_dependencies d ON d.task_id = a.task_id
ORDER BY d.task_id, d.position
"""  # noqa: S608 - it stands above


def edges_around(connection: psycopg.Connection, task_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the upstreams of every task that is joined with these, of one task more than a workflow may have."""
    edges: dict[UUID, list[UUID]] = defaultdict(list)
    for task_id, upstream in connection.execute(_EDGES, {"ids": list(task_ids), "limit": MOST_TASKS + 1}):
        edges[task_id].append(upstream)
    return edges


def in_run(workflow: Workflow, root: UUID) -> list[UUID]:
    """Return the tasks that have a place in the runs of a root: itself, and those that follow its slots."""
    return [root, *(task_id for task_id in workflow.graph.nodes if root in workflow.graph.line(task_id))]


_DEPENDENTS = f"""
SELECT d.upstream_id, d.task_id FROM scheduler_dependencies d {task_of("d", "status")}
WHERE d.upstream_id = ANY(%s) AND t.status <> 'DELETED'
"""  # noqa: S608 - our own words


def dependents(connection: psycopg.Connection, task_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return who depends on each of these tasks directly and is not deleted; the others are left out."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for upstream, task_id in connection.execute(_DEPENDENTS, (list(task_ids),)):
        found[upstream].append(task_id)
    return found
