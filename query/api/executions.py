"""Executions of the read API over HTTP: of one task, across tasks, one by one with their logs."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import selectors
from scheduler.answers import ExecutionAnswer, ExecutionPage, LogAnswer
from scheduler.engine.states import Status, Trigger
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import Execution
from scheduler.parameters import refuse_all
from scheduler.periods import LATEST_FIRST, LISTED, ExecutionFilter, HistoryFilter
from scheduler.representations import Json, execution_as_json, log_as_json
from scheduler.tokens import caller_of

_HISTORY_FILTERS = [
    OpenApiParameter("startDate", description="A day, or an instant: slots from it on."),
    OpenApiParameter("endDate", description="A day, or an instant: slots up to it, itself included."),
    OpenApiParameter("timeZone", description="IANA zone of the days.", default="UTC"),
    OpenApiParameter("status", description=f"{', '.join(Status)}; several with commas."),
]
_FILTERS = [
    *_HISTORY_FILTERS,
    OpenApiParameter("namespace"),
    OpenApiParameter("taskId", OpenApiTypes.UUID),
    OpenApiParameter("taskClass"),
    OpenApiParameter("queue"),
    OpenApiParameter("trigger", description=f"{', '.join(Trigger)}; several with commas."),
    OpenApiParameter("nodeId"),
    OpenApiParameter("runId", OpenApiTypes.UUID),
    OpenApiParameter("label", description="key:value of the task; given more than once, all must hold."),
]


class HistoryView(APIView):
    """The executions of one task."""

    @extend_schema(
        operation_id="listTaskHistory", summary="List a task's executions", tags=["executions"],
        parameters=[*_HISTORY_FILTERS, *PAGING_PARAMETERS], responses={200: ExecutionPage},
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID) -> Response:
        """List a task's executions, the latest slot first."""
        caller = caller_of(request)
        task = selectors.find_task(task_id, namespace=caller.namespace)

        def show(execution: Execution) -> Json:
            return execution_as_json(execution, task_name=task.name)

        filters = HistoryFilter(request.query_params, queryset=selectors.history_of(task), now=caller.now)
        return Response(answer_list(request.query_params, filters, order=lambda: LATEST_FIRST, show=show))


class ExecutionsView(APIView):
    """The executions of all tasks."""

    @extend_schema(
        operation_id="listExecutions", summary="List executions", tags=["executions"],
        parameters=[*_FILTERS, *PAGING_PARAMETERS], responses={200: ExecutionPage},
        description=f"List executions across tasks, the latest slot first. Without taskId and startDate: the slots of "
        f"the {LISTED.days} days before endDate, or before now.",
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the executions that the caller may see, the latest slot first."""
        caller = caller_of(request)
        executions = selectors.listed_executions(namespace=caller.namespace)
        filters = ExecutionFilter(request.query_params, queryset=executions, now=caller.now, bound_to=caller.namespace)
        return Response(answer_list(request.query_params, filters, order=lambda: LATEST_FIRST, show=_show))


class ExecutionView(APIView):
    """One execution."""

    @extend_schema(
        operation_id="getExecution", summary="Show an execution", tags=["executions"], responses={200: ExecutionAnswer}
    )
    def get(self, request: Request, execution_id: UUID) -> Response:
        """Show an execution."""
        refuse_all(request.query_params)
        return Response(_show(selectors.find_execution(execution_id, namespace=caller_of(request).namespace)))


class LogView(APIView):
    """What an execution has logged."""

    @extend_schema(
        operation_id="getExecutionLog", summary="Show an execution's log", tags=["executions"],
        responses={200: LogAnswer},
    )  # fmt: skip
    def get(self, request: Request, execution_id: UUID) -> Response:
        """Show what an execution has logged: the first and the last 64 KiB, once it has ended."""
        refuse_all(request.query_params)
        execution = selectors.find_execution(execution_id, namespace=caller_of(request).namespace)
        return Response(log_as_json(execution, selectors.find_log(execution)))


def _show(execution: Execution) -> Json:
    return execution_as_json(execution, task_name=execution.task.name)
