"""What the self-audit has found, over HTTP."""

from django.db.models import QuerySet
from django_filters import CharFilter, UUIDFilter  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import slotfaults
from scheduler.answers import SlotFaultPage
from scheduler.engine.slotaudit import SlotFault as Kind
from scheduler.filtering import InstantFilter, ListFilter, WordsFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import SlotFault
from scheduler.models.choices import Role
from scheduler.representations import Json, instant
from scheduler.tokens import caller_of

_LATEST_FIRST = Order("id", is_descending=True)


class SlotFaultFilter(ListFilter):
    """The list of faults."""

    kind = WordsFilter(words=tuple(Kind))
    namespace = CharFilter()
    taskId = UUIDFilter(field_name="task_id")
    foundSince = InstantFilter(field_name="found_at", lookup_expr="gte")

    class Meta:
        model = SlotFault
        fields: list[str] = []


class SlotFaultsView(APIView):
    """Slots that are missed, doubled or late."""

    required_roles = {"GET": Role.ADMIN}

    @extend_schema(
        operation_id="listSlotFaults", summary="List what the self-audit has found", tags=["stats"],
        parameters=[
            OpenApiParameter("kind", description=f"{', '.join(Kind)}; several with commas."),
            OpenApiParameter("namespace"),
            OpenApiParameter("taskId", OpenApiTypes.UUID),
            OpenApiParameter("foundSince", OpenApiTypes.DATETIME, description="Found at this instant or later."),
            *PAGING_PARAMETERS,
        ],
        responses={200: SlotFaultPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List slots that are missed, doubled or late, the last one found first; of a bound token its namespace's."""
        faults: QuerySet[SlotFault] = slotfaults.visible_faults(namespace=caller_of(request).namespace)
        filters = SlotFaultFilter(request.query_params, queryset=faults)
        return Response(answer_list(request.query_params, filters, order=lambda: _LATEST_FIRST, show=_fault))


def _fault(fault: SlotFault) -> Json:
    return {
        "id": fault.pk,
        "taskId": str(fault.task_id),
        "taskName": fault.task.name,
        "namespace": fault.namespace,
        "kind": fault.kind,
        "scheduledFor": instant(fault.scheduled_for),
        "lateSeconds": fault.late_seconds,
        "foundAt": instant(fault.found_at),
    }
