"""Which slots are due and what becomes of each, held against a model that knows every slot."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.firing import SLOTS_PER_CLAIM, Fire, Misfire, Pass, Plan
from scheduler.engine.firing import plan as plan_slots
from scheduler.engine.schedules import IntervalSchedule, NeverSchedule, OneTimeSchedule, Schedule, parse_cron
from scheduler.engine.slots import Searched, Slots
from scheduler.engine.states import Reason, Trigger
from tests.unit.engine.schedules.cases import steady

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GRACE = timedelta(seconds=60)
MINUTE = timedelta(minutes=1)


def once(limit: int = 100) -> Misfire:
    return Misfire("FIRE_ONCE", GRACE, limit)


def every(limit: int = 100) -> Misfire:
    return Misfire("FIRE_ALL", GRACE, limit)


SKIP = Misfire("SKIP", GRACE, 100)


def plan(schedule: Searched, *, due: datetime, now: datetime, misfire: Misfire) -> Plan:
    """Plan the slots of a schedule without calendar and jitter."""
    return plan_slots(Slots(schedule), due=due, now=now, misfire=misfire)


def minutely(begin: datetime = NOON) -> IntervalSchedule:
    return IntervalSchedule(begin, 60)


def fired(planned: Plan) -> list[datetime]:
    return [entry.slot for entry in planned.records if isinstance(entry, Fire)]


def passed(planned: Plan) -> list[tuple[datetime, datetime]]:
    return [(entry.slot, entry.until) for entry in planned.records if isinstance(entry, Pass)]


def test_it_fires_a_slot_on_time_and_names_the_next():
    planned = plan(minutely(), due=NOON, now=NOON, misfire=once())
    assert planned == Plan((Fire(NOON, Trigger.SCHEDULE),), NOON, NOON + MINUTE)


def test_it_fires_nothing_before_the_slot():
    planned = plan(minutely(), due=NOON, now=NOON - timedelta(microseconds=1), misfire=once())
    assert planned == Plan((), None, NOON)


@pytest.mark.parametrize("misfire", [once(), every(), SKIP], ids=["once", "all", "skip"])
def test_it_runs_a_slot_that_is_exactly_as_late_as_its_grace(misfire: Misfire):
    planned = plan(OneTimeSchedule(NOON), due=NOON, now=NOON + GRACE, misfire=misfire)
    assert planned == Plan((Fire(NOON, Trigger.SCHEDULE),), NOON, None)


def test_it_catches_up_a_slot_that_is_a_microsecond_later_than_its_grace():
    planned = plan(OneTimeSchedule(NOON), due=NOON, now=NOON + GRACE + timedelta(microseconds=1), misfire=once())
    assert planned == Plan((Fire(NOON, Trigger.CATCH_UP),), NOON, None)


def test_it_runs_every_slot_that_is_late_within_its_grace():
    wide = Misfire("SKIP", timedelta(minutes=10), 100)
    assert len(fired(plan(minutely(), due=NOON, now=NOON + 10 * MINUTE, misfire=wide))) == 11


def test_it_fires_only_the_latest_missed_slot_once():
    planned = plan(minutely(), due=NOON, now=NOON + timedelta(minutes=10, seconds=30), misfire=once())
    assert planned.records == (
        Pass(NOON, NOON + 8 * MINUTE, Reason.MISFIRE),
        Fire(NOON + 9 * MINUTE, Trigger.CATCH_UP),
        Fire(NOON + 10 * MINUTE, Trigger.SCHEDULE),
    )


def test_it_fires_the_newest_missed_slots_up_to_the_limit_oldest_first():
    planned = plan(minutely(), due=NOON, now=NOON + timedelta(minutes=10, seconds=30), misfire=every(3))
    assert (passed(planned), fired(planned)) == (
        [(NOON, NOON + 6 * MINUTE)],
        [NOON + number * MINUTE for number in (7, 8, 9, 10)],
    )


def test_it_passes_nothing_where_the_limit_covers_all_that_was_missed():
    planned = plan(minutely(), due=NOON, now=NOON + timedelta(minutes=10, seconds=30), misfire=every(10))
    assert (passed(planned), len(fired(planned))) == ([], 11)


def test_it_runs_no_missed_slot_where_none_may_catch_up():
    planned = plan(minutely(), due=NOON, now=NOON + timedelta(minutes=10, seconds=30), misfire=every(0))
    assert (passed(planned), fired(planned)) == ([(NOON, NOON + 9 * MINUTE)], [NOON + 10 * MINUTE])


def test_it_skips_all_that_was_missed():
    planned = plan(minutely(), due=NOON, now=NOON + timedelta(minutes=10, seconds=30), misfire=SKIP)
    assert (passed(planned), fired(planned)) == ([(NOON, NOON + 9 * MINUTE)], [NOON + 10 * MINUTE])


def test_it_completes_a_single_slot_that_is_skipped():
    planned = plan(OneTimeSchedule(NOON), due=NOON, now=NOON + 5 * MINUTE, misfire=SKIP)
    assert planned == Plan((Pass(NOON, NOON, Reason.MISFIRE),), NOON, None)


def test_it_runs_at_most_a_hundred_slots_a_claim():
    planned = plan(minutely(), due=NOON, now=NOON + 500 * MINUTE, misfire=every(1_000))
    assert (len(planned.records), planned.next_slot) == (SLOTS_PER_CLAIM, NOON + 100 * MINUTE)


def test_it_does_not_count_what_it_passes_over():
    """A year of missed seconds is 31 million slots; the plan asks for a handful."""
    asked = Asked(parse_cron("* * * * * ?", "UTC"))
    plan(asked, due=NOON, now=NOON + timedelta(days=365), misfire=Misfire("FIRE_ONCE", timedelta(0), 100))
    assert asked.count < 10


def test_it_still_records_a_slot_that_its_schedule_no_longer_has():
    """A new release of the zone data moves slots; what was due is recorded all the same."""
    planned = plan(NeverSchedule(), due=NOON, now=NOON + 5 * MINUTE, misfire=once())
    assert planned == Plan((Fire(NOON, Trigger.CATCH_UP),), NOON, None)


def test_it_never_passes_over_a_range_that_ends_before_it_begins():
    due = NOON + timedelta(seconds=30)
    planned = plan(OneTimeSchedule(NOON), due=due, now=due + 5 * MINUTE, misfire=SKIP)
    assert planned.records == (Pass(due, due, Reason.MISFIRE),)


@dataclass
class Asked:
    """Counts what is asked of a schedule."""

    schedule: Schedule
    count: int = 0

    def next_after(self, instant: datetime) -> datetime | None:
        self.count += 1
        return self.schedule.next_after(instant)

    def latest_at(self, instant: datetime) -> datetime | None:
        self.count += 1
        return self.schedule.latest_at(instant)


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
class Case:
    """A task: its slots, the first of which is due; its rule; and when each claim happens."""

    slots: tuple[datetime, ...]
    misfire: Misfire
    nows: tuple[datetime, ...]

    def claims(self, nows: tuple[datetime, ...]) -> Iterator[Plan]:
        """Claim at each of these instants, as often as something is due, like the scheduler does."""
        due: datetime | None = self.slots[0]
        for now in nows:
            while due is not None and due <= now:
                planned = plan(Listed(self.slots), due=due, now=now, misfire=self.misfire)
                due = planned.next_slot
                yield planned


@st.composite
def cases(draw: st.DrawFn) -> Case:
    seconds = draw(st.lists(st.integers(0, 600), min_size=1, max_size=250, unique=True))
    slots = tuple(NOON + timedelta(seconds=second) for second in sorted(seconds))
    misfire = Misfire(
        draw(st.sampled_from(["FIRE_ONCE", "FIRE_ALL", "SKIP"])),
        timedelta(seconds=draw(st.sampled_from([0, 1, 60, 300, 900]))),
        draw(st.sampled_from([1, 2, 99, 100, 101, 1_000])),
    )
    nows = draw(st.lists(st.integers(0, 1_500), min_size=1, max_size=4))
    return Case(slots, misfire, tuple(NOON + timedelta(seconds=second) for second in sorted(nows)))


def expected_fires(case: Case, now: datetime) -> list[datetime]:
    """The model: every slot up to now, without the missed ones that the policy drops."""
    due = case.slots[: bisect_right(case.slots, now)]
    missed = list(due[: bisect_left(due, now - case.misfire.grace)])
    limit = {"SKIP": 0, "FIRE_ONCE": 1, "FIRE_ALL": case.misfire.limit}[case.misfire.policy]
    return missed[len(missed) - min(limit, len(missed)) :] + list(due[len(missed) :])


def covered(plans: list[Plan], slots: tuple[datetime, ...]) -> list[datetime]:
    """Every slot that some record answers for, as often as one does."""
    return [slot for planned in plans for entry in planned.records for slot in slots if within(entry, slot)]


def within(entry: Fire | Pass, slot: datetime) -> bool:
    return entry.slot <= slot <= (entry.until if isinstance(entry, Pass) else entry.slot)


@steady
@given(cases())
def test_it_fires_exactly_what_the_policy_keeps(case: Case):
    now = case.nows[-1]
    plans = list(case.claims((now,)))
    assert [slot for planned in plans for slot in fired(planned)] == expected_fires(case, now)


@steady
@given(cases())
def test_it_records_every_slot_exactly_once_however_claims_follow_each_other(case: Case):
    plans = list(case.claims(case.nows))
    assert covered(plans, case.slots) == list(case.slots[: bisect_right(case.slots, case.nows[-1])])


@steady
@given(cases())
def test_it_leaves_the_first_slot_after_now_as_the_next(case: Case):
    *_, last = [Plan((), None, case.slots[0]), *case.claims(case.nows)]
    assert last.next_slot == Listed(case.slots).next_after(case.nows[-1])


@steady
@given(cases())
def test_it_names_the_last_slot_that_it_has_recorded(case: Case):
    plans = list(case.claims(case.nows))
    due = case.slots[: bisect_right(case.slots, case.nows[-1])]
    assert [planned.last_slot for planned in plans][-1:] == list(due[-1:])


@steady
@given(cases())
def test_it_begins_and_ends_every_range_with_a_slot(case: Case):
    ranges = [ends for planned in case.claims(case.nows) for ends in passed(planned)]
    assert {instant for ends in ranges for instant in ends} <= set(case.slots)


@steady
@given(cases())
def test_it_calls_catch_up_what_is_older_than_its_grace(case: Case):
    now = case.nows[-1]
    fires = [entry for planned in case.claims((now,)) for entry in planned.records if isinstance(entry, Fire)]
    late = [entry.slot for entry in fires if entry.slot < now - case.misfire.grace]
    assert [entry.slot for entry in fires if entry.trigger is Trigger.CATCH_UP] == late
