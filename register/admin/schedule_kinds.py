"""The kinds of schedule that the editor knows: their parts made into what the API takes, and read back out of it.

What it cannot write itself it never touches: a schedule that is not just what one of its kinds would write is advanced.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Parts = Mapping[str, Any]

WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
WORKING_DAYS: Final = WEEKDAYS[:5]
MINUTES: Final = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
LAST_DAY: Final = "L"
LAST_WORKING_DAY: Final = "LW"
UNITS: Final = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}

NOTHING: Final[Parts] = {"cronExpression": None, "intervalSeconds": None, "runAt": None}


class Kind(StrEnum):
    """How often a task runs, as people say it."""

    EVERY = "every"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ONCE = "once"
    INTERVAL = "interval"
    ADVANCED = "advanced"
    REQUEST = "request"


# Which parts each kind needs.
PARTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.EVERY: ("everyMinutes",),
    Kind.HOURLY: ("atMinute",),
    Kind.DAILY: ("atTime",),
    Kind.WEEKLY: ("weekdays", "atTime"),
    Kind.MONTHLY: ("monthDay", "atTime"),
    Kind.ONCE: ("runOn",),
    Kind.INTERVAL: ("intervalCount", "intervalUnit"),
    Kind.ADVANCED: ("cronExpression",),
    Kind.REQUEST: (),
}


def schedule_of(kind: Kind, parts: Parts, *, time_zone: str) -> dict[str, Any]:
    """Return the API's fields of a schedule; `parts` has those of its kind. `runOn` is a local time of the zone."""
    if kind is Kind.ONCE:
        return {**NOTHING, "runAt": _instant(parts["runOn"], time_zone)}
    if kind is Kind.INTERVAL:
        return {**NOTHING, "intervalSeconds": parts["intervalCount"] * UNITS[parts["intervalUnit"]]}
    if kind is Kind.REQUEST:
        return dict(NOTHING)
    text = parts["cronExpression"] if kind is Kind.ADVANCED else _quartz(kind, parts)
    return {**NOTHING, "cronExpression": text}


def parts_of(definition: Parts) -> dict[str, Any]:
    """Return the kind of a definition, as the API answers it, and the parts of that kind."""
    if definition["runAt"]:
        return {"scheduleKind": Kind.ONCE, "runOn": _local(definition["runAt"], definition["timeZone"])}
    if definition["intervalSeconds"]:
        return {"scheduleKind": Kind.INTERVAL, **_counted(definition["intervalSeconds"])}
    expression = definition["cronExpression"]
    if not expression:
        return {"scheduleKind": Kind.REQUEST}
    for kind, parts in _readings(expression):
        if _quartz(kind, parts) == expression:
            return {"scheduleKind": kind, "cronExpression": expression, **parts}
    return {"scheduleKind": Kind.ADVANCED, "cronExpression": expression}


def _quartz(kind: Kind, parts: Parts) -> str:
    if kind is Kind.EVERY:
        return f"0 0/{parts['everyMinutes']} * * * ?"
    if kind is Kind.HOURLY:
        return f"0 {parts['atMinute']} * * * ?"
    hour, minute = (int(number) for number in str(parts["atTime"]).split(":")[:2])
    if kind is Kind.DAILY:
        return f"0 {minute} {hour} * * ?"
    if kind is Kind.WEEKLY:
        return f"0 {minute} {hour} ? * {_days(parts['weekdays'])}"
    return f"0 {minute} {hour} {parts['monthDay']} * ?"


def _days(chosen: Any) -> str:
    days = [day for day in WEEKDAYS if day in chosen]
    return "MON-FRI" if tuple(days) == WORKING_DAYS else ",".join(days)


_EVERY = re.compile(r"0 0/(\d{1,2}) \* \* \* \?")
_HOURLY = re.compile(r"0 (\d{1,2}) \* \* \* \?")
_AT_TIME = re.compile(r"0 (\d{1,2}) (\d{1,2}) (\S+) \* (\S+)")


def _readings(expression: str) -> list[tuple[Kind, dict[str, Any]]]:
    """Return what an expression may be; whoever would not write it so again is not it."""
    if found := _EVERY.fullmatch(expression):
        minutes = int(found[1])
        return [(Kind.EVERY, {"everyMinutes": minutes})] if minutes in MINUTES else []
    if found := _HOURLY.fullmatch(expression):
        return [(Kind.HOURLY, {"atMinute": int(found[1])})] if int(found[1]) < 60 else []
    found = _AT_TIME.fullmatch(expression)
    if found is None or int(found[1]) > 59 or int(found[2]) > 23:
        return []
    time = {"atTime": f"{int(found[2]):02}:{int(found[1]):02}"}
    days = list(WORKING_DAYS) if found[4] == "MON-FRI" else [day for day in found[4].split(",") if day in WEEKDAYS]
    return [
        (Kind.DAILY, time),
        (Kind.WEEKLY, {"weekdays": days, **time}),
        *([(Kind.MONTHLY, {"monthDay": found[3], **time})] if found[3] in MONTH_DAYS else []),
    ]


MONTH_DAYS: Final = (*(str(day) for day in range(1, 32)), LAST_DAY, LAST_WORKING_DAY)


def _counted(seconds: int) -> dict[str, Any]:
    unit = next(name for name, length in reversed(UNITS.items()) if seconds % length == 0)
    return {"intervalCount": seconds // UNITS[unit], "intervalUnit": unit}


def _instant(local: datetime, time_zone: str) -> str:
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return local.isoformat()  # refused for its zone
    return local.replace(tzinfo=zone).isoformat()


def _local(instant: str, time_zone: str) -> datetime:
    return datetime.fromisoformat(instant).replace(tzinfo=UTC).astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
