"""Agreement with croniter where croniter is right: Unix text and time of day, fed as explicit lists, in UTC."""

import re
from datetime import datetime

from croniter import CroniterBadDateError, croniter
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.schedules import parse_cron
from tests.unit.engine.schedules.cases import (
    MONTHS,
    WEEKDAYS,
    field_texts,
    forwards,
    instants,
    steady,
    unix_fields,
)

LIMITS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
NAMES = {name: number for names, start in ((MONTHS, 1), (WEEKDAYS, 0)) for number, name in enumerate(names, start)}


def explicit(text: str, low: int, high: int) -> str:
    """Return the values of a field one by one, read by the plain definition rather than by the parser."""
    named = re.sub("[A-Z]+", lambda name: str(NAMES[name[0]]), text.upper())
    return ",".join(str(value) for item in named.split(",") for value in _values(item, low, high))


def _values(item: str, low: int, high: int) -> list[int]:
    span, _, step = item.partition("/")
    first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
    end = int(last) if last else (high if step else int(first))
    walk = [int(first)]
    while walk[-1] != end and len(walk) <= high - low:
        walk.append(walk[-1] + 1 if walk[-1] < high else low)
    return walk[:: int(step or 1)]


def by_croniter(text: str, after: datetime, *, either: bool, seconds_first: bool) -> list[datetime]:
    """Return croniter's next three instants, or those up to its horizon of fifty years."""
    clock = croniter(text, after, datetime, day_or=either, second_at_beginning=seconds_first)
    found: list[datetime] = []
    try:
        while len(found) < 3:
            found.append(clock.get_next())
    except CroniterBadDateError:
        pass
    return found


@steady
@given(unix_fields, instants)
def test_it_agrees_with_croniter_on_unix_text(texts, after):
    either = not (texts[2].startswith("*") or texts[4].startswith("*"))
    lists = [explicit(text, *limits) for text, limits in zip(texts, LIMITS, strict=True)]
    expected = by_croniter(" ".join(lists), after, either=either, seconds_first=False)
    assert forwards(parse_cron(" ".join(texts), "UTC"), after, len(expected)) == expected


@steady
@given(st.tuples(field_texts(0, 59), field_texts(0, 59), field_texts(0, 23)), instants)
def test_it_agrees_with_croniter_on_a_quartz_time_of_day(texts, after):
    lists = [explicit(text, *limits) for text, limits in zip(texts, [(0, 59), (0, 59), (0, 23)], strict=True)]
    expected = by_croniter(f"{' '.join(lists)} * * *", after, either=True, seconds_first=True)
    assert forwards(parse_cron(f"{' '.join(texts)} * * ?", "UTC"), after, 3) == expected
