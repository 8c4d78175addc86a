"""Workflows over HTTP: the graph around a task, and one run of it."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query import selectors, workflows
from query.workflows import Condition, Edge, Place
from scheduler.answers import GraphAnswer, RunAnswer
from scheduler.models import Task
from scheduler.parameters import refuse_all
from scheduler.representations import Json, instant
from scheduler.tokens import caller_of


class GraphView(APIView):
    """The workflow that a task belongs to."""

    @extend_schema(
        operation_id="getTaskGraph", summary="Show the workflow of a task", tags=["tasks"],
        responses={200: GraphAnswer},
    )  # fmt: skip
    def get(self, request: Request, task_id: UUID) -> Response:
        """Show every task that dependencies join with this one, and what waits for what."""
        refuse_all(request.query_params)
        caller = caller_of(request)
        task = selectors.find_task(task_id, namespace=caller.namespace)
        shown = workflows.graph_of(task, namespace=caller.namespace)
        return Response(
            {
                "taskId": str(task.id),
                "nodes": [_node(one) for one in shown.tasks],
                "edges": [_edge(edge) for edge in shown.edges],
            }
        )


class RunView(APIView):
    """One run of a workflow."""

    @extend_schema(operation_id="getRun", summary="Show a run", tags=["runs"], responses={200: RunAnswer})
    def get(self, request: Request, run_id: UUID) -> Response:
        """Show how far a run has come: its tasks with their latest attempts, and what their conditions come to."""
        refuse_all(request.query_params)
        run = workflows.find_run(run_id, namespace=caller_of(request).namespace)
        return Response(
            {
                "runId": str(run.root.id),
                "taskId": str(run.root.task_id),
                "taskName": run.root.task.name,
                "namespace": run.root.namespace,
                "scheduledFor": instant(run.root.scheduled_for),
                "trigger": run.root.trigger,
                "status": run.status,
                "endedAt": instant(run.ended_at),
                "nodes": [_place(place) for place in run.places],
                "edges": [_condition(one) for one in run.conditions],
            }
        )


def _node(task: Task) -> Json:
    return {
        "taskId": str(task.id),
        "name": task.name,
        "namespace": task.namespace,
        "status": task.status,
        "dependencyMode": task.dependency_mode,
        "nextExecutionTime": instant(task.next_execution_time),
        "lastExecutedAt": instant(task.last_executed_at),
    }


def _edge(edge: Edge) -> Json:
    return {
        "upstreamId": str(edge.upstream.task_id),
        "taskId": str(edge.task_id),
        "condition": edge.upstream.condition.value,
        "isSlowest": edge.is_slowest,
    }


def _place(place: Place) -> Json:
    row = place.execution
    return {
        "taskId": str(place.task.id),
        "name": place.task.name,
        "namespace": place.task.namespace,
        "dependencyMode": place.task.dependency_mode,
        "isInRun": place.is_in_run,
        "executionId": str(row.id) if row else None,
        "status": row.status if row else None,
        "reason": row.reason if row else None,
        "attempt": row.attempt if row else None,
        "scheduledFor": instant(row.scheduled_for) if row else None,
        "startTime": instant(row.start_time) if row else None,
        "endTime": instant(row.end_time) if row else None,
        "executionTimeMs": row.execution_time_ms if row else None,
    }


def _condition(one: Condition) -> Json:
    return {
        "upstreamId": str(one.upstream.task_id),
        "taskId": str(one.task_id),
        "condition": one.upstream.condition.value,
        "verdict": one.verdict.value,
    }
