"""Turns tasks into records that register_tasks reads back as unchanged: what differs from the defaults, no more."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models.functions import Collate

from register import definition
from scheduler.engine import strict_json
from scheduler.engine.states import TaskStatus
from scheduler.models import Handler, Task
from scheduler.representations import Json

_CHUNK = 1000
_ALWAYS = frozenset({"name", "taskClass"})


def records(*, namespace: str | None) -> Iterator[Json]:
    """Yield the tasks of one namespace or of all that are not deleted, by namespace and name."""
    tasks = (
        Task.objects.select_related("calendar")
        .prefetch_related("dependencies__upstream")
        .exclude(status=TaskStatus.DELETED)
    )
    if namespace is not None:
        tasks = tasks.filter(namespace=namespace)
    # By code points: the order, hence the difference between two exports, is the same on every server.
    ordered = tasks.order_by(Collate("namespace", "C"), Collate("name", "C"), "id")
    presets = dict(Handler.objects.values_list("task_class", "defaults"))
    defaults = definition.defaults()
    for task in ordered.iterator(chunk_size=_CHUNK):
        yield record(task, defaults=defaults, presets=presets.get(task.task_class, {}))


def record(task: Task, *, defaults: Json, presets: Json) -> Json:
    """Return the fields of a task that a registration must name to get the same task.

    Those are the fields that differ from their default, and those for which its handler presets something else.
    """
    fields = definition.definition(task)
    fields["taskData"] = _readable(fields["taskData"])
    fields["dependencies"] = [_portable(dependency) for dependency in fields["dependencies"]]
    return {name: value for name, value in fields.items() if name in presets or _is_telling(name, value, defaults)}


def _is_telling(name: str, value: Any, defaults: Json) -> bool:
    return name in _ALWAYS or value != defaults[name]


def _portable(dependency: Json) -> Json:
    """Return a dependency by its name, which is the same elsewhere, or by its id where only that was given."""
    absent = "taskId" if dependency["name"] is not None else "name"
    return {name: value for name, value in dependency.items() if name != absent}


def _readable(task_data: str | None) -> Any:
    """Return task data as an object where that is stored as the same text again; else the text itself."""
    if task_data is None:
        return None
    try:
        value = strict_json.loads(task_data)
    except strict_json.InvalidJson:
        return task_data
    return value if json.dumps(value, ensure_ascii=False) == task_data else task_data
