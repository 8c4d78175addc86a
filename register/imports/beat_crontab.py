"""Turns a crontab of Celery into a cron expression that fires at the same times.

Celery wants both day fields to match; Unix cron wants either, unless one of the two begins with `*`.
"""

import re
from collections.abc import Collection

from register.imports import celery_slots
from register.imports.celery_slots import FIELDS
from scheduler.engine.schedules import InvalidSchedule, parse_cron

_ALL = {
    "minute": frozenset(range(60)),
    "hour": frozenset(range(24)),
    "day_of_month": frozenset(range(1, 32)),
    "month_of_year": frozenset(range(1, 13)),
    "day_of_week": frozenset(range(7)),
}
# Numbers, ranges and steps mean the same in both; names do not all.
_PLAIN = re.compile(r"[-0-9*,/]+")
_WEEK = 7


class NotExpressible(ValueError):
    """No one cron expression says this; the message names the remedy."""


def expression(texts: tuple[str, ...]) -> str:
    """Return the expression for the texts of celery_slots.FIELDS. Raises UnreadableCrontab and NotExpressible."""
    values = celery_slots.read(texts)
    minute, hour, month_day, month, week_day = _written(texts, values)
    if month_day.startswith("*") or week_day.startswith("*"):
        return f"{minute} {hour} {month_day} {month} {week_day}"
    nth = _nth(values["day_of_month"])
    if nth is not None and len(values["day_of_week"]) == 1:
        # The first Monday, as everybody has to write it there. Quartz counts its days from Sunday = 1.
        return f"0 {minute} {hour} ? {month} {min(values['day_of_week']) + 1}#{nth}"
    raise NotExpressible(
        f"day_of_month={texts[2]!r} and day_of_week={texts[4]!r}: Celery fires where both match, which no cron "
        "expression says (Unix cron fires where either does). Leave one of the two fields `*` and let the job check "
        "the other; for the nth weekday of a month use one weekday and one of 1-7, 8-14, 15-21, 22-28."
    )


def _written(texts: tuple[str, ...], values: dict[str, frozenset[int]]) -> list[str]:
    """Return the fields as they are written there where cron reads them alike, else as numbers."""
    fields = ["*" if values[name] == _ALL[name] else text for name, text in zip(FIELDS, texts, strict=True)]
    try:
        parse_cron(" ".join(fields), "UTC")
        is_plain = all(map(_PLAIN.fullmatch, fields))
    except InvalidSchedule:
        is_plain = False
    if is_plain:
        return fields
    return [_ranges(sorted(values[name])) if field != "*" else "*" for name, field in zip(FIELDS, fields, strict=True)]


def _nth(days: Collection[int]) -> int | None:
    """Return which weekday of the month these days hold, each weekday once: 8 to 14 the second."""
    first = min(days)
    nth, rest = divmod(first - 1, _WEEK)
    last = min(first + _WEEK - 1, 31)
    return nth + 1 if not rest and set(days) == set(range(first, last + 1)) else None


def _ranges(values: list[int]) -> str:
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][1] + 1:
            parts[-1][1] = value
        else:
            parts.append([value, value])
    return ",".join(f"{low}-{high}" if low < high else str(low) for low, high in parts)
