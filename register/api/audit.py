"""The audit over HTTP; the gateway sends every path that is not query's here."""

from datetime import datetime

from django.db.models import QuerySet
from django_filters import CharFilter  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import auditing
from register.names import KEY_MAX_LENGTH
from scheduler.answers import AuditAnswer, AuditPage
from scheduler.audit import NAME_LENGTH
from scheduler.filtering import InstantFilter, ListFilter, WordsFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import AuditRecord
from scheduler.models.choices import AuditKind, AuditVerb, Role, Via
from scheduler.parameters import refuse_all
from scheduler.tokens import caller_of

LATEST_FIRST = Order("recorded_at", is_descending=True)

_FILTERS = [
    OpenApiParameter("actor", description="The whole name."),
    OpenApiParameter("via", description=f"{', '.join(Via.values)}; several with commas."),
    OpenApiParameter("verb", description=f"{', '.join(AuditVerb.values)}; several with commas."),
    OpenApiParameter("kind", description=f"{', '.join(AuditKind.values)}; several with commas."),
    OpenApiParameter("objectId", description="An id, a namespace's name, or a path."),
    OpenApiParameter("namespace"),
    OpenApiParameter("from", OpenApiTypes.DATETIME, description="Records from this instant on."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="Records before this instant."),
]


class AuditFilter(ListFilter):
    """The list of audit records."""

    actor = CharFilter(max_length=NAME_LENGTH)
    via = WordsFilter(words=tuple(Via.values))
    verb = WordsFilter(words=tuple(AuditVerb.values))
    kind = WordsFilter(words=tuple(AuditKind.values))
    objectId = CharFilter(field_name="object_id", max_length=NAME_LENGTH)
    namespace = CharFilter(max_length=KEY_MAX_LENGTH)
    to = InstantFilter(method="before")

    class Meta:
        model = AuditRecord
        fields: list[str] = []

    def before(self, records: QuerySet[AuditRecord], _name: str, value: datetime | None) -> QuerySet[AuditRecord]:
        """Leave the records from before an instant."""
        return records.filter(recorded_at__lt=value) if value else records

    def since(self, records: QuerySet[AuditRecord], _name: str, value: datetime | None) -> QuerySet[AuditRecord]:
        """Leave the records from an instant on."""
        return records.filter(recorded_at__gte=value) if value else records


# `from` is a word of Python.
AuditFilter.base_filters["from"] = InstantFilter(method="since")


class AuditView(APIView):
    """All audit records."""

    required_roles = {"GET": Role.ADMIN}

    @extend_schema(
        operation_id="listAudit", summary="List the audit", tags=["access"],
        parameters=[*_FILTERS, *PAGING_PARAMETERS], responses={200: AuditPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List who wrote what, the latest first; a token that is bound to a namespace sees the records of that."""
        filters = AuditFilter(request.query_params, queryset=auditing.records(namespace=caller_of(request).namespace))
        shown = auditing.record_as_json
        return Response(answer_list(request.query_params, filters, order=lambda: LATEST_FIRST, show=shown))


class AuditRecordView(APIView):
    """One audit record."""

    required_roles = {"GET": Role.ADMIN}

    @extend_schema(
        operation_id="getAuditRecord", summary="Show an audit record", tags=["access"], responses={200: AuditAnswer}
    )
    def get(self, request: Request, record_id: int) -> Response:
        """Show an audit record."""
        refuse_all(request.query_params)
        record = auditing.find_record(record_id, namespace=caller_of(request).namespace)
        return Response(auditing.record_as_json(record))
