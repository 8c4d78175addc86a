"""Handlers, nodes and queues over HTTP; the gateway sends every path that is not query's here."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import inventory
from scheduler.answers import HandlerPage, NodePage, QueuePage
from scheduler.errors import Fault, InvalidInput
from scheduler.models.choices import NodeRole
from scheduler.parameters import Reader
from scheduler.queues import Queue
from scheduler.representations import Json, handler_as_json, instant, node_as_json, page_as_json
from scheduler.tokens import caller_of


class HandlersView(APIView):
    """The catalogue of handlers."""

    @extend_schema(
        operation_id="listHandlers", summary="List the catalogue of handlers", tags=["platform"],
        responses={200: HandlerPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List what workers have announced: the task classes that tasks may name."""
        refuse_parameters(request)
        return whole([handler_as_json(handler) for handler in inventory.handlers()])


class QueuesView(APIView):
    """What waits in the queues."""

    @extend_schema(operation_id="listQueues", summary="List the queues", tags=["platform"], responses={200: QueuePage})
    def get(self, request: Request) -> Response:
        """List the queues: what waits, comes and goes, and how many workers each should have.

        To a token of one namespace depth and what runs are those of its own executions.
        """
        refuse_parameters(request)
        caller = caller_of(request)
        return whole([_queue(one) for one in inventory.queues(namespace=caller.namespace, now=caller.now)])


class NodesView(APIView):
    """The running processes."""

    @extend_schema(
        operation_id="listNodes", summary="List the nodes", tags=["platform"], responses={200: NodePage},
        parameters=[
            OpenApiParameter("role", enum=NodeRole.values),
            OpenApiParameter("silent", OpenApiTypes.BOOL, description="No heartbeat for more than 15 s, or not."),
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the nodes that have been heard of within a day, the latest heartbeat first."""
        reader = Reader(request.query_params)
        reader.refuse_strangers(["role", "silent"])
        role = reader.word("role", default="", known=["", *NodeRole.values]) or None
        silent = reader.word("silent", default="", known=["", "true", "false"])
        reader.raise_faults()
        is_silent = {"true": True, "false": False}.get(silent)
        nodes = inventory.nodes(now=caller_of(request).now, role=role, is_silent=is_silent)
        return whole([node_as_json(node) for node in nodes])


def _queue(queue: Queue) -> Json:
    return {
        "queue": queue.name,
        "depth": queue.depth,
        "isDepthEstimated": queue.is_flood,
        "oldestQueuedAt": instant(queue.oldest_queued_at),
        "oldestWaitSeconds": round(queue.oldest_wait_seconds, 3),
        "running": queue.running,
        "arrivalsPerSecond": round(queue.arrivals_per_second, 4),
        "servedPerSecond": round(queue.served_per_second, 4),
        "meanServiceSeconds": round(queue.mean_seconds, 4) if queue.mean_seconds is not None else None,
        "forecastBusy": round(queue.forecast_busy, 4),
        "workers": queue.workers,
        "concurrency": queue.concurrency,
        "suggestedConcurrency": queue.suggested_concurrency,
        "suggestedWorkers": queue.suggested_workers,
    }


def refuse_parameters(request: Request) -> None:
    """Refuse every parameter: these lists are always short, and answered whole."""
    names = request.query_params.keys() - {"format"}
    if names:
        raise InvalidInput([Fault(name[:100], "unknown", "There is no such parameter.") for name in sorted(names)])


def whole(content: list[Json]) -> Response:
    """Answer a list that is always short as one page."""
    return Response(page_as_json(content, page=0, size=max(len(content), 1), total=len(content)))
