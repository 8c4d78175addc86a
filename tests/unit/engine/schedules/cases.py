"""Short ways of writing what a schedule should answer, and the texts that property tests draw from."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from scheduler.engine.schedules import InvalidSchedule, Schedule, parse_cron

# The same examples on every run: a failure here is a fault of the code, never of the dice.
steady = settings(
    max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def at(text: str) -> datetime:
    """Return an instant written as 2026-03-29T01:00, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(schedule: Schedule, after: str, count: int) -> list[str]:
    """Return the next slots, found one after another, as cases write them."""
    return [short(slot) for slot in forwards(schedule, at(after), count)]


def cron_slots(expression: str, zone: str, after: str, count: int) -> list[str]:
    """Return the next slots of a cron text."""
    return slots(parse_cron(expression, zone), after, count)


def local_slots(expression: str, zone: str, after: str, count: int) -> list[str]:
    """Return the next slots of a cron text as the zone's clock shows them."""
    found = parse_cron(expression, zone).between(at(after), at(after) + timedelta(days=4000), limit=count)
    return [slot.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") for slot in found]


def short(instant: datetime) -> str:
    """Return an instant as cases write it."""
    return instant.replace(tzinfo=None).isoformat(timespec="seconds").removesuffix(":00")


def backwards(schedule: Schedule, until: datetime, count: int) -> list[datetime]:
    """Return up to `count` slots that are not after an instant, latest first, through latest_at alone."""
    found: list[datetime] = []
    while len(found) < count and (slot := schedule.latest_at(until)) is not None:
        found.append(slot)
        until = slot - timedelta(microseconds=1)
    return found


def forwards(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """Return up to `count` slots after an instant, through next_after alone."""
    found: list[datetime] = []
    while len(found) < count and (slot := schedule.next_after(after)) is not None:
        found.append(slot)
        after = slot
    return found


def bulk(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """Return up to `count` slots after an instant, through between alone."""
    start = after + timedelta(microseconds=1)
    return list(islice(schedule.between(start, at("2199-12-31T00:00")), count))


def refusal(expression: str, zone: str = "UTC") -> tuple[str, str, str]:
    """Return field, code and message with which a cron text is refused."""
    try:
        parse_cron(expression, zone)
    except InvalidSchedule as refused:
        return refused.field, refused.code, refused.message
    raise AssertionError(f"{expression!r} was accepted")


@st.composite
def _items(draw: st.DrawFn, low: int, high: int, names: tuple[str, ...]) -> str:
    number = st.integers(low, high)
    first, last = draw(number), draw(number)
    step = draw(st.integers(1, high - low))
    value = str(first)
    span = f"{first}-{last}"
    named = [names[first - low].title(), f"{names[first - low]}-{names[last - low].lower()}"] if names else []
    return draw(st.sampled_from(["*", f"*/{step}", value, f"{value}/{step}", span, f"{span}/{step}", *named]))


def field_texts(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Return texts of one field: numbers, names, ranges that may wrap, steps, and lists of them."""
    return st.lists(_items(low, high, names), min_size=1, max_size=3).map(",".join)


_LAST_DAYS = st.one_of(
    st.sampled_from(["L", "LW", "1W", "15W", "31W"]),
    st.integers(1, 27).map("L-{}".format),
    st.integers(1, 27).map("L-{}W".format),
)
_SOME_WEEKDAY = st.one_of(
    st.just("L"),
    st.integers(1, 7).map("{}L".format),
    st.tuples(st.sampled_from(WEEKDAYS), st.integers(1, 5)).map("{0[0]}#{0[1]}".format),
)
_QUARTZ_DAYS = st.one_of(
    st.one_of(field_texts(1, 31), _LAST_DAYS).map(lambda days: (days, "?")),
    st.one_of(field_texts(1, 7, WEEKDAYS), _SOME_WEEKDAY).map(lambda days: ("?", days)),
)

quartz_texts = st.builds(
    lambda second, minute, hour, month, days: f"{second} {minute} {hour} {days[0]} {month} {days[1]}",
    st.one_of(st.just("0"), field_texts(0, 59)),
    st.one_of(st.just("0"), field_texts(0, 59)),
    st.one_of(st.just("*"), field_texts(0, 23)),
    st.one_of(st.just("*"), field_texts(1, 12, MONTHS)),
    _QUARTZ_DAYS,
).filter(lambda text: len(text) <= 100)

unix_fields = st.tuples(
    field_texts(0, 59),
    field_texts(0, 23),
    field_texts(1, 31),
    field_texts(1, 12, MONTHS),
    field_texts(0, 6, WEEKDAYS),
).filter(lambda texts: len(" ".join(texts)) <= 100)

cron_texts = st.one_of(quartz_texts, unix_fields.map(" ".join))

instants = st.integers(0, 4_000_000_000_000_000).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
