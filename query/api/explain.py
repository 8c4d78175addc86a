"""Explanations over HTTP: why an execution, or a slot of a task, ran, ran late or did not."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import explaining, selectors
from scheduler.answers import ExplanationAnswer
from scheduler.parameters import refuse_all
from scheduler.representations import explanation_as_json
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
