"""The revisions of a task over HTTP."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import revisions, selectors
from scheduler.answers import RevisionPage, WholeRevisionAnswer
from scheduler.filtering import ListFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import Revision
from scheduler.parameters import Reader, whole
from scheduler.representations import Json
from scheduler.tokens import caller_of

NEWEST_FIRST = Order("version", is_descending=True)
LARGEST_VERSION = 999_999_999


class RevisionFilter(ListFilter):
    """The list of revisions."""

    class Meta:
        model = Revision
        fields: list[str] = []


class RevisionsView(APIView):
    """All revisions of a task."""

    @extend_schema(
        operation_id="listRevisions", summary="List a task's revisions", tags=["tasks"], parameters=PAGING_PARAMETERS,
        responses={200: RevisionPage},
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID) -> Response:
        """List the versions of a task's definition, the latest first, each with what it changed."""
        task = selectors.find_task(task_id, namespace=caller_of(request).namespace)

        def show(revision: Revision) -> Json:
            return revisions.as_json(revision, against=revisions.before(revision))

        filters = RevisionFilter(request.query_params, queryset=revisions.listed(task))
        return Response(answer_list(request.query_params, filters, order=lambda: NEWEST_FIRST, show=show))


class RevisionView(APIView):
    """One revision of a task."""

    @extend_schema(
        operation_id="getRevision", summary="Show a revision of a task", tags=["tasks"],
        parameters=[
            OpenApiParameter(
                "against", whole(1, LARGEST_VERSION), description="The version to compare with; the one before it."
            )
        ],
        responses={200: WholeRevisionAnswer},
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID, version: int) -> Response:
        """Show a version of a task's definition, whole, and what differs in it from another one."""
        reader = Reader(request.query_params)
        reader.refuse_strangers(["against"])
        against = reader.whole("against", default=0, least=1, most=LARGEST_VERSION)
        reader.raise_faults()
        task = selectors.find_task(task_id, namespace=caller_of(request).namespace)
        revision = revisions.find(task, version)
        other = revisions.find(task, against).definition if against else revisions.before(revision)
        return Response(revisions.whole_as_json(revision, against=other))
