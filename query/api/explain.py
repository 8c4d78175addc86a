"""Explanations over HTTP: why an execution, or a slot of a task, ran, ran late or did not."""

from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import explaining, selectors
from query.slots import explain_at
from scheduler.answers import ExplanationAnswer, SlotExplanationAnswer
from scheduler.instants import InstantField
from scheduler.parameters import Reader, refuse_all
from scheduler.representations import explanation_as_json, instant
from scheduler.tokens import caller_of


class ExecutionExplainView(APIView):
    """Why one execution ran, ran late or did not."""

    @extend_schema(
        operation_id="explainExecution", summary="Explain an execution", tags=["executions"],
        responses={200: ExplanationAnswer},
    )  # fmt: skip
    def get(self, request: Request, execution_id: UUID) -> Response:
        """Explain an execution step by step: its slot, what held it, its attempts, how it ended."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        execution = selectors.find_explained(execution_id, namespace=caller.namespace)
        explanation = explaining.explain(execution, now=caller.now)
        return Response(explanation_as_json(explanation, task=execution.task, execution=execution))


class SlotExplainView(APIView):
    """What became of one slot of a task, or will."""

    @extend_schema(
        operation_id="explainSlot", summary="Explain a slot of a task", tags=["tasks"],
        parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME, required=True, description="With its zone.")],
        responses={200: SlotExplanationAnswer},
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID) -> Response:
        """Explain an instant of a task: its execution, why a slot will run or not, or why it has none then."""
        caller = caller_of(request)
        task = selectors.find_task(task_id, namespace=caller.namespace)
        at = _instant(Reader(request.query_params))
        explained = explain_at(task, at, now=caller.now)
        return Response(
            {
                **explanation_as_json(explained.explanation, task=task, execution=explained.execution),
                "scheduledFor": instant(explained.slot),
                "at": instant(at),
                "slotBefore": instant(explained.before),
                "slotAfter": instant(explained.after),
            }
        )


def _instant(reader: Reader) -> datetime:
    """Return the instant that is asked about. Raises InvalidInput."""
    reader.refuse_strangers(["at"])
    try:
        at: datetime | None = InstantField().clean(reader.parameters.get("at", ""))
    except ValidationError as refusal:
        at, first = None, refusal.error_list[0]
        reader.refuse("at", first.code or "invalid", first.messages[0])
    reader.raise_faults()
    assert at is not None  # noqa: S101 - the field is required
    return at
