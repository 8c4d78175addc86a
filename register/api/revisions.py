"""Revisions over HTTP, as far as they write: query shows them."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import restoring
from register.api.preconditions import accepted_versions
from register.api.reading import read_restore
from register.api.serializers import RestoreInput
from register.api.views import task_answer
from scheduler.answers import TaskAnswer
from scheduler.tokens import caller_of


class RestoreView(APIView):
    """Returns of old definitions."""

    @extend_schema(
        operation_id="restoreRevision", summary="Restore a revision of a task", tags=["tasks"], request=RestoreInput,
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The task's ETag, or *.")],
        responses={200: TaskAnswer},
    )  # fmt: skip
    def post(self, request: Request, task_id: UUID, version: int) -> Response:
        """Give the task the definition that it had, as a new version; refused where that is impossible today."""
        caller = caller_of(request)
        given = read_restore(request.data)
        versions = accepted_versions(request)
        return task_answer(
            restoring.restore_revision(
                task_id, version, given, namespace=caller.namespace, versions=versions, now=caller.now
            )
        )
