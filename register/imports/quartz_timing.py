"""Turns the triggers of Quartz into schedules of the API: cron, simple and calendar-interval ones."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from register.imports.instants import BEYOND, as_end, read
from register.imports.quartz_slots import QuartzSlots
from register.imports.quartz_xml import Element
from scheduler.engine.schedules import InvalidSchedule, require_zone
from scheduler.representations import instant

# A step after a name is read over by Quartz 2: MON-FRI/2 is every working day there.
_STEP_AFTER_NAME = re.compile(r"(?i)\b([A-Z]{3}(?:-[A-Z]{3})?)/\d+")
_NEAREST = re.compile(r"(?i)\b(29|30|31)W\b")
_FIELDS = (6, 7)
_MILLISECONDS = 1000
_MONTHS = 12
_EVERY_MONTH_HAS = 28
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600}
_SKIP, _ONCE, _ALL = "SKIP", "FIRE_ONCE", "FIRE_ALL"
_MISFIRES = {
    "MISFIRE_INSTRUCTION_IGNORE_MISFIRE_POLICY": _ALL,
    "MISFIRE_INSTRUCTION_FIRE_ONCE_NOW": _ONCE,
    "MISFIRE_INSTRUCTION_DO_NOTHING": _SKIP,
    "MISFIRE_INSTRUCTION_FIRE_NOW": _ONCE,
    "MISFIRE_INSTRUCTION_RESCHEDULE_NOW_WITH_EXISTING_REPEAT_COUNT": _ONCE,
    "MISFIRE_INSTRUCTION_RESCHEDULE_NOW_WITH_REMAINING_REPEAT_COUNT": _ONCE,
    "MISFIRE_INSTRUCTION_RESCHEDULE_NEXT_WITH_EXISTING_COUNT": _SKIP,
    "MISFIRE_INSTRUCTION_RESCHEDULE_NEXT_WITH_REMAINING_COUNT": _SKIP,
}
_SMART = "MISFIRE_INSTRUCTION_SMART_POLICY"
_NO_START = (
    "It has no start-time, so that Quartz counts from the moment when it loads the file. Give it a start-time, or "
    "trigger the task over the API when something starts."
)


class Refused(ValueError):
    """The trigger cannot be carried over; the message says why and what to do."""


@dataclass(slots=True)
class Timing:
    """The schedule's fields, when Quartz would fire, and what is different here."""

    fields: dict[str, Any]
    was: QuartzSlots | None = None
    notes: tuple[str, ...] = ()


def timing(trigger: Element, *, time_zone: str) -> Timing:
    """Return what a <cron>, <simple> or <calendar-interval> says; `time_zone` is for times without one.

    Raises Refused.
    """
    if trigger.get("calendar-name"):
        raise Refused(
            f"calendar-name {trigger.get('calendar-name')}: calendars of Quartz stand in its code, not in this file. "
            "Say its dates here, or let the job ask for them."
        )
    timed = _KINDS.get(trigger.name)
    if timed is None:
        raise Refused(f"<{trigger.name}> is no trigger of Quartz 2.0's schema.")
    found = timed(trigger, time_zone)
    found.fields["misfirePolicy"] = _misfire(trigger)
    return found


def as_quartz_reads(expression: str) -> str:
    """Return a cron expression without what Quartz reads over."""
    return _STEP_AFTER_NAME.sub(r"\1", expression)


def _cron(trigger: Element, time_zone: str) -> Timing:
    expression = " ".join((trigger.get("cron-expression") or "").split())
    if len(expression.split(" ")) not in _FIELDS:
        raise Refused(f"Quartz itself cannot read {expression!r}: its expressions have 6 or 7 fields.")
    zone = _zone(trigger.get("time-zone"), time_zone)
    notes = []
    meant = as_quartz_reads(expression)
    if meant != expression:
        notes.append(f"{expression}: Quartz reads over a step after a name; it stays so: {meant}")
    if match := _NEAREST.search(meant):
        notes.append(f"{match[0]}: in months without a {match[1]}th Quartz may fire on another day; here it does not.")
    start, end = _instant(trigger, "start-time", zone), as_end(_instant(trigger, "end-time", zone))
    fields: dict[str, Any] = {"cronExpression": meant, "timeZone": zone}
    if start is not None:
        fields["startAt"] = instant(start)
    if end is not None:
        # A cron trigger of Quartz still fires at its end, a task does not.
        fields["endAt"] = instant(end + timedelta(seconds=1))
    return Timing(fields, QuartzSlots(meant, zone, start, end), tuple(notes))


def _simple(trigger: Element, time_zone: str) -> Timing:
    start, end = _instant(trigger, "start-time", time_zone), as_end(_instant(trigger, "end-time", time_zone))
    count = _whole(trigger, "repeat-count", "0")
    if count == 0:
        if start is None:
            raise Refused(_NO_START)
        return Timing({"runAt": instant(start)})
    milliseconds = _whole(trigger, "repeat-interval", "0")
    if milliseconds < _MILLISECONDS or milliseconds % _MILLISECONDS:
        raise Refused(f"repeat-interval {milliseconds} ms is no whole number of seconds, of which 1 is the least here.")
    seconds = milliseconds // _MILLISECONDS
    if count > 0:
        if start is None:
            raise Refused(_NO_START)
        end = min(filter(None, [end, _after_last(start, seconds * count)]), default=None)
    return _interval(seconds, start, end)


def _after_last(start: datetime, seconds: int) -> datetime | None:
    """Return the second after the last slot; None where that lies beyond all, as after 2,147,483,647 repetitions."""
    return start + timedelta(seconds=seconds + 1) if seconds < (BEYOND - start).total_seconds() - 1 else None


def _calendar_interval(trigger: Element, time_zone: str) -> Timing:
    every, unit = _whole(trigger, "repeat-interval", "1"), (trigger.get("repeat-interval-unit") or "DAY").upper()
    start, end = _instant(trigger, "start-time", time_zone), as_end(_instant(trigger, "end-time", time_zone))
    if unit in _SECONDS:
        return _interval(every * _SECONDS[unit], start, end)
    if start is None:
        raise Refused(_NO_START)
    expression = _by_calendar(every, unit, start.astimezone(ZoneInfo(time_zone)))
    fields: dict[str, Any] = {"cronExpression": expression, "timeZone": time_zone, "startAt": instant(start)}
    if end is not None:
        fields["endAt"] = instant(end)
    return Timing(fields)


def _by_calendar(every: int, unit: str, start: datetime) -> str:
    """Return the cron expression that fires as often, from a local start."""
    clock = f"{start.second} {start.minute} {start.hour}"
    if unit == "DAY" and every == 1:
        return f"{clock} * * ?"
    if unit == "WEEK" and every == 1:
        return f"{clock} ? * {start.isoweekday() % 7 + 1}"
    months = {"MONTH": every, "YEAR": every * _MONTHS}.get(unit, 0)
    if months and _MONTHS % months == 0 and start.day <= _EVERY_MONTH_HAS:
        numbers = sorted((start.month - 1 + ahead) % _MONTHS + 1 for ahead in range(0, _MONTHS, months))
        text = "*" if len(numbers) == _MONTHS else ",".join(map(str, numbers))
        return f"{clock} {start.day} {text} ?"
    raise Refused(
        f"A calendar-interval of {every} {unit} from {start:%Y-%m-%d} is no cron expression: those begin anew "
        "with each month and year. Write one that is near it, or count in hours where the hour of the day may move."
    )


def _interval(seconds: int, start: datetime | None, end: datetime | None) -> Timing:
    fields: dict[str, Any] = {"intervalSeconds": seconds}
    if start is not None:
        fields["startAt"] = instant(start)
    if end is not None:
        fields["endAt"] = instant(end)
    return Timing(fields)


_KINDS: dict[str, Callable[[Element, str], Timing]] = {
    "cron": _cron,
    "simple": _simple,
    "calendar-interval": _calendar_interval,
}


def _misfire(trigger: Element) -> str:
    instruction = trigger.get("misfire-instruction") or _SMART
    if instruction == _SMART:
        # Quartz's own choice: a simple trigger without end waits for its next time, all others catch up once.
        is_endless = trigger.name == "simple" and _whole(trigger, "repeat-count", "0") < 0
        return _SKIP if is_endless else _ONCE
    if instruction not in _MISFIRES:
        raise Refused(f"misfire-instruction {instruction} is none of Quartz's.")
    return _MISFIRES[instruction]


def _whole(trigger: Element, name: str, default: str) -> int:
    text = trigger.get(name) or default
    if text.upper() == "REPEAT_INDEFINITELY":
        return -1
    if not re.fullmatch(r"-?[0-9]{1,15}", text):
        raise Refused(f"{name} {text[:50]!r} is no whole number.")
    return int(text)


def _zone(text: str | None, default: str) -> str:
    if text is None:
        return default
    try:
        require_zone(text)
    except InvalidSchedule as refusal:
        raise Refused(f"time-zone: {refusal}") from None
    return text


def _instant(trigger: Element, name: str, time_zone: str) -> datetime | None:
    if name == "start-time" and trigger.get("start-time-seconds-in-future"):
        raise Refused("start-time-seconds-in-future counts from when Quartz loads the file. Give it a start-time.")
    text = trigger.get(name)
    if text is None:
        return None
    try:
        return read(text, time_zone=time_zone)
    except ValueError:
        raise Refused(f"{name} {text[:50]!r} is no instant, such as 2030-01-31T06:00:00Z.") from None
