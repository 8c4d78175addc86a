"""Backfills and operations over HTTP: asked for, looked at, aborted."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import backfilling, operations
from register.api.inventory import refuse_parameters, whole
from register.api.operations import OperatorView
from register.api.reading import read_backfill, read_nothing, read_throttle
from register.api.serializers import BackfillInput, NothingInput, ThrottleInput
from scheduler.answers import OperationAnswer, OperationPage
from scheduler.models import Operation
from scheduler.operations_shown import operation_as_json
from scheduler.tokens import Caller, caller_of


class BackfillView(OperatorView):
    """Runs of past slots."""

    @extend_schema(
        operation_id="backfillTask", summary="Run past slots of a task", tags=["tasks"], request=BackfillInput,
        responses={202: OperationAnswer},
    )  # fmt: skip
    def post(self, request: Request, task_id: UUID) -> Response:
        """Run the slots from <= slot < to that have no SUCCESS, oldest first, under fresh work."""
        caller = caller_of(request)
        given = read_backfill(request.data)
        return accepted(
            backfilling.start_backfill(task_id, given, actor=caller.name, namespace=caller.namespace, now=caller.now),
            caller,
        )


class OperationsView(APIView):
    """All operations."""

    @extend_schema(
        operation_id="listOperations", summary="List the newest operations", tags=["operations"],
        responses={200: OperationPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the newest 200 operations that the caller may see."""
        refuse_parameters(request)
        caller = caller_of(request)
        latest = operations.latest_operations(namespace=caller.namespace)
        running = operations.running_counts(latest)
        return whole([operation_as_json(one, running=running[one.id], now=caller.now) for one in latest])


class OperationView(APIView):
    """One operation."""

    @extend_schema(
        operation_id="getOperation", summary="Show an operation", tags=["operations"], responses={200: OperationAnswer}
    )
    def get(self, request: Request, operation_id: UUID) -> Response:
        """Show how an operation stands: counts, progress, estimate, errors."""
        refuse_parameters(request)
        caller = caller_of(request)
        operation = operations.find_operation(operation_id, namespace=caller.namespace)
        return Response(_shown(operation, caller))


class AbortView(OperatorView):
    """Ends of operations."""

    @extend_schema(
        operation_id="abortOperation", summary="Abort an operation", tags=["operations"], request=NothingInput,
        responses={202: OperationAnswer},
    )  # fmt: skip
    def post(self, request: Request, operation_id: UUID) -> Response:
        """Begin nothing more and cancel what waits; it is ABORTED once what runs has ended."""
        caller = caller_of(request)
        read_nothing(request.data)
        return accepted(operations.abort_operation(operation_id, namespace=caller.namespace, now=caller.now), caller)


class ApproveView(OperatorView):
    """Approvals of catch-ups."""

    @extend_schema(
        operation_id="approveCatchUp", summary="Approve a catch-up", tags=["operations"], request=NothingInput,
        responses={202: OperationAnswer},
    )  # fmt: skip
    def post(self, request: Request, operation_id: UUID) -> Response:
        """Let go what an outage has left behind, at its rate."""
        caller = caller_of(request)
        read_nothing(request.data)
        operation = operations.approve_catch_up(
            operation_id, actor=caller.name, namespace=caller.namespace, now=caller.now
        )
        return accepted(operation, caller)


class ThrottleView(OperatorView):
    """Rates of catch-ups."""

    @extend_schema(
        operation_id="throttleCatchUp", summary="Set the rate of a catch-up", tags=["operations"],
        request=ThrottleInput, responses={202: OperationAnswer},
    )  # fmt: skip
    def post(self, request: Request, operation_id: UUID) -> Response:
        """Set how many executions go each second; 0 stops it for now."""
        caller = caller_of(request)
        given = read_throttle(request.data)
        operation = operations.throttle_catch_up(operation_id, given, namespace=caller.namespace, now=caller.now)
        return accepted(operation, caller)


class DropView(OperatorView):
    """Ends of catch-ups."""

    @extend_schema(
        operation_id="dropCatchUp", summary="Drop the rest of a catch-up", tags=["operations"], request=NothingInput,
        responses={202: OperationAnswer},
    )  # fmt: skip
    def post(self, request: Request, operation_id: UUID) -> Response:
        """Leave out what has not been let go: one SKIPPED row, reason misfire, for each task."""
        caller = caller_of(request)
        read_nothing(request.data)
        return accepted(operations.drop_catch_up(operation_id, namespace=caller.namespace, now=caller.now), caller)


def _shown(operation: Operation, caller: Caller) -> dict[str, object]:
    running = operations.running_counts([operation])[operation.id]
    return operation_as_json(operation, running=running, now=caller.now)


def accepted(operation: Operation, caller: Caller) -> Response:
    """Return the answer that shows an operation, for whoever wants to follow it."""
    return Response(_shown(operation, caller), status=202, headers={"Location": f"/api/v1/operations/{operation.id}"})
