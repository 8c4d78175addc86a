"""Events over HTTP; the gateway sends every path that is not query's here."""

import json
from typing import Any
from uuid import UUID

from django_filters import CharFilter  # type: ignore[import-untyped]
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import events
from register.api.event_fields import EVENT_NAME_MAX_LENGTH
from register.api.event_input import EventInput, read_event
from register.names import KEY_MAX_LENGTH
from scheduler.answers import EventPage, WholeEventAnswer
from scheduler.filtering import ListFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import Event, Execution
from scheduler.models.choices import Role
from scheduler.parameters import refuse_all
from scheduler.representations import Json, instant
from scheduler.tokens import caller_of


class EventFilter(ListFilter):
    """The list of events."""

    name = CharFilter(max_length=EVENT_NAME_MAX_LENGTH)
    namespace = CharFilter(max_length=KEY_MAX_LENGTH)

    class Meta:
        model = Event
        fields: list[str] = []


class EventsView(APIView):
    """All events."""

    required_roles = {"POST": Role.OPERATOR}
    takes_key_in_body = True

    @extend_schema(
        operation_id="listEvents", summary="List events", tags=["events"],
        parameters=[OpenApiParameter("name"), OpenApiParameter("namespace"), *PAGING_PARAMETERS],
        responses={200: EventPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the events that the caller may see, the latest first."""
        filters = EventFilter(request.query_params, queryset=events.listed(namespace=caller_of(request).namespace))
        order = Order("received_at", is_descending=True)
        return Response(answer_list(request.query_params, filters, order=lambda: order, show=_event_as_json))

    @extend_schema(
        operation_id="sendEvent", summary="Tell of an event", tags=["events"], request=EventInput,
        responses={202: WholeEventAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Start every task that listens for the event, each once; behind the answer where they are many."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        given = read_event(request.data)
        event = events.send_event(given, actor=caller.name, namespace=caller.namespace, now=caller.now)
        return Response(_whole(event), status=202, headers={"Location": f"/api/v1/events/{event.id}"})


class EventView(APIView):
    """One event."""

    @extend_schema(operation_id="getEvent", summary="Show an event", tags=["events"], responses={200: WholeEventAnswer})
    def get(self, request: Request, event_id: UUID) -> Response:
        """Show an event, and the first 100 executions that it has started."""
        refuse_all(request.query_params)
        return Response(_whole(events.find(event_id, namespace=caller_of(request).namespace)))


def _event_as_json(event: Event) -> Json:
    return {
        "id": str(event.id),
        "name": event.name,
        "namespace": event.namespace,
        "payload": json.loads(event.payload),
        "receivedAt": instant(event.received_at),
        "createdBy": event.created_by,
        "counts": {"started": event.started_count, "skipped": event.skipped_count, "failed": event.failed_count},
        "completedAt": instant(event.completed_at),
    }


def _whole(event: Event) -> Json:
    return {**_event_as_json(event), "executions": [_started_as_json(one) for one in events.executions_of(event)]}


def _started_as_json(execution: Execution) -> dict[str, Any]:
    return {
        "id": str(execution.id),
        "taskId": str(execution.task_id),
        "taskName": execution.task.name,
        "namespace": execution.namespace,
        "status": execution.status,
        "reason": execution.reason,
    }
