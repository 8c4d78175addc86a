"""A catalogue of handlers in a file: written by export_catalogue, or saved from `GET /api/v1/handlers`."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID, uuid4

from register.formats.record import UnreadableFile
from scheduler.engine import strict_json
from scheduler.engine.flex import DayLoad
from scheduler.models import Calendar, Handler
from scheduler.representations import handler_as_json

LIST_NAME = "content"

_KINDS = {"taskClass": str, "schema": dict, "defaults": dict, "schedules": list, "queues": list}


def write(handlers: Sequence[Handler], out: TextIO) -> None:
    """Write handlers with what tasks are checked against, and the schedules declared beside them."""
    shown = map(handler_as_json, handlers)
    known = [{name: value for name, value in one.items() if name not in _OF_A_NODE} for one in shown]
    json.dump({LIST_NAME: known}, out, ensure_ascii=False, indent=2)
    out.write("\n")


# What changes with each start of a worker, and says nothing about the code.
_OF_A_NODE = frozenset({"nodeId", "seenAt"})


def read(path: Path) -> "Catalogue":
    """Return the catalogue of a file. Raises UnreadableFile."""
    try:
        document = strict_json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UnreadableFile(f"{path}: it cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UnreadableFile(f"{path}: it is not UTF-8.") from None
    except strict_json.InvalidJson as error:
        raise UnreadableFile(f"{path}: it is not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get(LIST_NAME), list):
        raise UnreadableFile(f"{path}: it must hold handlers under `{LIST_NAME}`, as export_catalogue writes them.")
    return Catalogue([_handler(one, f"{path}: {LIST_NAME}[{at}]") for at, one in enumerate(document[LIST_NAME])])


def _handler(fields: Any, place: str) -> Handler:
    if not isinstance(fields, dict) or not isinstance(fields.get("taskClass"), str):
        raise UnreadableFile(f"{place}: it must be an object with a taskClass.")
    for name, kind in _KINDS.items():
        if not isinstance(fields.get(name, kind()), kind):
            raise UnreadableFile(f"{place}.{name}: this must be {'an object' if kind is dict else 'a list'}.")
    return Handler(
        task_class=fields["taskClass"],
        schema=fields.get("schema", {}),
        defaults=fields.get("defaults", {}),
        schedules=fields.get("schedules", []),
        queues=fields.get("queues", []),
    )


class Catalogue:
    """`register.surroundings.Surroundings` without a database: what only that knows is taken on trust.

    A calendar that a task names is taken to be there, and never closed; so are secrets and webhooks.
    """

    def __init__(self, handlers: Sequence[Handler]) -> None:
        self.handlers = list(handlers)
        self._by_name = {handler.task_class: handler for handler in handlers}
        self._calendars: dict[UUID, Calendar] = {}

    def handler(self, task_class: str) -> Handler | None:
        """Return the handler of a public name, if the file has it."""
        return self._by_name.get(task_class)

    def task_classes(self) -> Collection[str]:
        """Return the public names of all handlers."""
        return self._by_name.keys()

    def calendar(self, name: str, *, namespace: str) -> Calendar | None:
        """Return a calendar of that name that is never closed."""
        calendar = Calendar(id=uuid4(), name=name, namespace=namespace)
        self._calendars[calendar.id] = calendar
        return calendar

    def calendar_names(self, *, namespace: str) -> Collection[str]:
        """Return no names: none can be unknown."""
        return ()

    def calendar_of(self, calendar_id: UUID) -> Calendar | None:
        """Return a calendar that `calendar` has returned."""
        return self._calendars.get(calendar_id)

    def secret_names(self, namespace: str) -> Collection[str]:
        """Return none: only the worker knows."""
        return ()

    def has_webhook(self, webhook_id: UUID, *, namespace: str) -> bool:
        """Tell that there is one: only the database knows."""
        return True

    def loads(self, queue: str) -> Mapping[str, DayLoad]:
        """Return nothing: a forecast is made of what is registered."""
        return {}
