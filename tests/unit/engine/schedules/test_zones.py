"""The clock-change rule at every change of every zone, against zoneinfo's own conversion."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from scheduler.engine.schedules import parse_cron
from tests.unit.engine.schedules.cases import at

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
YEARS = (2020, 2035)
AROUND = timedelta(days=2)
PROBE = timedelta(days=3)  # two changes of one zone are almost seven days apart at least
TIMES = [(0, 0), (0, 30), (2, 15), (23, 45)]
OPEN_TEXTS = [("0 0/20 * * * ?", 20), ("45 * * * *", 60), ("0 7/26 0-23 * * ?", 34)]


@cache
def changes(zone: str) -> list[datetime]:
    """Return the instants at which a zone's offset changes, to the minute."""
    clock = ZoneInfo(zone)
    steps = range((YEARS[1] - YEARS[0] + 1) * 366 // PROBE.days)
    starts = [datetime(YEARS[0], 1, 1, tzinfo=UTC) + step * PROBE for step in steps]
    offsets = [start.astimezone(clock).utcoffset() for start in starts]
    return [
        _first_minute(clock, start, before)
        for start, (before, after) in zip(starts, pairwise(offsets), strict=False)
        if before != after
    ]


def _first_minute(clock: ZoneInfo, start: datetime, before: timedelta | None) -> datetime:
    low, high = 0, PROBE // timedelta(minutes=1)
    while high - low > 1:
        middle = (low + high) // 2
        is_before = (start + timedelta(minutes=middle)).astimezone(clock).utcoffset() == before
        low, high = (middle, high) if is_before else (low, middle)
    return start + timedelta(minutes=high)


def _expected_fixed(zone: str, change: datetime, hour: int, minute: int) -> list[datetime]:
    """Return a daily schedule's slots around a change, one for each local day, by PEP 495."""
    clock = ZoneInfo(zone)
    first_day = (change - AROUND).astimezone(clock).date() - timedelta(days=1)
    found = []
    for ahead in range(7):
        day = first_day + timedelta(days=ahead)
        wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=clock)
        slot = wall.astimezone(UTC)
        exists = slot.astimezone(clock).replace(tzinfo=None) == wall.replace(tzinfo=None)
        found.append(slot if exists else change)
    return [slot for slot in found if change - AROUND <= slot < change + AROUND]


def fixed_faults(zone: str) -> list[object]:
    """Return the changes at which a fixed daily schedule does not have one slot for each local day."""
    return [
        (change, hour, minute)
        for change in changes(zone)
        for hour, minute in TIMES
        if list(
            parse_cron(f"0 {minute} {hour} * * ?", zone).between(change - AROUND, change + AROUND)
        ) != _expected_fixed(zone, change, hour, minute)
    ]  # fmt: skip


def open_faults(zone: str) -> list[object]:
    """Return the changes at which an open schedule has other slots than the minutes its clock shows."""
    clock = ZoneInfo(zone)
    faults: list[object] = []
    for change in changes(zone):
        start = change - timedelta(hours=3)
        minutes = [start + timedelta(minutes=minute) for minute in range(6 * 60)]
        shown = [minute.astimezone(clock).minute for minute in minutes]
        size = abs(_offset_after(clock, change) - _offset_after(clock, change - timedelta(minutes=1)))
        for text, period in OPEN_TEXTS:
            schedule = parse_cron(text, zone)
            found = list(schedule.between(start, start + timedelta(hours=6)))
            wanted = {of for of in range(60) if _is_meant(text, of)}
            expected = [minute for minute, of in zip(minutes, shown, strict=True) if of in wanted]
            longest = max(later - slot for slot, later in pairwise(found))
            if found != expected or longest > timedelta(minutes=period) + size:
                faults.append((change, text))
    return faults


def _offset_after(clock: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(clock).utcoffset() or timedelta(0)


def _is_meant(text: str, minute: int) -> bool:
    return {
        "0 0/20 * * * ?": minute % 20 == 0,
        "45 * * * *": minute == 45,
        "0 7/26 0-23 * * ?": minute in (7, 33, 59),
    }[text]


def search_faults(zone: str) -> list[object]:
    """Return the instants around a change at which next_after or latest_at disagrees with between."""
    faults: list[object] = []
    for change in changes(zone):
        for text in ("0 0/20 * * * ?", "0 15 */1 * * ?", "0 0/20 */3,2 * * ?"):
            schedule = parse_cron(text, zone)
            found = list(schedule.between(change - timedelta(hours=8), change + timedelta(hours=8)))
            for minutes in range(-78, 79, 13):
                instant = change + timedelta(minutes=minutes)
                place = bisect_right(found, instant)
                answers = [schedule.latest_at(instant), schedule.next_after(instant)]
                if answers != found[place - 1 : place + 1]:
                    faults.append((instant, text))
    return faults


@pytest.mark.parametrize("zone", ZONES)
def test_it_gives_a_fixed_daily_schedule_one_slot_per_local_day(zone):
    assert fixed_faults(zone) == []


@pytest.mark.parametrize("zone", ZONES)
def test_it_keeps_the_rhythm_of_an_open_schedule(zone):
    assert open_faults(zone) == []


@pytest.mark.parametrize("zone", ZONES)
def test_it_searches_both_ways_alike_at_every_change(zone):
    assert search_faults(zone) == []


@pytest.mark.parametrize("zone", ZONES)
def test_it_gives_a_daily_schedule_one_slot_on_each_local_day(zone):
    noons = parse_cron("0 0 12 * * ?", zone).between(at("2024-01-01T12:00"), at("2028-01-01T12:00"))
    days = [noon.astimezone(ZoneInfo(zone)).toordinal() for noon in noons]
    assert days == list(range(days[0], days[0] + len(days)))
    assert len(days) in (1460, 1461)
