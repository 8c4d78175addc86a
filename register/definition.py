"""A task's definition as the fields of the API: what files hold, and what a plan compares."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from register.api.serializers import TaskInput
from scheduler.engine.retry import RetryPolicy
from scheduler.models import Task
from scheduler.representations import Json, task_as_json

# Speaks of the request that registers, and is not stored.
_NOT_STORED = "allowUnknownTaskClass"

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

FIELDS: tuple[str, ...] = tuple(name for name in map(str, TaskInput().fields) if name != _NOT_STORED)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; a label and a part of the retry policy are fields of their own."""

    field: str
    old: Any
    new: Any


def definition(task: Task) -> Json:
    """Return all fields of the definition, in the API's order."""
    shown = task_as_json(task)
    return {name: shown[name] for name in FIELDS}


def defaults() -> Json:
    """Return what each field is where nobody has said anything."""
    nobody_said = Task(retry_policy=RetryPolicy().as_json(), created_at=_NEVER, updated_at=_NEVER)
    return definition(nobody_said)


def changes(before: Task, after: Task) -> Iterator[Change]:
    """Yield the fields that differ, in the API's order."""
    old, new = definition(before), definition(after)
    for field in FIELDS:
        if old[field] != new[field]:
            yield from _differences(field, old[field], new[field])


def _differences(field: str, old: Any, new: Any) -> Iterator[Change]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield Change(field, old, new)
        return
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Change(f"{field}.{name}", old.get(name), new.get(name))
