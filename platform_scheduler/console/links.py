"""The console's page of what the API lists: it takes the same filters, so that a number leads to the rows it counts."""

from typing import Final

from django.urls import reverse

from query.numbers import EXECUTIONS, NODES, TASKS

PAGES: Final = {
    TASKS: "admin:scheduler_task_changelist",
    EXECUTIONS: "admin:scheduler_execution_changelist",
    NODES: "admin:fleet",
}


def page_of(shown: str) -> str:
    """Return the console's address for a list of the API, its filters with it."""
    path, mark, filters = shown.partition("?")
    return f"{reverse(PAGES[path])}{mark}{filters}"
