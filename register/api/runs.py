"""The operators' verb on runs over HTTP."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from register import runs
from register.api.operations import OperatorView
from register.api.reading import read_nothing
from register.api.serializers import NothingInput
from scheduler.answers import RetriedRunAnswer
from scheduler.representations import execution_as_json
from scheduler.tokens import caller_of


class RunRetryView(OperatorView):
    """Further attempts at what has failed in a run."""

    @extend_schema(
        operation_id="retryRun", summary="Go on with a run from what has failed", tags=["runs"], request=NothingInput,
        responses={202: RetriedRunAnswer},
    )  # fmt: skip
    def post(self, request: Request, run_id: UUID) -> Response:
        """Try again what FAILED, TIMED_OUT, was LOST or CANCELLED in a run; what was left out for it then follows."""
        caller = caller_of(request)
        read_nothing(request.data)
        run = runs.retry_run(run_id, namespace=caller.namespace, now=caller.now)
        body = {
            "runId": str(run.run_id),
            "retried": [execution_as_json(one, task_name=one.task.name) for one in run.executions],
            "refused": [{"taskId": str(task_id), "message": why} for task_id, why in run.refusals.items()],
        }
        return Response(body, status=202, headers={"Location": f"/api/v1/runs/{run.run_id}"})
