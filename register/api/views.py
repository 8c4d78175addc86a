"""Definitions over HTTP: reads the request, calls the services, shows what they return."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import services
from register.api.preconditions import accepted_versions
from register.api.reading import read_changes, read_clone, read_new_task
from register.api.serializers import CloneInput, TaskInput
from scheduler.answers import TaskAnswer
from scheduler.models import Task
from scheduler.representations import etag, task_as_json
from scheduler.tokens import caller_of

_IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The task's ETag, or *.")


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
        answer = task_answer(task, status=201)
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
        return task_answer(task)


class CloneView(APIView):
    """Copies of a task."""

    @extend_schema(
        operation_id="cloneTask", summary="Register a copy of a task", tags=["tasks"], request=CloneInput,
        responses={201: TaskAnswer},
    )  # fmt: skip
    def post(self, request: Request, task_id: UUID) -> Response:
        """Register a new task with this one's definition, but for the fields given; a name is needed."""
        caller = caller_of(request)
        given = read_clone(request.data)
        task = services.clone_task(task_id, given, actor=caller.name, namespace=caller.namespace, now=caller.now)
        answer = task_answer(task, status=201)
        answer["Location"] = f"/api/v1/tasks/{task.id}"
        return answer


def task_answer(task: Task, *, status: int = 200) -> Response:
    """Return the answer that shows a task with its ETag."""
    return Response(task_as_json(task), status=status, headers={"ETag": etag(task)})
