"""The operators' verbs on tasks over HTTP; all of them need the role operator."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import operating
from register.api.reading import read_pause, read_resume, read_skip, read_trigger
from register.api.serializers import PauseInput, ResumeInput, SkipInput, TriggerInput
from register.api.views import task_answer
from scheduler.answers import ExecutionAnswer, TaskAnswer
from scheduler.models import Execution
from scheduler.models.choices import Role
from scheduler.representations import execution_as_json
from scheduler.tokens import caller_of


class OperatorView(APIView):
    """A verb."""

    required_roles = {"POST": Role.OPERATOR}


class TriggerView(OperatorView):
    """Runs by hand."""

    takes_key_in_body = True

    @extend_schema(
        operation_id="triggerTask", summary="Run a task now", tags=["tasks"], request=TriggerInput,
        responses={202: ExecutionAnswer},
    )  # fmt: skip
    def post(self, request: Request, task_id: UUID) -> Response:
        """Run a task now, whatever its schedule says."""
        caller = caller_of(request)
        given = read_trigger(request.data)
        return accepted(operating.trigger_task(task_id, given, namespace=caller.namespace, now=caller.now))


class PauseView(OperatorView):
    """Pauses."""

    @extend_schema(
        operation_id="pauseTask", summary="Pause a task", tags=["tasks"], request=PauseInput,
        responses={200: TaskAnswer},
    )  # fmt: skip
    def post(self, request: Request, task_id: UUID) -> Response:
        """Stop firing, until an instant if one is given; what is QUEUED or RUNNING goes on, retries wait."""
        caller = caller_of(request)
        given = read_pause(request.data)
        return task_answer(
            operating.pause_task(task_id, given, actor=caller.name, namespace=caller.namespace, now=caller.now)
        )


class ResumeView(OperatorView):
    """Ends of pauses."""

    @extend_schema(
        operation_id="resumeTask", summary="Resume a task", tags=["tasks"], request=ResumeInput,
        responses={200: TaskAnswer},
    )  # fmt: skip
    def post(self, request: Request, task_id: UUID) -> Response:
        """Fire again; the slots of the pause become one SKIPPED row, or with catchUp follow misfirePolicy."""
        caller = caller_of(request)
        given = read_resume(request.data)
        return task_answer(operating.resume_task(task_id, given, namespace=caller.namespace, now=caller.now))


class SkipView(OperatorView):
    """Slots that are left out."""

    @extend_schema(
        operation_id="skipSlot", summary="Leave out one coming slot", tags=["tasks"], request=SkipInput,
        responses={200: TaskAnswer},
    )  # fmt: skip
    def post(self, request: Request, task_id: UUID) -> Response:
        """Leave out one coming slot; when its time comes it is recorded as SKIPPED, requested."""
        caller = caller_of(request)
        given = read_skip(request.data)
        return task_answer(operating.skip_slot(task_id, given, namespace=caller.namespace, now=caller.now))


def accepted(execution: Execution) -> Response:
    """Return the answer that shows an execution, for whoever wants to follow it."""
    body = execution_as_json(execution, task_name=execution.task.name)
    return Response(body, status=202, headers={"Location": f"/api/v1/executions/{execution.id}"})
