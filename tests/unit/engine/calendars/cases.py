"""Calendars and schedules that the tests draw from, and a plain enumeration to hold the search against."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from scheduler.engine.calendars import Calendar, CalendarPolicy, build_calendar
from scheduler.engine.schedules import IntervalSchedule, Schedule, parse_cron
from tests.unit.engine.schedules.cases import at

# Each zone with a day on which its clock changes; St. John's and Cairo change over midnight.
CHANGES = [
    ("UTC", "2028-02-28"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-30"),
    ("America/St_Johns", "2005-10-30"),
    ("America/Santiago", "2026-09-06"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Pacific/Apia", "2011-12-30"),
]

WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
ALL_DAY = {"from": "00:00", "to": "24:00"}
AROUND = timedelta(days=15)
FURTHER = timedelta(days=48)  # no move reaches over the difference

TEXTS = [
    "0 0 * * * ?",
    "0 0/20 * * * ?",
    "0 30 2 * * ?",
    "0 15 0/3 * * ?",
    "0 0 9 ? * SAT",
    "0 0 0,12,23 * * ?",
    "0 45 23 L * ?",
    "0 0 9 1 * ?",
    "0 10,50 0-4 ? * FRI-MON",
]

_clocks = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")
_times = st.lists(_clocks, min_size=2, max_size=2, unique=True).map(
    lambda ends: dict(zip(("from", "to"), ends, strict=True))
)


@st.composite
def _date_ranges(draw: st.DrawFn, near: date) -> dict[str, str]:
    first = near + timedelta(days=draw(st.integers(-30, 20)))
    length = draw(st.sampled_from([0, 1, 2, 5, 29, 30, 31, 32, 33, 40]))
    return {"from": str(first), "to": str(first + timedelta(days=length))}


def documents(near: date) -> st.SearchStrategy[dict[str, object]]:
    """Return rule documents with something to exclude around a date."""
    return st.fixed_dictionaries(
        {},
        optional={
            "weekdays": st.sampled_from([["SAT", "SUN"], ["MON"], ["FRI", "SAT", "SUN"], WEEKDAYS[:6], WEEKDAYS]),
            "dates": st.lists(_date_ranges(near), min_size=1, max_size=3),
            "recurringDates": st.just(["02-29", f"{near:%m-%d}", {"from": "12-24", "to": "01-02"}]),
            "holidays": st.just([{"country": "DE", "region": "BY"}]),
            "excludedTimes": st.one_of(st.lists(_times, min_size=1, max_size=3), st.just([ALL_DAY])),
            "allowedTimes": st.lists(_times, min_size=1, max_size=2),
        },
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Schedule, Calendar, datetime]:
    """Return a schedule, a calendar and an instant at which something happens to its zone's clock."""
    zone, day = draw(st.sampled_from(CHANGES))
    calendar = build_calendar(draw(documents(date.fromisoformat(day))), zone)
    anchor = at(day) - timedelta(days=100, microseconds=draw(st.sampled_from([0, 250_000])))
    crons = st.builds(parse_cron, st.sampled_from(TEXTS), st.sampled_from([zone, zone, "America/New_York"]))
    intervals = st.sampled_from([1800, 7200, 18_060, 86_400, 262_800]).map(lambda step: IntervalSchedule(anchor, step))
    return draw(st.one_of(crons, intervals)), calendar, at(day)


def effective(
    schedule: Schedule,
    calendar: Calendar,
    policy: CalendarPolicy,
    around: datetime,
    *,
    near: timedelta = AROUND,
    further: timedelta = FURTHER,
) -> list[datetime]:
    """Return the slots within 15 days of an instant, each slot moved by itself."""
    moved = {_moved(slot, calendar, policy) for slot in schedule.between(around - further, around + further)}
    return sorted(slot for slot in moved if around - near <= slot < around + near)


def _moved(slot: datetime, calendar: Calendar, policy: CalendarPolicy) -> datetime:
    if policy is CalendarPolicy.SKIP or calendar.is_open(slot):
        return slot
    target = calendar.next_open(slot) if policy is CalendarPolicy.NEXT_OPEN else calendar.previous_open(slot)
    return target or slot


def utc(text: str) -> datetime:
    """Return an instant given with its offset, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)
