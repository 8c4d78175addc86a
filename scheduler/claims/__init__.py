"""All SQL that locks rows: tasks and executions are taken here, and written by whoever asked, in one transaction.

Tasks are locked FOR NO KEY UPDATE: plain FOR UPDATE skips a row that a foreign-key check holds, and blocks inserts
of history. Order of locks: the graph of dependencies, executions before tasks, tasks by id, then limits by key; what
another transaction holds is skipped wherever the next pass finds it again. Release, and whoever decides on what waits
for other tasks, take their executions last, and never wait for one.
"""

from scheduler.claims.dependents import awaited, awaiting, concerned, edit_graph, upstream_ends
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
    keep_calendar,
    keep_template,
    namespace_to_edit,
    operation,
    template_to_edit,
)
from scheduler.claims.tasks import (
    FIRST_CLAIM,
    busy_tasks,
    due_of_namespaces,
    due_tasks,
    ended_pauses,
    ending_tasks,
    lock_tasks,
    locked_tasks,
    namespaces_due,
    task,
    tasks_awaiting_nothing,
    tasks_by_old_rules,
)

__all__ = [
    "EVERYWHERE",
    "FIRST_CLAIM",
    "HELD_BATCH",
    "RECENT",
    "attempt",
    "awaited",
    "awaiting",
    "batches",
    "busy_tasks",
    "calendar_to_delete",
    "calendar_to_edit",
    "concerned",
    "deciding",
    "due_of_namespaces",
    "due_tasks",
    "edit_graph",
    "ended_pauses",
    "ending_tasks",
    "executions_in_the_way",
    "expired_executions",
    "held_by_limits",
    "held_executions",
    "keep_calendar",
    "keep_template",
    "lock_tasks",
    "locked_tasks",
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
    "tasks_awaiting_nothing",
    "tasks_by_old_rules",
    "template_to_edit",
    "unpublished_executions",
    "upstream_ends",
    "waiting_executions",
    "waiting_of_cause",
]
