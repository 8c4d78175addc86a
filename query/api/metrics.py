"""A task's metrics over HTTP: the window that was asked for, and the trend against the one before."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import selectors
from query.metrics import DEFAULT_WINDOW, WINDOWS, Metrics, Percentiles, begin_of, measured
from scheduler.answers import MetricsAnswer
from scheduler.parameters import Reader
from scheduler.representations import Json, instant
from scheduler.tokens import caller_of


class MetricsView(APIView):
    """What a task's executions add up to."""

    @extend_schema(
        operation_id="getTaskMetrics", summary="Measure a task", tags=["tasks"], responses={200: MetricsAnswer},
        parameters=[OpenApiParameter("window", enum=list(WINDOWS), default=DEFAULT_WINDOW)],
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID) -> Response:
        """Measure the slots of the last 24 hours, 7 or 30 days, in full hours, and compare with the window before."""
        caller = caller_of(request)
        reader = Reader(request.query_params)
        reader.refuse_strangers(["window"])
        name = reader.word("window", default=DEFAULT_WINDOW, known=WINDOWS)
        reader.raise_faults()
        task = selectors.find_task(task_id, namespace=caller.namespace)
        begin = begin_of(WINDOWS[name], now=caller.now)
        current = measured(task, begin=begin, end=caller.now)
        before = measured(task, begin=begin - WINDOWS[name], end=begin)
        return Response(
            {"taskId": str(task.id), "window": name, **_shown(current), "busiestHours": _busiest(current),
             "previous": _shown(before), "trend": _trend(current, before)}
        )  # fmt: skip


def _shown(metrics: Metrics) -> Json:
    return {
        "from": instant(metrics.begin),
        "to": instant(metrics.end),
        "counts": metrics.counts,
        "successRate": _rounded(metrics.success_rate),
        "retries": metrics.retry_count,
        "throughputPerHour": _rounded(metrics.throughput_per_hour),
        "durationMs": _percentiles(metrics.duration),
        "latenessMs": _percentiles(metrics.lateness),
    }


def _percentiles(percentiles: Percentiles) -> Json:
    return {name: getattr(percentiles, name) for name in ("p50", "p90", "p95", "p99", "mean")}


def _busiest(metrics: Metrics) -> list[Json]:
    return [{"hour": hour, "executions": count} for hour, count in metrics.busiest_hours]


def _trend(current: Metrics, before: Metrics) -> Json:
    """Return how much more, or less where negative, than in the window before; None where either has no number."""
    return {
        "successRate": _difference(current.success_rate, before.success_rate),
        "retries": _difference(current.retry_count, before.retry_count),
        "throughputPerHour": _difference(current.throughput_per_hour, before.throughput_per_hour),
        "durationP95Ms": _difference(current.duration.p95, before.duration.p95),
        "latenessP95Ms": _difference(current.lateness.p95, before.lateness.p95),
    }


def _difference(now: float | None, then: float | None) -> float | None:
    return None if now is None or then is None else _rounded(now - then)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
