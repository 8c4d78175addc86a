"""Where Quartz's answers differ from ours without leave of docs/schedules.md."""

import re
from collections.abc import Sequence

from scheduler.engine.schedules import InvalidSchedule, parse_cron
from scheduler.engine.schedules.instants import DAY, instant_of, seconds_of
from scheduler.engine.schedules.wallclock import wall_clock

TIMES = 3
REFUSED, HANGS = "REFUSED", "HANGS"

# Quartz 2.3.2 knows the years up to a hundred after the present one.
QUARTZ_ENDS = 2120

Case = tuple[str, str, int]
Difference = tuple[Case, str, str]


def ours(case: Case) -> str:
    """Return our next slots as Quartz's answers are written."""
    text, zone, instant = case
    try:
        schedule = parse_cron(text, zone)
    except InvalidSchedule:
        return REFUSED
    found: list[str] = []
    slot = schedule.next_after(instant_of(instant))
    while slot is not None and len(found) < TIMES:
        found.append(str(seconds_of(slot)))
        slot = schedule.next_after(slot)
    return " ".join(found if len(found) == TIMES else [*found, "none"])


def differences(cases: Sequence[Case], answers: Sequence[str]) -> list[Difference]:
    """Return the cases with two answers that docs/schedules.md does not explain."""
    told = [REFUSED if answer.startswith(REFUSED) else answer for answer in answers]
    compared = [(case, ours(case), answer) for case, answer in zip(cases, told, strict=True)]
    return [each for each in compared if each[1] != each[2] and not _is_allowed(*each)]


def only_we_refuse(difference: Difference) -> bool:
    """Return whether Quartz reads a text that we refuse."""
    return difference[1] == REFUSED and difference[2] != REFUSED


def _is_allowed(case: Case, mine: str, theirs: str) -> bool:
    text, zone, instant = case
    if REFUSED in (mine, theirs):
        return False
    return (
        theirs == HANGS
        or _has_step_after_name(text)
        or _is_short_month(text, mine, theirs)
        or _is_near_change(zone, [instant, *_seconds(mine), *_seconds(theirs)])
        or any(instant_of(second).year >= QUARTZ_ENDS for second in _seconds(mine))
    )


def _has_step_after_name(text: str) -> bool:
    """Quartz reads MON-FRI/2 as MON-FRI and MON/2 as MON."""
    return re.search("[A-Z]/", text.upper()) is not None


def _is_short_month(text: str, mine: str, theirs: str) -> bool:
    """Quartz fires 29W on Friday the 28th where the 29th would be the next month's 1st and a Saturday."""
    more = set(_seconds(theirs)) - set(_seconds(mine))
    return re.fullmatch("(29|30|31)W", text.upper().split()[3]) is not None and bool(more)


def _is_near_change(zone: str, instants: Sequence[int]) -> bool:
    clock = wall_clock(zone)
    return any(clock.piece_at(each - 2 * DAY).offset != clock.piece_at(each + 2 * DAY).offset for each in instants)


def _seconds(answer: str) -> list[int]:
    return [int(word) for word in answer.split() if word.isdigit()]
