"""Tasks of the read API over HTTP: reads the request, asks the selectors, shows what they return."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import selectors
from scheduler.answers import TaskAnswer, TaskPage
from scheduler.engine.states import TaskStatus
from scheduler.filters import BANDS, DEFAULT_SORT, SORTS, TaskFilter
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.parameters import refuse_all
from scheduler.representations import etag, task_as_json
from scheduler.tokens import caller_of

_FILTERS = [
    OpenApiParameter("status", description=f"{', '.join(TaskStatus)}; several with commas. Default: all but DELETED."),
    OpenApiParameter("priority", description=f"1 to 10, or {', '.join(BANDS)}; several with commas."),
    OpenApiParameter("namespace"),
    OpenApiParameter("taskClass"),
    OpenApiParameter("queue"),
    OpenApiParameter("label", description="key:value; given more than once, all must hold."),
    OpenApiParameter("search", description="Part of the name."),
    OpenApiParameter("nextAfter", OpenApiTypes.DATETIME, description="Tasks that fire next at this instant or later."),
    OpenApiParameter("nextBefore", OpenApiTypes.DATETIME, description="Tasks that fire next before this instant."),
    OpenApiParameter(
        "late",
        OpenApiTypes.BOOL,
        description="Due more than 5 s ago and not claimed, or with an execution QUEUED for more than 60 s.",
    ),
    OpenApiParameter("sort", description=f"{', '.join(SORTS)}; -name or name,desc downwards.", default=DEFAULT_SORT),
]


class TasksView(APIView):
    """All tasks."""

    @extend_schema(
        operation_id="listTasks", summary="List tasks", tags=["tasks"], parameters=[*_FILTERS, *PAGING_PARAMETERS],
        responses={200: TaskPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the tasks that the caller may see."""
        caller = caller_of(request)
        tasks = selectors.visible_tasks(namespace=caller.namespace)
        filters = TaskFilter(request.query_params, queryset=tasks, now=caller.now, bound_to=caller.namespace)
        return Response(answer_list(request.query_params, filters, order=filters.order, show=task_as_json))


class TaskView(APIView):
    """One task."""

    @extend_schema(operation_id="getTask", summary="Show a task", tags=["tasks"], responses={200: TaskAnswer})
    def get(self, request: Request, task_id: UUID) -> Response:
        """Show a task; a deleted one is shown as DELETED."""
        refuse_all(request.query_params)
        task = selectors.find_task(task_id, namespace=caller_of(request).namespace)
        return Response(task_as_json(task), headers={"ETag": etag(task)})
