"""SLA over HTTP: how well tasks keep it, and each promise that was broken."""

from typing import Any

from django.db.models import QuerySet
from django_filters import CharFilter, UUIDFilter  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import compliance, scopes, selectors
from query.api.csv_text import CsvRenderer
from query.compliance import DEFAULT_GROUPING, GROUPINGS, Counts, Line, Report
from scheduler.answers import BreachPage, SlaReportAnswer
from scheduler.engine.sla import Promise
from scheduler.filtering import ListFilter, WordsFilter
from scheduler.filters import LabelFilter, beside, searched
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import Breach
from scheduler.parameters import Reader, Window
from scheduler.representations import Json, instant, page_as_json
from scheduler.tokens import caller_of

MOST_CSV_LINES = 100_000
_COLUMNS = ["key", "taskName", "namespace", "slots", "kept", "broken", "compliance", *Promise]
_FORMATS = ("json", "csv")
_LATEST_FIRST = Order("id", is_descending=True)
_WHOSE = [
    OpenApiParameter("namespace"),
    OpenApiParameter("taskId", OpenApiTypes.UUID),
    OpenApiParameter("label", description="key:value of the task; given more than once, all must hold."),
]


class SlaView(APIView):
    """How well tasks keep their SLA."""

    renderer_classes = (JSONRenderer, CsvRenderer)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Return the renderer; a `format` that there is not is a fault of that field, not a page that is missing."""
        reader = Reader(request.query_params)
        reader.word("format", default=_FORMATS[0], known=_FORMATS)
        if not force:
            reader.raise_faults()
        return super().perform_content_negotiation(request, force=force or bool(reader.faults))

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell what the view takes, as JSON whatever `format` says: that is no table."""
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return super().options(request, *args, **kwargs)

    @extend_schema(
        operation_id="getSla", summary="Show how well tasks keep their SLA", tags=["sla"],
        parameters=[
            OpenApiParameter("by", enum=list(GROUPINGS), default=DEFAULT_GROUPING),
            OpenApiParameter("startDate", OpenApiTypes.DATE, description="Slots from this day (UTC) on."),
            OpenApiParameter("endDate", OpenApiTypes.DATE, description="Slots up to this day, itself included."),
            *_WHOSE,
            *PAGING_PARAMETERS[:2],
            OpenApiParameter("format", enum=list(_FORMATS), description="Or by Accept; CSV has all lines."),
        ],
        responses={200: SlaReportAnswer},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show slots under an SLA and those that broke it, of this week and the four before unless days are named."""
        caller = caller_of(request)
        reader = Reader(request.query_params)
        reader.refuse_strangers(["by", *scopes.PARAMETERS, "page", "size"])
        by = reader.word("by", default=DEFAULT_GROUPING, known=GROUPINGS)
        scope = scopes.read(reader, bound_to=caller.namespace, today=caller.now.date())
        window = reader.window(further="all lines are in the CSV, by format=csv")
        reader.raise_faults()
        is_csv = isinstance(request.accepted_renderer, CsvRenderer)
        if is_csv:
            window = Window(0, MOST_CSV_LINES)
        answer = _shown(compliance.report(by, scope, page=window.page, size=window.size), window)
        headers = {"Content-Disposition": f'attachment; filename="sla-by-{by}.csv"'} if is_csv else {}
        return Response(answer | ({"columns": _COLUMNS} if is_csv else {}), headers=headers)


class _BreachFilter(ListFilter):
    namespace = CharFilter()
    taskId = UUIDFilter(field_name="task_id")
    label = LabelFilter()
    promise = WordsFilter(words=tuple(promise.value for promise in Promise))

    class Meta:
        model = Breach
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Breach]) -> QuerySet[Breach]:
        rows: QuerySet[Breach] = super().filter_queryset(queryset)
        wanted = beside(self)
        return rows.filter(task__in=searched(wanted)) if wanted else rows


class BreachesView(APIView):
    """Promises that were broken."""

    @extend_schema(
        operation_id="listSlaBreaches", summary="List broken promises", tags=["sla"],
        parameters=[
            *_WHOSE,
            OpenApiParameter("promise", description=f"{', '.join(Promise)}; several with commas."),
            *PAGING_PARAMETERS,
        ],
        responses={200: BreachPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List each promise of a slot that was broken, the last one found first."""
        breaches = selectors.visible_breaches(namespace=caller_of(request).namespace)
        filters = _BreachFilter(request.query_params, queryset=breaches)
        return Response(answer_list(request.query_params, filters, order=lambda: _LATEST_FIRST, show=_breach))


def _shown(report: Report, window: Window) -> Json:
    page = page_as_json(
        [_line(line) for line in report.lines], page=window.page, size=window.size, total=report.line_count
    )
    scope = {"from": str(report.scope.first), "to": str(report.scope.last)}
    return {"by": report.by, **scope, "total": _counts(report.total), **page}


def _line(line: Line) -> Json:
    return {"key": line.key, "taskName": line.task_name, "namespace": line.namespace, **_counts(line.counts)}


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "slots": counts.slots,
        "kept": counts.kept,
        "broken": counts.broken,
        "compliance": None if counts.share is None else round(counts.share, 6),
        "breaches": counts.by_promise,
    }


def _breach(breach: Breach) -> Json:
    return {
        "id": breach.id,
        "taskId": str(breach.task_id),
        "taskName": breach.task.name,
        "namespace": breach.namespace,
        "promise": breach.promise,
        "executionId": str(breach.execution_id),
        "scheduledFor": instant(breach.scheduled_for),
        "brokenAt": instant(breach.broken_at),
        "detectedAt": instant(breach.detected_at),
    }
