"""Which slots are due under a calendar and with jitter, held against a model that knows every slot."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.calendars import build_calendar, running_slots
from scheduler.engine.firing import Fire, Misfire, Pass, Plan, plan
from scheduler.engine.schedules import parse_cron
from scheduler.engine.slots import CLOSED_WAITS, Slots
from scheduler.engine.states import Reason, Trigger
from tests.unit.engine.schedules.cases import steady

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
TASK = UUID(int=7)
ONCE = Misfire("FIRE_ONCE", MINUTE, 100)
ALL = Misfire("FIRE_ALL", MINUTE, 100)
NONE = Misfire("SKIP", MINUTE, 100)


def daily_without_weekends(jitter_seconds: int = 0) -> Slots:
    cron = parse_cron("0 0 12 * * ?", "UTC")
    weekends = build_calendar({"weekdays": ["SAT", "SUN"]}, "UTC")
    return Slots(cron, running_slots(cron, weekends, "SKIP"), weekends, TASK, jitter_seconds)


FRIDAY, SATURDAY, SUNDAY, MONDAY = (NOON + days * DAY for days in (4, 5, 6, 7))


def test_it_records_closed_neighbours_as_one_range_with_the_slot_after_them():
    planned = plan(daily_without_weekends(), due=SATURDAY, now=MONDAY, misfire=ONCE)
    assert planned.records == (Pass(SATURDAY, SUNDAY, Reason.CALENDAR), Fire(MONDAY, Trigger.SCHEDULE))


def test_it_records_closed_slots_before_the_next_one_that_runs():
    planned = plan(daily_without_weekends(), due=SATURDAY, now=SUNDAY, misfire=ONCE)
    assert planned == Plan((Pass(SATURDAY, SUNDAY, Reason.CALENDAR),), SUNDAY, MONDAY)


def test_it_calls_no_closed_slot_missed():
    planned = plan(daily_without_weekends(), due=SATURDAY, now=SUNDAY + MINUTE * 90, misfire=NONE)
    assert planned.records == (Pass(SATURDAY, SUNDAY, Reason.CALENDAR),)


def test_it_runs_the_latest_missed_slot_that_is_open():
    planned = plan(daily_without_weekends(), due=NOON, now=SUNDAY + MINUTE * 90, misfire=ONCE)
    assert planned.records == (
        Pass(NOON, NOON + 3 * DAY, Reason.MISFIRE),
        Fire(FRIDAY, Trigger.CATCH_UP),
        Pass(SATURDAY, SUNDAY, Reason.CALENDAR),
    )


def test_it_catches_up_open_slots_only():
    planned = plan(daily_without_weekends(), due=FRIDAY, now=MONDAY + 2 * DAY + MINUTE * 5, misfire=ALL)
    assert planned.records == (
        Fire(FRIDAY, Trigger.CATCH_UP),
        Pass(SATURDAY, SUNDAY, Reason.CALENDAR),
        Fire(MONDAY, Trigger.CATCH_UP),
        Fire(MONDAY + DAY, Trigger.CATCH_UP),
        Fire(MONDAY + 2 * DAY, Trigger.CATCH_UP),
    )


def test_it_is_looked_at_when_the_next_slot_that_runs_is_due():
    early = Slots(parse_cron("0 0 * * * ?", "UTC"))
    assert early.looked_at(NOON) == NOON
    assert daily_without_weekends().looked_at(SUNDAY) == MONDAY


def test_it_is_looked_at_within_a_day_of_a_closed_slot():
    assert daily_without_weekends().looked_at(SATURDAY) == SATURDAY + CLOSED_WAITS


def test_it_shows_no_closed_slot_and_none_that_is_left_out():
    slots = daily_without_weekends()
    assert slots.first_shown(SATURDAY, skipped=[MONDAY]) == MONDAY + DAY


def test_it_is_due_with_its_jitter():
    slots = daily_without_weekends(jitter_seconds=3600)
    due_at = slots.due_at(NOON)
    assert NOON < due_at < NOON + timedelta(hours=1)
    assert plan(slots, due=NOON, now=due_at - SECOND, misfire=ONCE).records == ()
    assert plan(slots, due=NOON, now=due_at, misfire=ONCE).records == (Fire(NOON, Trigger.SCHEDULE),)


def test_it_counts_the_grace_from_slot_and_jitter():
    slots = daily_without_weekends(jitter_seconds=3600)
    edge = slots.due_at(NOON) + ONCE.grace
    tick = timedelta(microseconds=1)
    assert plan(slots, due=NOON, now=edge, misfire=ONCE).records == (Fire(NOON, Trigger.SCHEDULE),)
    assert plan(slots, due=NOON, now=edge + tick, misfire=ONCE).records == (Fire(NOON, Trigger.CATCH_UP),)


@dataclass(frozen=True)
class Listed:
    """A schedule with exactly these slots."""

    slots: tuple[datetime, ...]

    def next_after(self, instant: datetime) -> datetime | None:
        place = bisect_right(self.slots, instant)
        return self.slots[place] if place < len(self.slots) else None

    def latest_at(self, instant: datetime) -> datetime | None:
        place = bisect_right(self.slots, instant)
        return self.slots[place - 1] if place else None


@dataclass(frozen=True)
class Openings:
    """A calendar that is open at exactly these slots."""

    slots: frozenset[datetime]

    def is_open(self, instant: datetime) -> bool:
        return instant in self.slots

    def next_open(self, instant: datetime) -> datetime | None:
        return min((slot for slot in self.slots if slot >= instant), default=None)


@dataclass(frozen=True)
class Case:
    slots: tuple[datetime, ...]
    opened: frozenset[datetime]
    jitter_seconds: int
    misfire: Misfire
    nows: tuple[datetime, ...]

    def all(self) -> Slots:
        running = Listed(tuple(slot for slot in self.slots if slot in self.opened))
        return Slots(Listed(self.slots), running, Openings(self.opened), TASK, self.jitter_seconds)

    def claims(self, nows: tuple[datetime, ...]) -> Iterator[Plan]:
        """Claim whenever the claim would look at the task, and at each of `nows`."""
        slots, due = self.all(), self.slots[0] if self.slots else None
        for now in nows:
            while due is not None and slots.looked_at(due) <= now:
                planned = plan(slots, due=due, now=now, misfire=self.misfire)
                due = planned.next_slot
                yield planned

    def due(self, now: datetime) -> list[datetime]:
        slots = self.all()
        return [slot for slot in self.slots if slots.due_at(slot) <= now]

    def missed(self, now: datetime) -> list[datetime]:
        slots = self.all()
        return [slot for slot in self.due(now) if slots.due_at(slot) < now - self.misfire.grace]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    numbers = sorted(draw(st.lists(st.integers(0, 300), min_size=1, max_size=150, unique=True)))
    slots = tuple(NOON + number * timedelta(seconds=10) for number in numbers)
    opened = frozenset(slot for slot in slots if draw(st.booleans()))
    misfire = Misfire(
        draw(st.sampled_from(["FIRE_ONCE", "FIRE_ALL", "SKIP"])),
        timedelta(seconds=draw(st.sampled_from([0, 60, 900]))),
        draw(st.sampled_from([1, 3, 100])),
    )
    nows = sorted(draw(st.lists(st.integers(0, 4_000), min_size=1, max_size=4)))
    jitter = draw(st.sampled_from([0, 1, 9]))  # shorter than the least gap, as register has it
    return Case(slots, opened, jitter, misfire, tuple(NOON + number * SECOND for number in nows))


def fired(plans: list[Plan]) -> list[datetime]:
    return [entry.slot for planned in plans for entry in planned.records if isinstance(entry, Fire)]


def covered(plans: list[Plan], slots: tuple[datetime, ...]) -> list[datetime]:
    return [slot for planned in plans for entry in planned.records for slot in slots if within(entry, slot)]


def within(entry: Fire | Pass, slot: datetime) -> bool:
    return entry.slot <= slot <= (entry.until if isinstance(entry, Pass) else entry.slot)


@steady
@given(cases())
def test_it_runs_exactly_the_open_slots_that_the_policy_keeps(case: Case):
    now = case.nows[-1]
    missed = [slot for slot in case.missed(now) if slot in case.opened]
    limit = {"SKIP": 0, "FIRE_ONCE": 1, "FIRE_ALL": case.misfire.limit}[case.misfire.policy]
    kept = missed[len(missed) - min(limit, len(missed)) :]
    fresh = [slot for slot in case.due(now) if slot in case.opened and slot not in missed]
    assert fired(list(case.claims((now,)))) == kept + fresh


@steady
@given(cases())
def test_it_records_no_slot_twice_and_none_that_is_not_due(case: Case):
    seen = covered(list(case.claims(case.nows)), case.slots)
    assert seen == sorted(set(seen))
    assert all(slot <= case.nows[-1] for slot in seen)


@steady
@given(cases())
def test_it_records_every_open_slot_that_is_due(case: Case):
    seen = covered(list(case.claims(case.nows)), case.slots)
    assert set(seen) >= {slot for slot in case.due(case.nows[-1]) if slot in case.opened}


@steady
@given(cases())
def test_it_records_every_closed_slot_within_a_day(case: Case):
    later = case.slots[-1] + CLOSED_WAITS + MINUTE
    assert covered(list(case.claims((*case.nows, later))), case.slots) == list(case.slots)


@steady
@given(cases())
def test_it_gives_the_calendar_as_the_reason_of_nothing_that_was_open(case: Case):
    plans = list(case.claims(case.nows))
    closed = [entry for planned in plans for entry in planned.records if _is_for(entry, Reason.CALENDAR)]
    assert not [slot for entry in closed for slot in case.opened if within(entry, slot)]


def _is_for(entry: Fire | Pass, reason: Reason) -> bool:
    return isinstance(entry, Pass) and entry.reason is reason
