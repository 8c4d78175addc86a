"""`manage.py backfill`: asks for past slots of a task, and follows them where that is wanted."""

import threading
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser

from register import backfilling, operations
from register.api.reading import read_backfill
from register.drafting import DEFAULT_NAMESPACE
from register.errors import BackfillOpen
from scheduler import clock
from scheduler.acting import as_command
from scheduler.engine.states import TaskStatus
from scheduler.errors import InvalidInput, SchedulerError
from scheduler.models import Operation, Task
from scheduler.models.choices import OperationStatus
from scheduler.models.operation import UNFINISHED
from scheduler.representations import instant

ACTOR = "manage.py"
LOOK_EVERY_SECONDS = 1.0

_stopping = threading.Event()


class Command(BaseCommand):
    help = "Run past slots of a task: from <= slot < to, those that have no SUCCESS, oldest first, under fresh work."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("task", metavar="NAME|ID", help="a task's name, or its id")
        when = "an instant such as 2030-01-31T06:00:00Z, or a day: its midnight in the task's zone"
        add("--from", required=True, dest="begin", metavar="WHEN", help=f"first slot; {when}")
        add("--to", required=True, dest="end", metavar="WHEN", help="end, itself excluded; not after now")
        add("--max-parallel", type=int, default=1, metavar="N", help="executions open at once (default: 1, up to 100)")
        add("--rerun", action="store_true", help="also what has succeeded")
        add("--namespace", default=DEFAULT_NAMESPACE, metavar="NS", help="of the name (default: default)")
        add("--wait", action="store_true", help="until it has ended; exit 1 unless every slot has succeeded")
        add("--dry-run", action="store_true", help="say what would run and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        task = _find(options["task"], namespace=options["namespace"])
        given = read_backfill(
            {
                "from": _instant(options["begin"], task, name="--from"),
                "to": _instant(options["end"], task, name="--to"),
                "maxParallel": options["max_parallel"],
                "rerun": options["rerun"],
            }
        )
        try:
            if options["dry_run"]:
                self._plan(backfilling.plan_backfill(task.id, given, namespace=None, now=now))
                return
            with as_command(ACTOR):
                operation = backfilling.start_backfill(task.id, given, actor=ACTOR, namespace=None, now=now)
        except SchedulerError as refusal:
            raise CommandError(_said(refusal)) from None
        self.stdout.write(f"Backfill {operation.id} of {task.name}: {operation.total_count} slots.")
        if options["wait"]:
            self._follow(operation.id)

    def _plan(self, plan: backfilling.Plan) -> None:
        first, last = instant(plan.slots[0]), instant(plan.slots[-1])
        self.stdout.write(
            f"{plan.task.name}: {len(plan.slots)} slots, {first} to {last}; {len(plan.slots) - plan.left_out} would "
            f"run, {plan.left_out} would be left out. Nothing was changed."
        )

    def _follow(self, operation_id: UUID) -> None:
        """Say how it stands whenever that changes, until it has ended."""
        said = ""
        while True:
            operation = operations.find_operation(operation_id, namespace=None)
            line = _line(operation)
            if line != said:
                self.stdout.write(line)
                said = line
            if operation.status not in UNFINISHED:
                break
            _stopping.wait(LOOK_EVERY_SECONDS)
        if operation.status != OperationStatus.COMPLETED or operation.failed_count:
            raise CommandError(_errors(operation))


def _find(text: str, *, namespace: str) -> Task:
    tasks = Task.objects.select_related("calendar").exclude(status=TaskStatus.DELETED)
    try:
        found = tasks.filter(id=UUID(text)).first()
    except ValueError:
        found = None if "\0" in text else tasks.filter(namespace=namespace, name=text).first()
    if found is None:
        raise CommandError(f"There is no task {text!r} in the namespace {namespace}; name one, or give an id.")
    return found


def _instant(text: str, task: Task, *, name: str) -> str:
    """Return an instant as the API takes it; a day is its first instant in the task's zone."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text  # an instant, or nothing of the kind: the API's own reader tells
    try:
        return datetime.combine(day, time.min, tzinfo=ZoneInfo(task.time_zone)).astimezone(UTC).isoformat()
    except OverflowError:
        raise CommandError(f"{name}: this must lie between 1970 and 2199.") from None


def _said(refusal: SchedulerError) -> str:
    if isinstance(refusal, InvalidInput):
        names = {"from": "--from", "to": "--to", "maxParallel": "--max-parallel"}
        return "\n".join(f"{names.get(fault.field, fault.field)}: {fault.message}" for fault in refusal.faults)
    return str(refusal) if isinstance(refusal, BackfillOpen) else str(refusal.__doc__)


def _line(operation: Operation) -> str:
    ended = operation.done_count + operation.failed_count + operation.skipped_count
    return (
        f"{operation.status}: {ended} of {operation.total_count}: {operation.done_count} done, "
        f"{operation.failed_count} failed, {operation.skipped_count} left out"
    )


def _errors(operation: Operation) -> str:
    lines = [f"{error['slot'] or ''} {error['status'] or ''} {error['message'] or ''}" for error in operation.errors]
    return "\n".join([f"Not every slot has succeeded: {operation.failed_count} failed.", *map(str.strip, lines)])
