"""Bulk actions over HTTP: one verb on many tasks or executions, carried out behind the answer."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from register import actions
from register.api.action_input import (
    EXECUTION_ACTIONS,
    TASK_ACTIONS,
    ExecutionActionInput,
    TaskActionInput,
    read_action,
)
from register.api.backfills import accepted
from register.api.operations import OperatorView
from register.given import Given
from scheduler.answers import ActionPlanAnswer, OperationAnswer
from scheduler.models.choices import Role
from scheduler.representations import Json
from scheduler.tokens import Caller, caller_of

# As of the single verbs: who may not define a task may not do so to many.
_DEFINING = frozenset({"delete", "set"})
_MAY_DEFINE = (Role.EDITOR, Role.ADMIN)


class TaskActionView(OperatorView):
    """Verbs on many tasks."""

    @extend_schema(
        operation_id="actOnTasks", summary="Do something to many tasks", tags=["tasks"], request=TaskActionInput,
        responses={202: OperationAnswer, 200: ActionPlanAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Pause, resume, trigger, delete or set many tasks; delete and set need the role editor. 200 is a dry run's."""
        caller = caller_of(request)
        given = read_action(TaskActionInput(), request.data, TASK_ACTIONS)
        action = given.values.get("action")
        if action in _DEFINING and caller.role not in _MAY_DEFINE:
            raise PermissionDenied(f"{action} needs a token with the role editor; this one has {caller.role}.")
        return _acted(actions.TASKS, given, caller)


class ExecutionActionView(OperatorView):
    """Verbs on many executions."""

    @extend_schema(
        operation_id="actOnExecutions", summary="Cancel or retry many executions", tags=["executions"],
        request=ExecutionActionInput, responses={202: OperationAnswer, 200: ActionPlanAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Cancel or retry many executions. 200 is a dry run's."""
        given = read_action(ExecutionActionInput(), request.data, EXECUTION_ACTIONS)
        return _acted(actions.EXECUTIONS, given, caller_of(request))


def _acted(on: str, given: Given, caller: Caller) -> Response:
    if given.values.get("dry_run"):
        plan = actions.plan_action(on, given, namespace=caller.namespace, now=caller.now)
        return Response(
            {
                "action": given.values["action"],
                "on": on,
                "total": plan.total,
                "sample": [_shown(row) for row in plan.sample],
            }
        )
    return accepted(
        actions.start_action(on, given, actor=caller.name, namespace=caller.namespace, now=caller.now), caller
    )


def _shown(row: Any) -> Json:
    name = row.name if hasattr(row, "name") else row.task.name
    return {"id": str(row.id), "name": name, "namespace": row.namespace, "status": row.status}
