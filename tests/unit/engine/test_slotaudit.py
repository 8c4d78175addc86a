"""What the self-audit makes of slots and rows, case by case."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.engine.slotaudit import Due, Hold, Record, SlotFault, Standing, judge

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOW = NOON + 30 * MINUTE
PASSED = Standing(NOW)


def at(minute: float) -> datetime:
    return NOON + minute * MINUTE


def due(*minutes: float) -> list[Due]:
    return [Due(at(minute), at(minute)) for minute in minutes]


def row(minute: float, *, until: float | None = None, written: float | None = None, caught_up: bool = False) -> Record:
    return Record(
        at(minute), at(minute if until is None else until), at(written) if written is not None else None, caught_up
    )


@pytest.mark.parametrize(
    ("records", "found"),
    [
        pytest.param([row(0), row(5), row(10)], [], id="each has its own"),
        pytest.param([row(0, until=10)], [], id="one range for all"),
        pytest.param([row(0, until=5), row(10)], [], id="a range and a row"),
        pytest.param([row(0), row(10)], [(5, SlotFault.MISSED)], id="one is gone"),
        pytest.param([], [(0, SlotFault.MISSED), (5, SlotFault.MISSED), (10, SlotFault.MISSED)], id="all are gone"),
        pytest.param([row(0), row(5), row(5), row(10)], [(5, SlotFault.DOUBLED)], id="one stands twice"),
        pytest.param([row(0, until=5), row(5), row(10)], [(5, SlotFault.DOUBLED)], id="a row inside a range"),
        pytest.param([row(0, until=7), row(6, until=10)], [(6, SlotFault.DOUBLED)], id="two ranges overlap"),
        pytest.param([row(0, written=2), row(5), row(10)], [(0, SlotFault.LATE)], id="written two minutes late"),
        pytest.param([row(0, written=0.9), row(5), row(10)], [], id="written within the minute"),
        pytest.param(
            [row(0, written=1, caught_up=True), row(5), row(10)], [(0, SlotFault.LATE)], id="the claim found it missed"
        ),
    ],
)
def test_it_finds(records: list[Record], found: list[tuple[float, SlotFault]]):
    assert [(one.slot, one.fault) for one in judge(due(0, 5, 10), records, PASSED, now=NOW)] == [
        (at(minute), fault) for minute, fault in found
    ]


def test_it_waits_for_what_the_claim_has_not_passed():
    just_now = NOW - MINUTE / 2
    assert judge([Due(just_now, just_now)], [], Standing(just_now), now=NOW) == []


def test_it_tells_how_late_it_is_what_nobody_claims():
    [found] = judge(due(10), [], Standing(at(10)), now=NOW)
    assert (found.fault, found.by) == (SlotFault.LATE, 20 * MINUTE)


@pytest.mark.parametrize("standing", [Standing(at(10), may_wait=True)])
def test_it_lets_wait_what_may(standing: Standing):
    assert judge(due(10), [], standing, now=NOW) == []


def test_it_lets_a_closed_slot_wait_for_its_neighbours():
    assert judge([Due(at(10), at(10), may_wait=True)], [], Standing(at(10)), now=NOW) == []


@pytest.mark.parametrize(
    ("hold", "is_late"),
    [
        pytest.param(Hold(at(-5), at(1)), False, id="it held when the slot was due"),
        pytest.param(Hold(at(1), at(3)), False, id="it held before the slot was recorded"),
        pytest.param(Hold(at(-5), at(-1)), True, id="it had ended"),
        pytest.param(Hold(at(5), at(9)), True, id="it came afterwards"),
    ],
)
def test_it_excuses_what_somebody_asked_for(hold: Hold, is_late: bool):
    assert bool(judge(due(0), [row(0, written=4)], PASSED, holds=[hold], now=NOW)) is is_late
