"""Circuits over HTTP."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import circuits
from register.api.inventory import refuse_parameters, whole
from register.api.reading import read_nothing
from register.api.serializers import NothingInput
from register.circuits import Standing
from scheduler.answers import CircuitAnswer, CircuitPage
from scheduler.engine import circuits as engine
from scheduler.models.choices import Role
from scheduler.representations import Json, instant
from scheduler.tokens import caller_of


class CircuitsView(APIView):
    """Whether the services may be called that tasks use."""

    @extend_schema(
        operation_id="listCircuits", summary="List the circuits", tags=["control"], responses={200: CircuitPage}
    )
    def get(self, request: Request) -> Response:
        """List the circuits of services that were called; of a bound token those that its tasks use."""
        refuse_parameters(request)
        return whole([_as_json(one) for one in circuits.find(bound_to=caller_of(request).namespace)])


class CircuitResetView(APIView):
    """A circuit that somebody closes."""

    required_roles: ClassVar = {"POST": Role.OPERATOR}

    @extend_schema(
        operation_id="resetCircuit", summary="Close a circuit", tags=["control"], request=NothingInput,
        responses={200: CircuitAnswer},
    )  # fmt: skip
    def post(self, request: Request, name: str) -> Response:
        """Close a circuit by hand: what waits for it goes, slowly at first."""
        read_nothing(request.data)
        caller = caller_of(request)
        return Response(_as_json(circuits.reset(name, bound_to=caller.namespace, now=caller.now)))


def _as_json(standing: Standing) -> Json:
    row, held_count = standing
    window = [engine.Bucket(*one) for one in row.buckets]
    counted = engine.Circuit(engine.State(row.state), row.since, tuple(window)).counted
    return {
        "name": row.name,
        "state": row.state,
        "since": instant(row.since),
        "cause": row.cause,
        "retryAt": instant(row.retry_at),
        "probeId": str(row.probe) if row.probe is not None else None,
        "tripCount": row.trip_count,
        "callCount": counted.calls,
        "failureCount": counted.failures,
        "slowCount": counted.slow,
        "heldCount": held_count,
    }
