"""Ids of executions: the same cause gives the same id, and ids sort by their instants."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.identity import execution_id, lower_bound, milliseconds, retry_id, slot_cause
from tests.unit.engine.schedules.cases import steady

TASK = UUID("00000000-0000-4000-8000-000000000001")
SLOT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)

instants = st.integers(0, 250_000_000_000_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


def id_of(*, task: UUID = TASK, cause: str = "slot:x", at: datetime = SLOT, attempt: int = 1) -> UUID:
    return execution_id(task, cause=cause, at=at, attempt=attempt)


def test_it_gives_equal_causes_equal_ids():
    assert id_of() == id_of()


@pytest.mark.parametrize(
    "other",
    [id_of(task=UUID(int=2)), id_of(cause="slot:y"), id_of(attempt=2), id_of(at=SLOT + timedelta(milliseconds=1))],
    ids=["task", "cause", "attempt", "millisecond"],
)
def test_it_gives_another_id_to_whatever_differs(other: UUID):
    assert other != id_of()


def test_it_lays_ids_out_as_version_7():
    assert (id_of().version, id_of().variant) == (7, "specified in RFC 4122")


def test_it_keeps_the_id_that_is_stored_in_history():
    """History finds a second copy by this id; whoever changes the recipe doubles every slot of that moment."""
    assert str(id_of()) == "019ca960-bcd2-7119-b8be-5d800b47b38e"


@steady
@given(instants)
def test_it_begins_an_id_with_the_milliseconds_of_its_instant(instant: datetime):
    assert id_of(at=instant).int >> 80 == milliseconds(instant)


@steady
@given(instants, instants)
def test_it_sorts_ids_by_their_milliseconds(one: datetime, other: datetime):
    earlier, later = sorted((one, other + timedelta(milliseconds=1)))
    assert (id_of(at=earlier) < id_of(at=later)) or milliseconds(earlier) == milliseconds(later)


@steady
@given(instants)
def test_it_bounds_every_id_of_an_instant_from_below(instant: datetime):
    assert lower_bound(instant) <= id_of(at=instant)


@steady
@given(instants)
def test_it_bounds_the_ids_of_the_millisecond_before_from_above(instant: datetime):
    whole = instant.replace(microsecond=instant.microsecond // 1000 * 1000) + timedelta(milliseconds=1)
    assert id_of(at=instant) < lower_bound(whole)


def test_it_bounds_instants_before_1970_by_nothing():
    assert lower_bound(datetime(1969, 12, 31, tzinfo=UTC)) == UUID(int=0)


def test_it_gives_a_retry_the_id_of_the_same_cause_and_the_next_attempt():
    assert retry_id(id_of(), task_id=TASK, cause="slot:x", attempt=2) == id_of(attempt=2)


def test_it_names_a_slot_alike_in_every_zone():
    elsewhere = SLOT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert slot_cause(elsewhere) == slot_cause(SLOT) == "slot:2026-03-01T12:30:15.250000+00:00"


def test_it_tells_slots_of_one_millisecond_apart():
    assert slot_cause(SLOT) != slot_cause(SLOT + timedelta(microseconds=1))
