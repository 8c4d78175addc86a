"""Drafts: definitions on their way into the table, worked out and checked; nothing is read, locked or written here."""

from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db.models.base import ModelState

from register import catalogue, channels, rules, secrets, timing
from register.calendars import naming
from register.errors import NamespaceForbidden
from register.given import Given
from register.surroundings import Surroundings
from scheduler import pauses
from scheduler.engine.changes import same
from scheduler.engine.flex import DayLoad
from scheduler.engine.retry import RetryPolicy
from scheduler.engine.states import TaskStatus
from scheduler.engine.task_ids import Ascending
from scheduler.errors import Fault
from scheduler.models import Task
from scheduler.models.task import default_retry_on
from scheduler.revisions import DEFINITION

DEFAULT_NAMESPACE: Final = "default"
CREATED_BY_LENGTH: Final = 100


@dataclass(slots=True)
class Draft:
    """A task as it would be, the columns of its definition that change, and all that is wrong with it.

    `was` is the task as it is, None of a new one.
    """

    task: Task
    changed: frozenset[str]
    faults: list[Fault]
    was: Task | None = None

    @property
    def moves(self) -> bool:
        """Tell whether its next slot is to be worked out."""
        return bool(self.changed & timing.SCHEDULE_COLUMNS)


def of_new(given: Given, *, actor: str, namespace: str | None, among: Surroundings, now: datetime) -> Draft:
    """Return a new task, with its first slot where nothing is wrong with it. Raises NamespaceForbidden."""
    # Stored in full: what a policy leaves out must not change under a task when a default does.
    presets = {"namespace": namespace or DEFAULT_NAMESPACE, "retry_policy": RetryPolicy().as_json()}
    values = presets | given.values
    if namespace not in (None, values["namespace"]):
        raise NamespaceForbidden
    values, faults = naming.resolved(values, namespace=values["namespace"], among=among)
    upstreams = values.pop("upstreams", ())
    task = _task(values | {"created_at": now, "updated_at": now, "created_by": actor[:CREATED_BY_LENGTH]})
    if task.calendar_id is not None:
        task.calendar = _calendar(values, among)
    _join(task, upstreams)
    timing.settle(task, given=given.values)
    changed = frozenset([*values, *(["upstreams"] if task.has_dependencies else [])])
    draft = Draft(task, changed, [*given.faults, *faults])
    draft.faults += _broken(task, given, changed=changed, among=among, now=now)
    if not draft.faults:
        timing.set_first_slot(task, loads=among.loads(task.queue) if task.flex_seconds else {}, now=now)
    return draft


def of_change(task: Task, given: Given, *, among: Surroundings, now: datetime) -> Draft:
    """Return a locked task, whose slots up to `now` are recorded, with the fields given in the place of its own.

    `place` is to follow where its schedule changes and nothing is wrong.
    """
    was = copy(task)
    values, faults = naming.resolved(implied(given.values), namespace=task.namespace, among=among)
    if "upstreams" in values:
        was.upstreams = was.upstreams  # read now: they are stored as rows of their own
        _join(task, values["upstreams"])
        values = {column: value for column, value in values.items() if column != "upstreams"}
    for column, value in values.items():
        setattr(task, column, value)
    if "calendar_id" in values:
        task.calendar = _calendar(values, among)
    timing.settle(task, given=given.values)
    compared = (*DEFINITION, "upstreams") if "upstreams" in given.values else DEFINITION
    changed = frozenset(name for name in compared if not same(getattr(task, name), getattr(was, name)))
    draft = Draft(task, changed, [*given.faults, *faults], was)
    if not draft.moves:
        # Its next slot was worked out by the rules of then, whatever the calendar's are by now.
        task.calendar_version = was.calendar_version
    elif task.status == TaskStatus.PAUSED:
        # Nobody has recorded the slots of the pause yet: `pauses.record` will, where nothing is wrong.
        task.last_slot_for = pauses.last_slot_of(was, until=now) or task.last_slot_for
    draft.faults += _broken(task, given, changed=changed, among=among, now=now)
    if task.namespace != was.namespace:
        draft.faults.append(_stays(was.namespace))
    return draft


def _join(task: Task, upstreams: Any) -> None:
    """Have a task depend on these, where they have been found (`register.dependencies.lock`)."""
    if isinstance(upstreams, tuple):
        task.upstreams = upstreams
        task.has_dependencies = bool(upstreams)


def place(draft: Draft, *, running: Collection[UUID], loads: Mapping[str, DayLoad], now: datetime) -> None:
    """Make the change a new version, and set the next slot where the schedule changes.

    `running` are the tasks of a fixed delay that run one of their slots (`timing.running`), `loads` what is forecast of
    the queues.
    """
    draft.task.version += 1
    draft.task.updated_at = now
    if draft.moves:
        timing.set_first_slot(draft.task, loads=loads, runs_a_slot=draft.task.id in running, now=now)


def implied(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with what they imply: one kind of schedule that is given takes the place of another."""
    kinds = [column for column in timing.KINDS if values.get(column) is not None]
    return dict.fromkeys(timing.KINDS) | values if len(kinds) == 1 else values


def copied(source: Task, given: Given) -> Given:
    """Return what makes a copy of a task: its definition with the fields given in the place of its own."""
    definition = {column: getattr(source, column) for column in DEFINITION if column != "anchor_at"}
    definition["upstreams"] = [
        {"task_id": upstream.task_id, "condition": upstream.condition} for upstream in source.upstreams
    ]
    if "calendar_name" in given.values:
        del definition["calendar_id"]
    return replace(given, values=definition | implied(given.values))


# What a task has where nobody has said anything, by column, in the model's order; made anew where it can be changed.
_ids: Final = Ascending()
_COLUMNS: Final = {field.attname: field for field in Task._meta.concrete_fields}  # noqa: SLF001 - Django's own way


@lru_cache(maxsize=1)
def _defaults() -> dict[str, Any]:
    return {name: field.get_default() for name, field in _COLUMNS.items()}


def _task(values: dict[str, Any]) -> Task:
    """Return a new task, as `Task()` would: field by field that takes a tenth of a registration."""
    task = Task.__new__(Task)
    attributes = task.__dict__
    attributes |= _defaults()
    attributes |= {
        "id": _ids.draw(values["created_at"]), "status": TaskStatus.ACTIVE, "labels": {},
        "retry_on": default_retry_on(), "listens_to": [], "uses": [],
    }  # fmt: skip
    attributes |= values
    if len(attributes) != len(_COLUMNS):
        raise TypeError(f"A task has no columns {sorted(values.keys() - _COLUMNS)}.")
    task._state = ModelState()  # noqa: SLF001 - what Django's own constructor begins with
    return task


def _calendar(values: dict[str, Any], among: Surroundings) -> Any:
    calendar_id = values.get("calendar_id")
    return among.calendar_of(calendar_id) if calendar_id is not None else None


def _broken(task: Task, given: Given, *, changed: frozenset[str], among: Surroundings, now: datetime) -> list[Fault]:
    faults = rules.broken(task, changed=changed, faulty=given.faulty, now=now)
    if not {"task_class", "task_data"} & given.faulty and {"task_class", "task_data"} & changed:
        faults += _handler_faults(task, given, changed, among)
    if "notify_on" in changed - given.faulty and task.notify_on:
        faults += _channel_faults(task, among)
    if "task_data" in changed - given.faulty:
        faults += secrets.unlisted(task.task_data, namespace=task.namespace, among=among)
    return faults


def _channel_faults(task: Task, among: Surroundings) -> list[Fault]:
    faults: list[Fault] = []
    for index, rule in enumerate(task.notify_on or ()):
        at = f"notifyOn[{index}].channel"
        faults += channels.faults(rule["channel"], at=at, namespace=task.namespace, among=among)
    return faults


def _stays(namespace: str) -> Fault:
    # Its history carries the namespace in every row, and tokens see by it.
    message = f"A task stays in its namespace ({namespace}); register it anew in the other one."
    return Fault("namespace", "impossible", message, is_impossible=True)


def _handler_faults(task: Task, given: Given, changed: frozenset[str], among: Surroundings) -> list[Fault]:
    handler = among.handler(task.task_class)
    if handler is not None:
        return catalogue.task_data_faults(handler, task.task_data)
    if "task_class" in changed and not given.allow_unknown_task_class:
        return [catalogue.unknown_task_class(task.task_class, among.task_classes())]
    return []
