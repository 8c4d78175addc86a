"""Thousands of definitions in one request."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import collecting, submission
from register.api.reading import read_bulk
from register.api.serializers import BulkInput
from register.bulk import CREATED, FAILED, UNCHANGED, UPDATED, Entry, Result
from scheduler.answers import BulkAnswer
from scheduler.errors import InvalidInput
from scheduler.representations import Json
from scheduler.tokens import caller_of

MAX_BODY_BYTES: Final = 32 * 1024 * 1024

_OUTCOMES = (CREATED, UPDATED, UNCHANGED, FAILED)


class BulkView(APIView):
    """Many tasks at once."""

    max_body_bytes = MAX_BODY_BYTES

    @extend_schema(
        operation_id="registerTasks", summary="Register many tasks", tags=["tasks"], request=BulkInput,
        responses={200: BulkAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Create tasks, and with mode upsert change those that have the names; each by itself, or all or none."""
        with collecting.seldom():
            return Response(self._registered(request))

    def _registered(self, request: Request) -> Json:
        caller = caller_of(request)
        given = read_bulk(request.data)
        if given.faults:
            raise InvalidInput(given.faults)
        results = submission.submit(
            [Entry(fields) for fields in given.values["tasks"]],
            mode=given.values["mode"],
            is_atomic=given.values["atomic"],
            actor=caller.name,
            namespace=caller.namespace,
            now=caller.now,
        )
        counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in _OUTCOMES}
        return {**counts, "results": [_shown(index, result) for index, result in enumerate(results)]}


def _shown(index: int, result: Result) -> Json:
    errors: list[dict[str, Any]] = [
        {"field": fault.field, "code": fault.code, "message": fault.message}
        for fault in submission.place(result.faults, index=index)
    ]
    return {
        "index": index,
        "id": str(result.task.id) if result.task is not None else None,
        "outcome": result.outcome,
        "errors": errors,
    }
