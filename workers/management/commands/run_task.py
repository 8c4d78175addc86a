"""`manage.py run_task`: runs a task's handler in the foreground."""

import json
import logging
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from scheduler import clock
from scheduler.connections import current
from scheduler.engine.states import Status
from scheduler.engine.strict_json import InvalidJson, loads
from scheduler.errors import SchedulerError
from scheduler.models import Task
from workers import foreground, registry
from workers.errors import UnknownHandler
from workers.outcomes import Ending


class Command(BaseCommand):
    help = (
        "Run a task's handler in this process, so that a debugger works. Log lines go to standard error, the result to "
        "standard output; exit status 1 where it fails. Nothing is recorded and no timeout is armed unless asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", metavar="NAME", help="the task's name")
        parser.add_argument("--task-class", metavar="CLASS", help="instead of a task: a handler, to try it")
        parser.add_argument("--namespace", default="default", metavar="NS", help="of the task (default: default)")
        parser.add_argument(
            "--at", type=_instant, metavar="SLOT", help="the slot, as 2026-03-01T02:30:00Z (default: now)"
        )
        parser.add_argument("--data", type=_json_object, metavar="JSON", help="instead of the task's own taskData")
        parser.add_argument("--record", action="store_true", help="as a MANUAL execution that history shows")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        if (options["name"] is None) == (options["task_class"] is None):
            raise CommandError("Give the NAME of a task, or --task-class.")
        if options["record"] and options["task_class"]:
            raise CommandError("--record needs a task: history belongs to one.")
        registry.load(settings.HANDLER_MODULES)
        self.stderr.style_func = None  # log lines are no errors
        try:
            task = _task(options)
            began = clock.monotonic()
            with _live_log(self.stderr):
                ending = self._run(task, options)
        except (SchedulerError, UnknownHandler) as refusal:
            raise CommandError(str(refusal) or str(type(refusal).__doc__)) from None
        self._tell(ending, seconds=clock.monotonic() - began)

    def _run(self, task: Task, options: dict[str, Any]) -> Ending:
        connection, now = current(), clock.now()
        given = {"at": options["at"] or now, "task_data": options["data"], "now": now}
        if not options["record"]:
            return foreground.run(connection, foreground.unrecorded(task, **given))
        started = foreground.begin(connection, task, **given)
        self.stderr.write(f"Execution {started.id} of {task.name}, fence {started.fence}.")
        return foreground.run_recorded(connection, started, clock=clock.now)

    def _tell(self, ending: Ending, *, seconds: float) -> None:
        if ending.result is not None:
            self.stdout.write(ending.result)
        if ending.status is not Status.SUCCESS:
            raise CommandError(f"{ending.status} after {seconds:.2f} s: {ending.error_message}")
        self.stderr.write(f"{ending.status} after {seconds:.2f} s.")


def _task(options: dict[str, Any]) -> Task:
    """Return the task to run; a handler that there is not is said now, before anything is recorded."""
    name, namespace = options["name"], options["namespace"]
    if name is None:
        task = foreground.bare(options["task_class"], namespace=namespace)
    else:
        task = foreground.find_task(name, namespace=namespace)
    registry.find(task.task_class)
    return task


def _instant(text: str) -> datetime:
    try:
        instant = parse_datetime(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} is no instant: write one like 2026-03-01T02:30:00Z, with its zone.")
    return instant


def _json_object(text: str) -> str:
    try:
        value = loads(text)
    except InvalidJson as error:
        raise ArgumentTypeError(f"no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ArgumentTypeError("no JSON object: write one like '{\"retentionDays\": 7}'.")
    return json.dumps(value)


class _LiveHandler(logging.StreamHandler[Any]):
    """Writes each line at once, by itself: the profile's own handler would say it a second time."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))


@contextmanager
def _live_log(stderr: Any) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [*(h for h in handlers if not _writes_to_terminal(h)), _LiveHandler(stderr)]
    root.setLevel(min(level, logging.INFO))
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _writes_to_terminal(handler: logging.Handler) -> bool:
    return getattr(handler, "stream", None) in (sys.stdout, sys.stderr)
