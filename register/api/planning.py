"""What a schedule or a task would come to, over HTTP; both change nothing."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register import bulk, definition, previewing, validating
from register.api.preconditions import accepted_versions
from register.api.reading import read_changes, read_new_task, read_preview
from register.api.serializers import PreviewInput, ValidateInput
from register.drafting import DEFAULT_NAMESPACE
from register.errors import VersionStale
from register.previewing import Preview
from register.validating import Edit
from scheduler.answers import PreviewAnswer, ValidateAnswer
from scheduler.errors import Fault, InvalidInput
from scheduler.models import Task
from scheduler.models.choices import Role
from scheduler.representations import Json, instant, task_as_json
from scheduler.tokens import Caller, caller_of


class PreviewView(APIView):
    """Schedules before they are anybody's."""

    required_roles = {"POST": Role.VIEWER}

    @extend_schema(
        operation_id="previewSchedule", summary="Say what a schedule means", tags=["schedules"], request=PreviewInput,
        responses={200: PreviewAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Answer a schedule's plain words, its next slots after `from` that will run, and warnings."""
        caller = caller_of(request)
        given = read_preview(request.data)
        return Response(_preview_as_json(previewing.preview(given, namespace=caller.namespace, now=caller.now)))


class ValidateView(APIView):
    """Tasks before they are stored."""

    @extend_schema(
        operation_id="validateTask", summary="Check a new or changed task", tags=["tasks"], request=ValidateInput,
        parameters=[
            OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The ETag of what changes, or *.")
        ],
        responses={200: ValidateAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Answer what would be stored, its slots and warnings, and of a change the slots that come and go.

        With `id`, or the name of a task that exists in its namespace, it is a change of that task.
        """
        caller = caller_of(request)
        versions = accepted_versions(request) if "If-Match" in request.headers else None
        task_id, fields = _target(request.data, caller)
        if task_id is None:
            given = read_new_task(fields)
            task = validating.creation(given, actor=caller.name, namespace=caller.namespace, now=caller.now)
            if versions is not None:
                raise VersionStale
            return Response(_validated(task, now=caller.now) | {"task": _candidate(task), "change": None})
        edit = validating.edit(
            task_id,
            read_changes(fields),
            namespace=caller.namespace,
            versions=versions,
            now=caller.now,
        )
        return Response(
            _validated(edit.after, now=caller.now)
            | {"task": task_as_json(edit.after), "change": _edit_as_json(edit, now=caller.now)}
        )


def _target(data: Any, caller: Caller) -> tuple[UUID | None, Any]:
    """Return which task a body is about, None for a new one, and its other fields. Raises InvalidInput."""
    if not isinstance(data, dict):
        return None, data
    fields = {name: value for name, value in data.items() if name != "id"}
    if data.get("id") is not None:
        return _id(data["id"]), fields
    home = caller.namespace or DEFAULT_NAMESPACE
    key = bulk.key_of({"namespace": home} | fields)
    found = bulk.find([key]).get(key) if key is not None and caller.namespace in (None, key[0]) else None
    return (found.id if found is not None else None), fields


def _id(value: Any) -> UUID:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise InvalidInput([Fault("id", "invalid", "This must be the id of a task, a UUID.")]) from None


def _validated(task: Task, *, now: datetime) -> Json:
    return {"valid": True} | _preview_as_json(previewing.of_task(task, now=now))


def _candidate(task: Task) -> Json:
    """Return a new task: its id is not known yet, and without it neither is its jitter or flex."""
    unknown = {"id": None} | ({"nextExecutionTime": None} if task.jitter_seconds or task.flex_seconds else {})
    return task_as_json(task) | unknown


def _preview_as_json(preview: Preview) -> Json:
    return {
        "description": preview.description,
        "next": [instant(slot) for slot in preview.slots],
        "nextLocal": [slot.astimezone(ZoneInfo(preview.time_zone)).isoformat() for slot in preview.slots],
        "timeZone": preview.time_zone,
        "isEstimated": preview.is_estimated,
        "warnings": [
            {"code": caution.code, "message": caution.message, "at": instant(caution.at)}
            for caution in preview.cautions
        ],
    }


def _edit_as_json(edit: Edit, *, now: datetime) -> Json:
    slots = validating.slots_of_edit(edit.before, edit.after, now=now)
    changes = definition.changes(edit.before, edit.after)
    return {
        "taskId": str(edit.before.id),
        "version": edit.before.version,
        "fields": [{"field": change.field, "old": change.old, "new": change.new} for change in changes],
        "slotsAdded": [instant(slot) for slot in slots.added],
        "slotsRemoved": [instant(slot) for slot in slots.removed],
        "addedCount": slots.added_count,
        "removedCount": slots.removed_count,
        "until": instant(slots.until),
        "isCountBounded": slots.is_bounded,
    }
