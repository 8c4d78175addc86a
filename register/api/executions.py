"""The operators' verbs on executions over HTTP; all of them need the role operator."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from register import executing
from register.api.operations import OperatorView, accepted
from register.api.reading import read_nothing
from register.api.serializers import NothingInput
from scheduler.answers import ExecutionAnswer
from scheduler.tokens import caller_of


class CancelView(OperatorView):
    """Ends of executions."""

    @extend_schema(
        operation_id="cancelExecution", summary="Cancel an execution", tags=["executions"], request=NothingInput,
        responses={202: ExecutionAnswer},
    )  # fmt: skip
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Cancel what waits at once; what runs is asked, after 10 s terminated, after 20 s killed."""
        caller = caller_of(request)
        read_nothing(request.data)
        return accepted(
            executing.cancel_execution(execution_id, actor=caller.name, namespace=caller.namespace, now=caller.now)
        )


class RetryView(OperatorView):
    """Further attempts."""

    @extend_schema(
        operation_id="retryExecution", summary="Try an execution again", tags=["executions"], request=NothingInput,
        responses={202: ExecutionAnswer},
    )  # fmt: skip
    def post(self, request: Request, execution_id: UUID) -> Response:
        """Try what FAILED, TIMED_OUT, was LOST or CANCELLED again: the same slot, the next attempt."""
        caller = caller_of(request)
        read_nothing(request.data)
        return accepted(executing.retry_execution(execution_id, namespace=caller.namespace, now=caller.now))
