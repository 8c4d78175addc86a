"""What is predicted of a task over HTTP."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import selectors
from query.predictions import QUANTILES, Prediction, Risk, Run, predict
from scheduler.answers import PredictionAnswer
from scheduler.engine.predictions import Accuracy
from scheduler.parameters import refuse_all
from scheduler.representations import Json, instant
from scheduler.tokens import caller_of


class PredictionView(APIView):
    """How long a task's runs take, and when they end."""

    @extend_schema(
        operation_id="getTaskPrediction", summary="Predict a task's runs", tags=["tasks"],
        responses={200: PredictionAnswer},
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID) -> Response:
        """Predict from its last successes how long a run takes, when open ones end, and what will miss its SLA."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        task = selectors.find_task(task_id, namespace=caller.namespace)
        return Response({"taskId": str(task.id), **_shown(predict(task, now=caller.now))})


def _shown(prediction: Prediction) -> Json:
    known = prediction.durations
    return {
        "at": instant(prediction.at),
        "sampleSize": prediction.sample_count,
        "sampledFrom": instant(prediction.sampled_from),
        "durationMs": {name: known and round(known.quantile(share), 1) for name, share in QUANTILES.items()},
        "accuracy": _accuracy(prediction.accuracy),
        "open": [_run(run) for run in prediction.runs],
        "next": _run(prediction.next) if prediction.next is not None else None,
    }


def _accuracy(measured: Accuracy | None) -> Json | None:
    if measured is None:
        return None
    return {
        "runs": measured.run_count,
        "medianError": round(measured.median_error, 4),
        "withinP90": round(measured.within_p90, 4),
    }


def _run(run: Run) -> Json:
    return {
        "executionId": str(run.execution_id) if run.execution_id is not None else None,
        "scheduledFor": instant(run.scheduled_for),
        "status": run.status,
        "begin": instant(run.begin),
        "expectedEndAt": instant(run.outlook.expected_end_at),
        "latestEndAt": instant(run.outlook.latest_end_at),
        "isLongerThanKnown": run.outlook.is_longer_than_known,
        "willMissDeadline": _will_miss_deadline(run),
        "risks": [_risk(risk) for risk in run.risks],
    }


def _will_miss_deadline(run: Run) -> bool | None:
    return next((risk.will_miss for risk in run.risks if risk.promise == "DEADLINE"), None)


def _risk(risk: Risk) -> Json:
    return {
        "promise": risk.promise.value,
        "limit": instant(risk.limit),
        "chanceToMiss": round(risk.chance, 4),
        "willMiss": risk.will_miss,
    }
