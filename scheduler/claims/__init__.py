"""All SQL that locks rows: tasks and executions are taken here, and written by whoever asked, in one transaction.

Tasks are locked FOR NO KEY UPDATE: plain FOR UPDATE skips a row that a foreign-key check holds, and blocks inserts
of history. Order of locks: executions before tasks, tasks by id, then limits by key; what another transaction holds is
skipped wherever the next pass finds it again. Release alone takes its executions last, and never waits for one.
"""

from scheduler.claims.executions import (
    EVERYWHERE,
    RECENT,
    attempt,
    batches,
    expired_executions,
    published_executions,
    ready,
    recent,
    stale_executions,
    unpublished_executions,
    waiting_executions,
    waiting_of_cause,
)
from scheduler.claims.holds import (
    HELD_BATCH,
    deciding,
    executions_in_the_way,
    held_by_limits,
    held_executions,
    next_held,
    permits,
    standings,
)
from scheduler.claims.requested import (
    calendar_to_delete,
    calendar_to_edit,
    keep_calendars,
    namespace_to_edit,
    operation,
)
from scheduler.claims.tasks import (
    FIRST_CLAIM,
    busy_tasks,
    due_of_namespaces,
    due_tasks,
    ended_pauses,
    ending_tasks,
    lock_tasks,
    namespaces_due,
    task,
    tasks,
    tasks_awaiting_nothing,
    tasks_by_old_rules,
)

__all__ = [
    "EVERYWHERE",
    "FIRST_CLAIM",
    "HELD_BATCH",
    "RECENT",
    "attempt",
    "batches",
    "busy_tasks",
    "calendar_to_delete",
    "calendar_to_edit",
    "deciding",
    "due_of_namespaces",
    "due_tasks",
    "ended_pauses",
    "ending_tasks",
    "executions_in_the_way",
    "expired_executions",
    "held_by_limits",
    "held_executions",
    "keep_calendars",
    "lock_tasks",
    "namespace_to_edit",
    "namespaces_due",
    "next_held",
    "operation",
    "permits",
    "published_executions",
    "ready",
    "recent",
    "stale_executions",
    "standings",
    "task",
    "tasks",
    "tasks_awaiting_nothing",
    "tasks_by_old_rules",
    "unpublished_executions",
    "waiting_executions",
    "waiting_of_cause",
]
