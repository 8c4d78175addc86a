"""The write API over HTTP: reads the request, calls the services, shows what they return."""

from typing import cast
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import services
from register.api.preconditions import accepted_versions
from register.api.reading import read_changes, read_new_task, read_trigger
from register.api.serializers import TaskInput, TriggerInput
from scheduler.answers import ExecutionAnswer, TaskAnswer
from scheduler.models import Task
from scheduler.models.choices import Role
from scheduler.representations import etag, execution_as_json, task_as_json
from scheduler.tokens import Caller

_IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The task's ETag, or *.")


def caller_of(request: Request) -> Caller:
    """Return who sent the request, with the clock as it was read when it came in."""
    return cast(Caller, request.auth)


class TasksView(APIView):
    """All tasks."""

    @extend_schema(
        operation_id="createTask", summary="Register a task", tags=["tasks"], request=TaskInput,
        responses={201: TaskAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Register a new task; it fires from its first slot on."""
        caller = caller_of(request)
        given = read_new_task(request.data)
        task = services.create_task(given, actor=caller.name, namespace=caller.namespace, now=caller.now)
        answer = _task_answer(task, status=201)
        answer["Location"] = f"/api/v1/tasks/{task.id}"
        return answer


class TaskView(APIView):
    """One task."""

    @extend_schema(
        operation_id="updateTask", summary="Change a task", tags=["tasks"], request=TaskInput(partial=True),
        parameters=[_IF_MATCH], responses={200: TaskAnswer},
    )  # fmt: skip
    def put(self, request: Request, task_id: UUID) -> Response:
        """Change the fields given and keep the others."""
        return self._change(request, task_id)

    @extend_schema(
        operation_id="patchTask", summary="Change a task", tags=["tasks"], request=TaskInput(partial=True),
        parameters=[_IF_MATCH], responses={200: TaskAnswer},
    )  # fmt: skip
    def patch(self, request: Request, task_id: UUID) -> Response:
        """Change the fields given and keep the others, as PUT does."""
        return self._change(request, task_id)

    @extend_schema(
        operation_id="deleteTask", summary="Delete a task", tags=["tasks"], parameters=[_IF_MATCH],
        responses={204: OpenApiResponse(description="Deleted; its history stays.")},
    )  # fmt: skip
    def delete(self, request: Request, task_id: UUID) -> Response:
        """Delete a task: what waits is cancelled, what runs ends, the history stays."""
        caller = caller_of(request)
        services.delete_task(task_id, namespace=caller.namespace, versions=accepted_versions(request), now=caller.now)
        return Response(status=204)

    def _change(self, request: Request, task_id: UUID) -> Response:
        caller = caller_of(request)
        task = services.change_task(
            task_id,
            read_changes(request.data),
            namespace=caller.namespace,
            versions=accepted_versions(request),
            now=caller.now,
        )
        return _task_answer(task)


class TriggerView(APIView):
    """Runs by hand."""

    required_roles = {"POST": Role.OPERATOR}

    @extend_schema(
        operation_id="triggerTask", summary="Run a task now", tags=["tasks"], request=TriggerInput,
        responses={202: ExecutionAnswer},
    )  # fmt: skip
    def post(self, request: Request, task_id: UUID) -> Response:
        """Run a task now, whatever its schedule says."""
        caller = caller_of(request)
        execution = services.trigger_task(
            task_id, read_trigger(request.data), namespace=caller.namespace, now=caller.now
        )
        body = execution_as_json(execution, task_name=execution.task.name)
        return Response(body, status=202, headers={"Location": f"/api/v1/executions/{execution.id}"})


def _task_answer(task: Task, *, status: int = 200) -> Response:
    return Response(task_as_json(task), status=status, headers={"ETag": etag(task)})
