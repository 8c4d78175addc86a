"""Reads what django-celery-beat has stored, as `dumpdata django_celery_beat` writes it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from register.api.serializers import LONGEST_INTERVAL_SECONDS
from register.formats.record import Record
from register.imports import instants
from register.imports.beat_crontab import NotExpressible, expression
from register.imports.celery_slots import FIELDS, CelerySlots, UnreadableCrontab
from register.imports.item import LABEL, Item, LeftOut, Read, Remark, item, refused
from register.imports.literal import literal
from scheduler import schedules
from scheduler.engine import strict_json
from scheduler.engine.schedules import InvalidSchedule
from scheduler.representations import instant

SOURCE = "django-celery-beat"
CELERY_CLASS = "platform.celery"
APPLICATION = "django_celery_beat."
TASKS = f"{APPLICATION}periodictask"
KINDS = {f"{APPLICATION}{kind}schedule": kind for kind in ("crontab", "interval", "clocked", "solar")}

TASKS_SHOWN = 20

Fields = Mapping[str, Any]
Stored = dict[tuple[str, str], Fields]

_SECOND = 1_000_000
_MICROSECONDS = {
    "days": 86_400 * _SECOND,
    "hours": 3_600 * _SECOND,
    "minutes": 60 * _SECOND,
    "seconds": _SECOND,
    "microseconds": 1,
}


class Refused(ValueError):
    """The row cannot be carried over; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How rows are to become tasks; `target` is a name of the workers' CELERY_TARGETS."""

    target: str
    now: datetime
    time_zone: str = "UTC"
    allows_unknown: bool = False
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class _Timing:
    fields: dict[str, Any]
    was: CelerySlots | None = None


def read(rows: Callable[[], Iterator[Record]], choices: Choices, *, file: str) -> Iterator[Read]:
    """Yield what becomes of each periodic task; the rows are gone through twice, for the schedules that they name."""
    stored: Stored = {}
    for row in rows():
        if _model(row) in KINDS:
            fields = row.fields.get("fields")
            stored[KINDS[_model(row)], str(row.fields.get("pk"))] = fields if isinstance(fields, dict) else {}
    sent: dict[str, None] = {}
    for row in rows():
        for found in _of_row(row, stored, choices, file):
            if isinstance(found, Item) and not found.record.faults:
                sent[str(found.record.fields["taskData"].get("task"))] = None
            yield found
    if sent:
        yield _of_target(choices.target, list(sent))


def _of_row(row: Record, stored: Stored, choices: Choices, file: str) -> Iterator[Read]:
    if row.faults:
        yield Item(row)
    elif _model(row) == TASKS:
        yield _converted(row, stored, choices, file)
    elif not _model(row).startswith(APPLICATION):
        yield refused(row.place, "This is no row of django_celery_beat, as dumpdata writes it.")


def _of_target(target: str, tasks: list[str]) -> Remark:
    more = f" and {len(tasks) - TASKS_SHOWN} more" if len(tasks) > TASKS_SHOWN else ""
    return Remark(
        f"The workers' CELERY_TARGETS must name {target!r} and allow it {', '.join(tasks[:TASKS_SHOWN])}{more}."
    )


def _model(row: Record) -> str:
    model = row.fields.get("model") if isinstance(row.fields, dict) else None
    return model if isinstance(model, str) else ""


def _converted(row: Record, stored: Stored, choices: Choices, file: str) -> Read:
    task = row.fields.get("fields")
    if not isinstance(task, dict):
        return refused(row.place, "This row has no fields.")
    name = task.get("name")
    place = f"{file}: {name}"
    if str(task.get("task")).startswith("celery."):
        return LeftOut(place, f"is Celery's own: {task.get('task')}")
    if task.get("enabled") is False:
        return LeftOut(place, "is disabled there; enable it there first to bring it along")
    try:
        timing = _timing(task, stored, choices)
        fields = {
            "name": name,
            "description": task.get("description") or None,
            "taskClass": CELERY_CLASS,
            "allowUnknownTaskClass": True if choices.allows_unknown else None,
            "taskData": _task_data(task, choices),
            **timing.fields,
            "maxRetryCount": 0,  # whether it is tried again is the Celery task's own affair
            "queue": choices.queue,
            "labels": {LABEL: SOURCE},
        }
    except Refused as refusal:
        return refused(place, str(refusal))
    return item(fields, place, was=timing.was, notes=tuple(_notes(task)))


def _task_data(task: Fields, choices: Choices) -> dict[str, Any]:
    for name, remedy in _NOT_SENT.items():
        if task.get(name) not in (None, "", "{}"):
            raise Refused(f"{name}={task[name]!r}: {CELERY_CLASS} does not send it. {remedy}")
    data: dict[str, Any] = {
        "target": choices.target,
        "task": task.get("task"),
        "args": literal(_json(task, "args", "[]", list)),
        "kwargs": literal(_json(task, "kwargs", "{}", dict)),
        "queue": task.get("queue"),
    }
    return {name: value for name, value in data.items() if value not in (None, [], {}, "")}


_NOT_SENT = {
    "exchange": "Give the task a queue instead.",
    "routing_key": "Give the task a queue instead.",
    "headers": "Hand it over among the kwargs.",
}


def _json(task: Fields, name: str, default: str, kind: type) -> Any:
    text = task.get(name) or default
    try:
        value = strict_json.loads(text) if isinstance(text, str) else None
    except strict_json.InvalidJson:
        value = None
    if not isinstance(value, kind):
        raise Refused(f"{name} is no JSON {'array' if kind is list else 'object'}; mend it there.")
    return value


def _notes(task: Fields) -> Iterable[str]:
    if task.get("priority") is not None:
        yield f"priority={task['priority']} of the message is not sent; a task's priority here orders it among tasks."
    if task.get("expire_seconds") is not None:
        yield f"expire_seconds={task['expire_seconds']}: the message does not expire here."


def _timing(task: Fields, stored: Stored, choices: Choices) -> _Timing:
    zone = choices.time_zone
    given = [(kind, task[kind]) for kind in KINDS.values() if task.get(kind) is not None]
    if len(given) != 1:
        raise Refused("It has no schedule." if not given else "It has several schedules; leave it one.")
    kind, key = given[0]
    schedule = stored.get((kind, str(key)))
    if kind == "solar":
        event = f" ({schedule.get('event')})" if schedule else ""
        raise Refused(
            f"A solar schedule{event} is not known here. Choose a fixed time, or send a request at the event."
        )
    if schedule is None:
        raise Refused(f"Its schedule ({kind} {key}) is not in the dump; dump the whole of django_celery_beat.")
    start, end = _instant(task, "start_time", zone), instants.as_end(_instant(task, "expires", zone))
    if kind == "clocked":
        return _Timing({"runAt": str(instant(_required(schedule, "clocked_time", zone)))})
    timing = _crontab(schedule) if kind == "crontab" else _interval(schedule, _instant(task, "last_run_at", zone))
    if start is not None:
        timing.fields["startAt"] = max(str(instant(start)), timing.fields.get("startAt", ""))
    if end is not None:
        timing.fields["endAt"] = str(instant(end))
    if timing.was is not None:
        timing = replace(timing, was=replace(timing.was, start=start, end=end))
    return _once(timing, choices.now) if task.get("one_off") else timing


def _crontab(schedule: Fields) -> _Timing:
    texts = tuple("".join(str(schedule.get(name, "*")).split()).lower() for name in FIELDS)
    zone = str(schedule.get("timezone") or "UTC")
    try:
        cron = expression(texts)
    except UnreadableCrontab as refusal:
        raise Refused(f"Celery itself cannot read the crontab {' '.join(texts)}: {refusal}") from None
    except NotExpressible as refusal:
        raise Refused(str(refusal)) from None
    return _Timing({"cronExpression": cron, "timeZone": zone}, CelerySlots(texts, zone))


def _interval(schedule: Fields, last_run: datetime | None) -> _Timing:
    every, period = schedule.get("every"), str(schedule.get("period"))
    if not isinstance(every, int) or period not in _MICROSECONDS:
        raise Refused(f"The interval {every!r} {period!r} is none.")
    seconds, rest = divmod(every * _MICROSECONDS[period], _SECOND)
    if seconds < 1 or rest:
        raise Refused(f"An interval of {every} {period} is no whole number of seconds, of which 1 is the least here.")
    fields: dict[str, Any] = {"intervalSeconds": seconds}
    if last_run is not None:
        # The grid begins where it ran last, so that the rhythm goes on.
        fields["startAt"] = str(instant(last_run.replace(microsecond=0)))
    return _Timing(fields)


def _once(timing: _Timing, now: datetime) -> _Timing:
    """Return the one slot that is to come."""
    fields = timing.fields
    if fields.get("intervalSeconds", 0) > LONGEST_INTERVAL_SECONDS:
        raise Refused("Its interval is longer than ten years, the longest here.")
    start, end = (datetime.fromisoformat(fields[name]) if name in fields else None for name in ("startAt", "endAt"))
    try:
        schedule = schedules.build(
            cron_expression=fields.get("cronExpression"),
            time_zone=fields.get("timeZone", "UTC"),
            interval_seconds=fields.get("intervalSeconds"),
            anchor_at=start or now,
            start_at=start,
            end_at=end,
        )
    except InvalidSchedule as refusal:
        raise Refused(str(refusal)) from None
    slot = schedule.next_after(now)
    if slot is None:
        raise Refused("It was to run once, and no time is left for it.")
    return _Timing({"runAt": str(instant(slot.replace(microsecond=0)))})


def _required(fields: Fields, name: str, time_zone: str) -> datetime:
    found = _instant(fields, name, time_zone)
    if found is None:
        raise Refused(f"{name} is missing.")
    return found


def _instant(fields: Fields, name: str, time_zone: str) -> datetime | None:
    text = fields.get(name)
    if text is None:
        return None
    try:
        # Without USE_TZ the dump has no zone.
        return instants.read(text, time_zone=time_zone)
    except (TypeError, ValueError):
        raise Refused(f"{name}={text!r} is no instant.") from None
