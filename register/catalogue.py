"""What workers have announced: the handlers that tasks may name, and the schemas that task data has to meet."""

import json
import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from scheduler.engine.placeholders import lenient, marked
from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import Fault
from scheduler.models import Handler

logger = logging.getLogger(__name__)

FAULTS_SHOWN = 20
MESSAGE_LENGTH = 300


def find_handler(task_class: str) -> Handler | None:
    """Return the handler of this public name, if some worker has announced it."""
    return Handler.objects.filter(task_class=task_class).first()


def known_queues() -> set[str]:
    """Return the queues that workers have announced with their handlers."""
    return {queue for queues in Handler.objects.values_list("queues", flat=True) for queue in queues}


def unknown_task_class(task_class: str, known: Iterable[str]) -> Fault:
    """Return the refusal of a name that no worker has announced."""
    return Fault(
        "taskClass",
        "unknown_task_class",
        f"No worker has announced {task_class[:100]!r}.{did_you_mean(task_class, known)} "
        "To register ahead of a deployment set allowUnknownTaskClass.",
        is_impossible=True,
    )


def task_data_faults(handler: Handler, task_data: str | None) -> list[Fault]:
    """Return where the task data does not meet the handler's schema; a task without data has an empty object."""
    if _takes_anything(handler.schema_text):
        return []
    validator = _validator(handler.schema_text)
    if validator is None:
        # The worker's fault, not the caller's.
        logger.error("The schema of %s is no JSON schema; its task data goes unchecked.", handler)
        return []
    try:
        errors = sorted(
            validator.iter_errors(marked(json.loads(task_data or "{}"))),
            key=lambda error: list(map(str, error.path)),
        )
    except (Unresolvable, RecursionError):
        logger.exception(
            "The schema of %s refers to what it does not hold, or to itself; its task data goes unchecked.", handler
        )
        return []
    except OverflowError:
        message = "A number in it is too large for the handler's schema."
        return [Fault("taskData", "schema", message, is_impossible=True)]
    return [
        Fault(_path(error.absolute_path), "schema", error.message[:MESSAGE_LENGTH], is_impossible=True)
        for error in errors[:FAULTS_SHOWN]
    ]


@lru_cache(maxsize=1024)
def _takes_anything(schema_text: str) -> bool:
    """Tell whether a schema asks for an object and no more, as those of most handlers do: task data is one always."""
    return json.loads(schema_text) in ({}, {"type": "object"})


@lru_cache(maxsize=1024)
def _validator(schema_text: str) -> Validator | None:
    """Return what checks by this schema, None where it is broken; to check a schema costs more than all else here."""
    schema: dict[str, Any] = json.loads(schema_text)
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError:
        return None
    # An empty registry: a schema that names another by its address must not make this process fetch it.
    # A secret stands for the text that the worker puts in its place.
    return lenient(kind)(schema, registry=Registry())


def _path(parts: Any) -> str:
    path = "taskData"
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path
