"""The live stream over HTTP, as server-sent events."""

from typing import Any

from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from query import stream
from scheduler.parameters import Reader
from scheduler.tokens import caller_of

CONTENT_TYPE = "text/event-stream"
# Each event at once: no proxy may gather or squeeze them.
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


class EventRenderer(BaseRenderer):
    """Says that the stream can be asked for; the answer renders itself."""

    media_type = CONTENT_TYPE
    format = "sse"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Return nothing."""
        return b""


class StreamView(APIView):
    """Changes of executions' statuses as they happen."""

    renderer_classes = (EventRenderer,)
    # The hub reads for it, from the primary: only that says who listens.
    reads_replica = False

    @extend_schema(
        operation_id="readStream", summary="Follow changes of executions", tags=["stream"],
        parameters=[
            OpenApiParameter("namespace"),
            OpenApiParameter(
                "Last-Event-ID", location=OpenApiParameter.HEADER, description="How far it has read before."
            ),
        ],
        responses={
            (200, CONTENT_TYPE): OpenApiResponse(OpenApiTypes.STR, "Events execution, task and reset."),
        },
    )  # fmt: skip
    def get(self, request: Request) -> HttpResponseBase:
        """Follow the changes of executions' statuses, best effort, as server-sent events; 503 where it is full."""
        reader = Reader(request.query_params)
        reader.refuse_strangers(["namespace"])
        reader.raise_faults()
        if request.method == "HEAD":
            return HttpResponse(content_type=CONTENT_TYPE, headers=_HEADERS)
        bound_to = caller_of(request).namespace
        wanted = request.query_params.get("namespace") or None
        # Of what a token may not see there is nothing, as in lists.
        namespace = "" if wanted and bound_to not in (None, wanted) else bound_to or wanted
        client = stream.hub.open(namespace=namespace, after=request.headers.get("Last-Event-ID"))
        _give_back_connection()
        return StreamingHttpResponse(client, content_type=CONTENT_TYPE, headers=_HEADERS)


def _give_back_connection() -> None:
    """Give the database connection of this thread back now: Django would when the answer ends, minutes from now."""
    if not connection.in_atomic_block:
        connection.close()
