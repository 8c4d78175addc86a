"""A task beside an execution: looked up by its key for each execution that is found, never the other way round.

Statistics are of what a table was when PostgreSQL last looked: empty, or full of tasks that were all paused. Thousands
may have come, or been resumed, since. A plain join then expects one task, reads them all first, and looks through the
executions for each of them.
"""


def task_of(alias: str, columns: str) -> str:
    """Return SQL that joins these columns of the task of `alias`, as `t`, after `alias` itself.

    OFFSET 0 keeps the planner from turning the order round. Columns are named, for a statement that locks the rows of
    `alias` copies all of them with each row.
    """
    task = f"SELECT {columns} FROM scheduler_tasks WHERE id = {alias}.task_id OFFSET 0"  # noqa: S608 - our own words
    return f"CROSS JOIN LATERAL ({task}) t"
