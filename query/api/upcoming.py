"""A task's coming slots over HTTP."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import selectors
from scheduler.answers import UpcomingAnswer
from scheduler.parameters import Reader, whole
from scheduler.representations import instant
from scheduler.tokens import caller_of
from scheduler.upcoming import upcoming

DEFAULT_COUNT = 10
MOST_COUNT = 100


class UpcomingView(APIView):
    """What a task will do next."""

    @extend_schema(
        operation_id="listUpcomingSlots", summary="List a task's coming slots", tags=["tasks"],
        parameters=[OpenApiParameter("count", whole(1, MOST_COUNT), description=f"Up to {MOST_COUNT}.", default=10)],
        responses={200: UpcomingAnswer},
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID) -> Response:
        """List the next slots that will run; a task that is paused without an end has none."""
        reader = Reader(request.query_params)
        reader.refuse_strangers(["count"])
        count = reader.whole("count", default=DEFAULT_COUNT, least=1, most=MOST_COUNT)
        reader.raise_faults()
        task = selectors.find_task(task_id, namespace=caller_of(request).namespace)
        return Response(
            {
                "taskId": str(task.id),
                "status": task.status,
                "timeZone": task.time_zone,
                "next": [instant(slot) for slot in upcoming(task, count=count)],
            }
        )
