"""The read API over HTTP: reads the request, asks the selectors, shows what they return."""

from typing import cast
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import selectors
from query.api.parameters import DEFAULT_SIZE, MOST_SIZE, read_list
from query.filters import BANDS, DEFAULT_SORT, SORTS, TaskFilter
from query.periods import HistoryFilter
from scheduler.answers import ExecutionAnswer, ExecutionPage, TaskAnswer, TaskPage
from scheduler.engine.states import Status, TaskStatus
from scheduler.representations import etag, execution_as_json, page_as_json, task_as_json
from scheduler.tokens import Caller

_PAGING = [
    OpenApiParameter("page", OpenApiTypes.INT, description="From 0.", default=0),
    OpenApiParameter("size", OpenApiTypes.INT, description=f"Up to {MOST_SIZE}.", default=DEFAULT_SIZE),
]
_TASK_FILTERS = [
    OpenApiParameter("status", description=f"{', '.join(TaskStatus)}; several with commas. Default: all but DELETED."),
    OpenApiParameter("priority", description=f"1 to 10, or {', '.join(BANDS)}; several with commas."),
    OpenApiParameter("namespace"),
    OpenApiParameter("taskClass"),
    OpenApiParameter("queue"),
    OpenApiParameter("search", description="Part of the name."),
    OpenApiParameter("sort", description=f"{', '.join(SORTS)}; -name or name,desc downwards.", default=DEFAULT_SORT),
]
_HISTORY_FILTERS = [
    OpenApiParameter("startDate", description="A day, or an instant: slots from it on."),
    OpenApiParameter("endDate", description="A day, or an instant: slots up to it, itself included."),
    OpenApiParameter("timeZone", description="IANA zone of the days.", default="UTC"),
    OpenApiParameter("status", description=f"{', '.join(Status)}; several with commas."),
]


def caller_of(request: Request) -> Caller:
    """Return who sent the request."""
    return cast(Caller, request.auth)


class TasksView(APIView):
    """All tasks."""

    @extend_schema(
        operation_id="listTasks", summary="List tasks", tags=["tasks"], parameters=[*_TASK_FILTERS, *_PAGING],
        responses={200: TaskPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the tasks that the caller may see."""
        tasks = selectors.visible_tasks(namespace=caller_of(request).namespace)
        found, window = read_list(request.query_params, TaskFilter(request.query_params, queryset=tasks))
        content = [task_as_json(task) for task in found[window.rows]]
        return Response(page_as_json(content, page=window.page, size=window.size, total=found.count()))


class TaskView(APIView):
    """One task."""

    @extend_schema(operation_id="getTask", summary="Show a task", tags=["tasks"], responses={200: TaskAnswer})
    def get(self, request: Request, task_id: UUID) -> Response:
        """Show a task; a deleted one is shown as DELETED."""
        task = selectors.find_task(task_id, namespace=caller_of(request).namespace)
        return Response(task_as_json(task), headers={"ETag": etag(task)})


class HistoryView(APIView):
    """The executions of one task."""

    @extend_schema(
        operation_id="listTaskHistory", summary="List a task's executions", tags=["executions"],
        parameters=[*_HISTORY_FILTERS, *_PAGING], responses={200: ExecutionPage},
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID) -> Response:
        """List a task's executions, the latest slot first."""
        task = selectors.find_task(task_id, namespace=caller_of(request).namespace)
        filters = HistoryFilter(request.query_params, queryset=selectors.history_of(task))
        found, window = read_list(request.query_params, filters)
        content = [execution_as_json(execution, task_name=task.name) for execution in found[window.rows]]
        return Response(page_as_json(content, page=window.page, size=window.size, total=found.count()))


class ExecutionView(APIView):
    """One execution."""

    @extend_schema(
        operation_id="getExecution", summary="Show an execution", tags=["executions"], responses={200: ExecutionAnswer}
    )
    def get(self, request: Request, execution_id: UUID) -> Response:
        """Show an execution."""
        execution = selectors.find_execution(execution_id, namespace=caller_of(request).namespace)
        return Response(execution_as_json(execution, task_name=execution.task.name))
