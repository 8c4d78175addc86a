"""Statistics over HTTP: how everything stands, and what was, is and comes along a timeline."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import overview, timeline
from query.numbers import Number
from query.overview import Fleet, Overview, Period
from query.queues import Queue
from query.timeline import DEFAULT_WINDOW, WINDOWS, Interval
from scheduler.answers import OverviewAnswer, TimelineAnswer
from scheduler.models import Task
from scheduler.parameters import Reader, refuse_all
from scheduler.representations import Json, instant
from scheduler.standing import FlowStanding
from scheduler.tokens import caller_of


class OverviewView(APIView):
    """How everything stands."""

    @extend_schema(
        operation_id="getOverview", summary="Show how everything stands", tags=["stats"],
        responses={200: OverviewAnswer},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show what is late, open, has failed and fires next; worked out at most every two seconds."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        return Response(_overview(overview.overview(namespace=caller.namespace, now=caller.now)))


class TimelineView(APIView):
    """What was, is and comes."""

    @extend_schema(
        operation_id="getTimeline", summary="Show what was, is and comes", tags=["stats"],
        parameters=[OpenApiParameter("window", enum=list(WINDOWS), default=DEFAULT_WINDOW)],
        responses={200: TimelineAnswer},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show executions by status and the tasks that fire next, interval by interval, around now."""
        reader = Reader(request.query_params)
        reader.refuse_strangers(["window"])
        name = reader.word("window", default=DEFAULT_WINDOW, known=WINDOWS)
        reader.raise_faults()
        caller = caller_of(request)
        shown = timeline.timeline(name, namespace=caller.namespace, now=caller.now)
        return Response(
            {
                "at": instant(shown.at),
                "namespace": shown.namespace,
                "window": shown.window,
                "intervalSeconds": int(shown.every.total_seconds()),
                "intervals": [_interval(interval) for interval in shown.intervals],
            }
        )


def _overview(shown: Overview) -> Json:
    return {
        "at": instant(shown.at),
        "namespace": shown.namespace,
        "tasks": {status: _number(number) for status, number in shown.tasks.items()},
        "late": _number(shown.late),
        "executions": {status: _number(number) for status, number in shown.executions.items()},
        "lastHour": _period(shown.last_hour),
        "lastDay": _period(shown.last_day),
        "dueWithinHour": _number(shown.due_within_hour),
        "nextFires": [_fire(task) for task in shown.next_fires],
        "schedulers": {
            "isHealthy": shown.is_scheduler_healthy,
            "oldestDueAt": instant(shown.oldest_due_at),
            **_fleet(shown.schedulers),
        },
        "workers": {"isHealthy": shown.workers.alive.count > 0, **_fleet(shown.workers),
                    "slots": shown.workers.slots, "missingClasses": shown.missing_classes},
        "queues": [_queue(queue, shown) for queue in shown.queues],
        "flowControl": _flow(shown.flow),
    }  # fmt: skip


def _flow(standing: FlowStanding) -> Json:
    current = standing.current
    return {
        "mode": standing.mode.value,
        "isLimiting": standing.is_limiting,
        "reason": current.reason if current is not None else None,
        "since": instant(current.starts_at) if current is not None else None,
        "until": instant(current.expires_at) if current is not None else None,
        "askedBy": current.created_by if current is not None else None,
        "nextPlannedAt": instant(standing.planned[0].starts_at) if standing.planned else None,
    }


def _number(number: Number) -> Json:
    return {"count": number.count, "isEstimated": number.is_estimated, "link": number.link}


def _period(period: Period) -> Json:
    return {
        "from": instant(period.begin),
        "succeeded": _number(period.succeeded),
        "failed": _number(period.failed),
        "successRate": period.success_rate,
    }


def _fire(task: Task) -> Json:
    return {
        "taskId": str(task.id),
        "taskName": task.name,
        "namespace": task.namespace,
        "at": instant(task.next_execution_time),
    }


def _fleet(fleet: Fleet) -> Json:
    return {
        "alive": _number(fleet.alive),
        "silent": _number(fleet.silent),
        "lastHeartbeatAt": instant(fleet.last_heartbeat_at),
    }


def _queue(queue: Queue, shown: Overview) -> Json:
    wait = max((shown.at - queue.oldest_queued_at).total_seconds(), 0.0)
    return {
        "queue": queue.name,
        "depth": _number(queue.depth),
        "oldestQueuedAt": instant(queue.oldest_queued_at),
        "oldestWaitSeconds": round(wait, 3),
        "oldestUnpublishedAt": instant(queue.oldest_unpublished_at),
        "isServed": queue.is_served,
    }


def _interval(interval: Interval) -> Json:
    return {
        "from": instant(interval.begin),
        "to": instant(interval.end),
        "counts": interval.counts,
        "coming": interval.coming,
        "executionsLink": interval.executions_link,
        "comingLink": interval.coming_link,
    }
