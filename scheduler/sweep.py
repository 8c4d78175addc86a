"""The sweep: repairs what a dead process or a broker left behind. Every node runs it; each part is idempotent."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import claims, pauses, publications, transitions
from scheduler.engine.schedules.instants import told
from scheduler.engine.states import Reason, Status
from scheduler.lookups import task_of
from scheduler.records import Outcome

logger = logging.getLogger(__name__)

BATCH = 500
FORGET_BATCH = 10_000
RESUME_BATCH = 100
# Above it claiming more would only make the flood longer.
MOST_UNPUBLISHED = 200_000
REPUBLISH_FIRST = timedelta(seconds=settings.REPUBLISH_AFTER_SECONDS)
REPUBLISH_MAX = timedelta(hours=1)


def lose(connection: psycopg.Connection, *, now: datetime, low: UUID) -> int:
    """End as LOST what no worker has renewed in time; its retry follows the task's policy. Return how many."""
    with connection.transaction():
        expired = claims.expired_executions(connection, now=now, low=low, limit=BATCH)
        lost = transitions.finish(
            connection,
            [
                Outcome(
                    execution,
                    fence,
                    Status.LOST,
                    error_message=f"Node {node_id} last renewed its lease until {told(expires_at)}.",
                )
                for execution, fence, node_id, expires_at in expired
            ],
            now=now,
        )
    if lost:
        logger.warning("%d executions are LOST: their workers no longer renew.", len(lost))
    return len(lost)


def republish_all(connection: psycopg.Connection, *, before: datetime) -> int:
    """Make every QUEUED row unpublished that was published before `before`: the broker lost its data since.

    Batch by batch, for a million rows take longer than any statement may. Return how many.
    """
    forgotten = 0
    while True:
        with connection.transaction():
            published = claims.published_executions(connection, before=before, limit=FORGET_BATCH)
            publications.forget(connection, published)
        if not published:
            return forgotten
        forgotten += len(published)


def republish_stale(
    connection: psycopg.Connection, queue: str, *, left: datetime | None, is_short: bool, now: datetime
) -> int:
    """Make QUEUED rows of `queue` unpublished whose message seems gone: after 5 min, doubling to 1 h.

    At once where they were published before `left`, when a worker of the queue ended, which may have had the message.
    `is_short` says that the broker's queue is too short for its QUEUED rows, were all its messages full bundles: a
    long one is no loss, and there only what others have overtaken goes again. Return how many, at most a batch.
    """
    with connection.transaction():
        stale = claims.stale_executions(
            connection, queue, now=now, first=REPUBLISH_FIRST, longest=REPUBLISH_MAX, left=left, is_short=is_short,
            limit=FORGET_BATCH,
        )  # fmt: skip
        publications.forget(connection, stale)
    return len(stale)


def resume(connection: psycopg.Connection, *, now: datetime) -> int:
    """End the pauses whose `until` has come; return how many. What another node holds, it ends."""
    with connection.transaction():
        ended = claims.ended_pauses(connection, now=now, limit=RESUME_BATCH)
        pauses.end(connection, ended, now=now)
    return len(ended)


_UNPUBLISHED_COUNT = """
SELECT count(*) FROM (
    SELECT FROM task_execution_history WHERE status = 'QUEUED' AND published_at IS NULL LIMIT %s
) bounded
"""


def unpublished_count(connection: psycopg.Connection) -> int:
    """Return how many rows wait for a broker, at most MOST_UNPUBLISHED + 1: no more need be known of a flood."""
    row = connection.execute(_UNPUBLISHED_COUNT, (MOST_UNPUBLISHED + 1,)).fetchone()
    return row[0] if row else 0


_QUEUED_DEPTHS = """
SELECT h.queue, count(*), min(h.published_at) FROM task_execution_history h
WHERE h.status = 'QUEUED' AND h.published_at IS NOT NULL GROUP BY h.queue
"""


def queued_depths(connection: psycopg.Connection) -> dict[str, tuple[int, datetime]]:
    """Return, for each queue, how many rows are QUEUED and published, and when the oldest was."""
    return {queue: (count, oldest) for queue, count, oldest in connection.execute(_QUEUED_DEPTHS)}


_ORPHANS = f"""
SELECT h.task_id
FROM (SELECT DISTINCT task_id FROM task_execution_history WHERE status IN ('QUEUED', 'SCHEDULED') OFFSET 0) h
{task_of("h", "status")}
WHERE t.status = 'DELETED' LIMIT %s
"""  # noqa: S608 - our own words


def cancel_deleted(connection: psycopg.Connection, *, now: datetime) -> int:
    """Cancel what waits for a deleted task: its deletion skipped rows that were on the move. Return how many."""
    orphans = [row[0] for row in connection.execute(_ORPHANS, (BATCH,))]
    if not orphans:
        return 0
    with connection.transaction():
        waiting = claims.waiting_executions(connection, orphans)
        return len(transitions.cancel_waiting(connection, waiting, reason=Reason.DELETED, now=now))


_RECOUNT = """
UPDATE scheduler_tasks t SET open_count = c.open_count
FROM (
    SELECT t.id, (
        SELECT count(*) FROM task_execution_history h
        WHERE h.task_id = t.id AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED')
            AND NOT (h.status = 'SCHEDULED' AND (
                h.reason = 'overlap' AND h.trigger IN ('CATCH_UP', 'BACKFILL') OR h.reason IN ('dependency', 'catch_up')
            ))
    ) AS open_count
    FROM scheduler_tasks t WHERE t.id = ANY(%s)
) c
WHERE t.id = c.id AND t.open_count <> c.open_count
"""


def recount_open(connection: psycopg.Connection, *, after: UUID) -> UUID | None:
    """Set `open_count` right on the next tasks by id that claim to be busy; return where to go on, None at the end.

    The tasks are locked first, so that no claim or finish counts meanwhile.
    """
    with connection.transaction():
        busy = claims.busy_tasks(connection, after=after, limit=BATCH)
        if busy:
            connection.execute(_RECOUNT, (busy,))
    return busy[-1] if len(busy) == BATCH else None
