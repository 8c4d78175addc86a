"""The forecast over HTTP."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query.forecast import DEFAULT_HOURS, MOST_HOURS, Forecast, Interval, Load, Peak, forecast
from scheduler.answers import ForecastAnswer
from scheduler.parameters import Reader, whole
from scheduler.representations import Json, instant
from scheduler.tokens import caller_of


class ForecastView(APIView):
    """What the hours to come bring."""

    @extend_schema(
        operation_id="getForecast", summary="Show the coming load", tags=["stats"], responses={200: ForecastAnswer},
        parameters=[
            OpenApiParameter("hours", whole(1, MOST_HOURS), description=f"Up to {MOST_HOURS}.", default=DEFAULT_HOURS)
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show slots and the time that they are expected to take, hour by hour and queue by queue, with the peaks."""
        reader = Reader(request.query_params)
        reader.refuse_strangers(["hours"])
        hours = reader.whole("hours", default=DEFAULT_HOURS, least=1, most=MOST_HOURS)
        reader.raise_faults()
        caller = caller_of(request)
        return Response(_shown(forecast(hours, namespace=caller.namespace, now=caller.now)))


def _shown(shown: Forecast) -> Json:
    return {
        "at": instant(shown.at),
        "namespace": shown.namespace,
        "workedOutAt": instant(shown.worked_out_at),
        "from": instant(shown.begin),
        "to": instant(shown.end),
        **_load(shown.load),
        "intervals": [_interval(interval) for interval in shown.intervals],
        "peaks": [_peak(peak) for peak in shown.peaks],
    }


def _load(load: Load) -> Json:
    return {
        "slots": load.slots,
        "slotsOfUnknownDuration": load.unknown_slots,
        "expectedBusySeconds": round(load.busy.total_seconds(), 3),
    }


def _interval(interval: Interval) -> Json:
    return {
        "from": instant(interval.begin),
        "to": instant(interval.end),
        **_load(interval.load),
        "queues": [{"queue": queue, **_load(load)} for queue, load in interval.queues.items()],
    }


def _peak(peak: Peak) -> Json:
    return {
        "queue": peak.queue,
        "from": instant(peak.begin),
        **_load(peak.load),
        "timesMean": round(peak.times, 2),
        "message": peak.words,
    }
