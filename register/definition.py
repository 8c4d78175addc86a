"""A task's definition as the fields of the API: what files hold, and what a plan compares."""

from collections.abc import Iterator
from datetime import UTC, datetime

from register.api.serializers import TaskInput
from scheduler.engine.changes import Change
from scheduler.engine.changes import changes as compare
from scheduler.engine.retry import RetryPolicy
from scheduler.models import Task
from scheduler.representations import Json, definition_as_json

# Speaks of the request that registers, and is not stored.
_NOT_STORED = "allowUnknownTaskClass"

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

FIELDS: tuple[str, ...] = tuple(name for name in map(str, TaskInput().fields) if name != _NOT_STORED)


def definition(task: Task) -> Json:
    """Return all fields of the definition, in the API's order."""
    shown = definition_as_json(task)
    return {name: shown[name] for name in FIELDS}


def defaults() -> Json:
    """Return what each field is where nobody has said anything."""
    nobody_said = Task(retry_policy=RetryPolicy().as_json(), created_at=_NEVER, updated_at=_NEVER)
    return definition(nobody_said)


def changes(before: Task, after: Task) -> Iterator[Change]:
    """Yield the fields that differ, in the API's order."""
    return compare(definition(before), definition(after))
