"""A number with the list of what it counts: both by the same filter, so that they agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.http import QueryDict

from query import selectors
from scheduler.filters import TaskFilter
from scheduler.periods import ExecutionFilter
from scheduler.representations import instant
from scheduler.totals import total_of

TASKS: Final = "/api/v1/tasks"
EXECUTIONS: Final = "/api/v1/executions"
NODES: Final = "/api/v1/nodes"
# The list of executions shows the last days unless it is told since when.
ALWAYS: Final = "1970-01-01"


@dataclass(frozen=True, slots=True)
class Number:
    """How many rows a list has, and the list; above 10,000 estimated, as the list's own total is."""

    count: int
    link: str
    is_estimated: bool = False


def link(path: str, **parameters: str | datetime | None) -> str:
    """Return the path with these parameters, in their order; instants as the API writes them."""
    written = {
        name: instant(value) if isinstance(value, datetime) else value
        for name, value in parameters.items()
        if value is not None
    }
    return f"{path}?{urlencode(written)}" if written else path


def count_tasks(*, namespace: str | None, now: datetime, **parameters: str | datetime) -> Number:
    """Count the tasks that a list with these parameters has, for a caller bound to `namespace`."""
    shown = link(TASKS, **parameters)
    tasks = selectors.visible_tasks(namespace=namespace)
    filters = TaskFilter(_query(shown), queryset=tasks, now=now, bound_to=namespace)
    return _counted(filters, shown)


def count_executions(*, namespace: str | None, now: datetime, **parameters: str | datetime) -> Number:
    """Count the executions that a list with these parameters has, for a caller bound to `namespace`."""
    shown = link(EXECUTIONS, **parameters)
    executions = selectors.visible_executions(namespace=namespace)
    filters = ExecutionFilter(_query(shown), queryset=executions, now=now, bound_to=namespace)
    return _counted(filters, shown)


def _query(shown: str) -> Mapping[str, str]:
    return QueryDict(shown.partition("?")[2])


def _counted(filters: TaskFilter | ExecutionFilter, shown: str) -> Number:
    if not filters.is_valid():
        raise ValueError(f"{shown} is no list: {filters.errors}")
    total = total_of(filters.counted(), minus=filters.overcounted(), counting=filters.counting())
    return Number(total.count, shown, is_estimated=total.is_estimated)
