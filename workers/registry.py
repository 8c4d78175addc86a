"""The handlers of this worker, by public name. Tasks name a handler, never an import path."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from typing import Any

from jsonschema import Draft202012Validator

from scheduler.engine.presets import PRESETTABLE
from scheduler.engine.suggestions import strangers
from workers.context import Context
from workers.errors import DuplicateHandler, InvalidDeclaration, UnknownHandler

logger = logging.getLogger(__name__)

Data = dict[str, Any]
Function = Callable[[Data, Context], Any]

ANYTHING: dict[str, Any] = {"type": "object"}


@dataclass(frozen=True)
class Handler:
    """A registered function: `function(data, context)` returns something JSON can hold, or None."""

    task_class: str
    function: Function
    description: str = ""
    schema: dict[str, Any] = field(default_factory=lambda: ANYTHING)
    defaults: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    fills_templates: bool = False
    schedules: tuple[dict[str, Any], ...] = ()
    closed_to_events: tuple[str, ...] = ()

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return Draft202012Validator(self.schema)

    def faults(self, data: Data) -> list[str]:
        """Return what the handler's JSON schema says against `data`, a sentence each."""
        errors = self._validator.iter_errors(data)
        return [f"taskData{error.json_path.removeprefix('$')}: {error.message}" for error in errors]


_handlers: dict[str, Handler] = {}


def handler(
    task_class: str,
    *,
    description: str = "",
    schema: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
    version: str = "",
    fills_templates: bool = False,
    schedules: Sequence[dict[str, Any]] = (),
    closed_to_events: Sequence[str] = (),
) -> Callable[[Function], Function]:
    """Register the decorated function under a public name.

    `schema` is a JSON schema (2020-12) of the task data, `defaults` are task fields used where a registration leaves
    them out, and those that are not PRESETTABLE are ignored with a warning; with `fills_templates` the texts of the
    task data may hold `{{scheduledFor}}` and its like, as in the
    built-in handlers, but nothing of an event in the fields that are `closed_to_events`. `schedules` are tasks of this
    handler, declared beside it: each with a `name` and other fields of a task, which `register_tasks --from-code`
    registers. Raises DuplicateHandler, InvalidDeclaration, and jsonschema.SchemaError for a schema that is none.
    """
    for name, hint in strangers(defaults or {}, PRESETTABLE):
        logger.warning("%s: defaults cannot preset %r, it is ignored.%s", task_class, name, hint)
    for declared in schedules:
        _check_declared(declared, task_class)

    def register(function: Function) -> Function:
        if task_class in _handlers and _handlers[task_class].function is not function:
            raise DuplicateHandler(f"{task_class} is registered twice.")
        Draft202012Validator.check_schema(schema or ANYTHING)
        _handlers[task_class] = Handler(
            task_class, function, description or (function.__doc__ or "").strip(), schema or ANYTHING, defaults or {},
            version, fills_templates, tuple(schedules), tuple(closed_to_events),
        )  # fmt: skip
        return function

    return register


def _check_declared(declared: Any, task_class: str) -> None:
    """Refuse what can be no record; all else register checks, which knows the fields. Raises InvalidDeclaration."""
    if not isinstance(declared, dict) or not isinstance(declared.get("name"), str):
        raise InvalidDeclaration(f"{task_class}: a declared schedule is a dict with a name; {declared!r} is none.")
    if declared.get("taskClass", task_class) != task_class:
        raise InvalidDeclaration(f"{task_class}: the schedule {declared['name']!r} names another taskClass.")
    try:
        json.dumps(declared, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidDeclaration(f"{task_class}: {declared['name']!r} is not what JSON can hold: {error}") from None


def load(modules: list[str]) -> None:
    """Import the modules that register handlers; done once, when the worker starts, never by request."""
    for module in modules:
        import_module(module)


def find(task_class: str) -> Handler:
    """Return the handler; raise UnknownHandler, which names the closest ones."""
    try:
        return _handlers[task_class]
    except KeyError:
        close = get_close_matches(task_class, _handlers, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UnknownHandler(f"This worker has no handler {task_class}.{hint}") from None


def all_handlers() -> Iterator[Handler]:
    """Yield every registered handler, by name."""
    return iter(sorted(_handlers.values(), key=lambda known: known.task_class))
