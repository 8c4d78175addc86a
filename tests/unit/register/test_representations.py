"""What is shown is what the OpenAPI document says is shown."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from scheduler import answers
from scheduler import representations as shown
from scheduler.models import Execution, Handler, Node, Task

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

TASK = Task(name="x", task_class="platform.noop", created_at=NOON, updated_at=NOON)
EXECUTION = Execution(id=UUID(int=1), task=TASK, scheduled_for=NOON, due_at=NOON)
PAGE = shown.page_as_json([], page=0, size=20, total=0)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (answers.TaskAnswer, shown.task_as_json(TASK)),
        (answers.RetryPolicyAnswer, shown.task_as_json(TASK)["retryPolicy"]),
        (answers.ExecutionAnswer, shown.execution_as_json(EXECUTION, task_name="x")),
        (answers.HandlerAnswer, shown.handler_as_json(Handler(seen_at=NOON))),
        (answers.NodeAnswer, shown.node_as_json(Node(id=UUID(int=1), started_at=NOON, heartbeat_at=NOON))),
        (answers.TaskPage, PAGE),
        (answers.ExecutionPage, PAGE),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_it_shows_the_fields_that_the_document_names(answer: Callable[[], Any], body: dict[str, Any]) -> None:
    assert set(body) == set(answer().fields)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (NOON, "2030-01-01T12:00:00Z"),
        (NOON + timedelta(milliseconds=5), "2030-01-01T12:00:00.005000Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "2030-01-01T12:00:00Z"),
    ],
)
def test_instants_are_shown_in_utc(value: datetime | None, text: str | None) -> None:
    assert shown.instant(value) == text


@pytest.mark.parametrize(("total", "size", "pages"), [(0, 20, 0), (1, 20, 1), (20, 20, 1), (21, 20, 2)])
def test_it_counts_pages(total: int, size: int, pages: int) -> None:
    assert shown.page_as_json([], page=0, size=size, total=total)["totalPages"] == pages
