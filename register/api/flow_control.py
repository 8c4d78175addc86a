"""Flow control over HTTP."""

from collections.abc import Sequence

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from register import flow_control
from register.api.flow_input import FlowControlInput, read_flow_control
from register.api.preconditions import accepted_versions
from scheduler.answers import FlowControlAnswer
from scheduler.models.choices import Role
from scheduler.parameters import refuse_all
from scheduler.representations import flow_as_json
from scheduler.standing import FlowStanding
from scheduler.tokens import caller_of

_IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The ETag of flow control, or *.")


class FlowControlView(APIView):
    """What may go, how fast, and how much of it at once."""

    # A stop may not wait for its token's rate.
    throttle_classes: Sequence[type[BaseThrottle]] = ()
    required_roles = {"PUT": Role.OPERATOR}

    @extend_schema(
        operation_id="getFlowControl", summary="Show flow control", tags=["control"],
        responses={200: FlowControlAnswer},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show what is in force and what is planned."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        return _answer(flow_control.find(bound_to=caller.namespace, now=caller.now))

    @extend_schema(
        operation_id="setFlowControl", summary="Set flow control", tags=["control"], request=FlowControlInput,
        parameters=[_IF_MATCH], responses={200: FlowControlAnswer},
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Put settings in force on all scheduler nodes, in the place of those that are; with startsAt, plan them."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        standing = flow_control.change_flow(
            read_flow_control(request.data), actor=caller.name, bound_to=caller.namespace,
            versions=accepted_versions(request), now=caller.now,
        )  # fmt: skip
        return _answer(standing)


class FlowPlanView(APIView):
    """One planned change of flow control."""

    required_roles = {"DELETE": Role.OPERATOR}

    @extend_schema(
        operation_id="withdrawFlowPlan", summary="Call a planned change off", tags=["control"], parameters=[_IF_MATCH],
        responses={204: OpenApiResponse(description="It does not begin.")},
    )  # fmt: skip
    def delete(self, request: Request, plan_id: int) -> Response:
        """Call off what is planned and has not begun."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        flow_control.withdraw(plan_id, bound_to=caller.namespace, versions=accepted_versions(request), now=caller.now)
        return Response(status=204)


def _answer(standing: FlowStanding) -> Response:
    return Response(flow_as_json(standing), headers={"ETag": f'"{standing.version}"'})
