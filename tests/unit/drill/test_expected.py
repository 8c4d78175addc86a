"""Slots worked out without the engine, against the engine: two minds that must agree."""

import json
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from drill import expected, load
from drill.definitions import Closed, Definition, Registered
from scheduler import schedules
from tests.unit.drill.cast import BEGIN, SECOND

MIDNIGHT = BEGIN.replace(hour=0)
SEEDS = range(20)


def _of_engine(one: Definition, closed: Closed) -> list[datetime]:
    schedule = schedules.build(
        cron_expression=one.cron,
        time_zone=one.time_zone,
        interval_seconds=one.interval_seconds,
        anchor_at=one.start_at or BEGIN,
        run_at=one.run_at,
        start_at=one.start_at,
        end_at=one.end_at,
        calendar_rules=json.dumps(closed.rules()) if one.calendar_policy else None,
        calendar_policy=one.calendar_policy or "SKIP",
    )
    slots = list(schedule.between(BEGIN + timedelta(microseconds=1), BEGIN + timedelta(days=1)))
    return slots[:1] if one.is_fixed_delay else slots


@pytest.mark.parametrize("seed", SEEDS)
def test_it_agrees_with_the_engine(seed: int):
    random = Random(seed)
    closed = load.closed_stretches(random=random, begin=BEGIN, seconds=90)
    made = load.make(24, random=random, begin=BEGIN, seconds=90)
    ours = [expected.slots(Registered(one, UUID(int=seed), BEGIN), closed) for one in made]
    assert ours == [_of_engine(one, closed) for one in made]


@pytest.mark.parametrize("text", [*load.QUARTZ, *load.UNIX, load.FREQUENT])
@pytest.mark.parametrize("zone", load.ZONES)
def test_it_reads_the_texts_of_the_load_as_the_engine_does(text: str, zone: str):
    one = Definition(name="cron", cron=text, time_zone=zone, end_at=BEGIN + 300 * SECOND)
    assert expected.slots(Registered(one, UUID(int=1), BEGIN), Closed()) == _of_engine(one, Closed())


def test_it_opens_where_a_stretch_ends():
    closed = Closed(((10, 20), (20, 25)))
    assert expected.opening(MIDNIGHT + 12 * SECOND, closed) == MIDNIGHT + 25 * SECOND


def test_it_is_closed_from_the_first_second_on_and_open_at_the_last():
    closed = Closed(((10, 20),))
    at = [expected.is_open(MIDNIGHT + second * SECOND, closed) for second in (9.999, 10, 19.999, 20)]
    assert at == [True, False, False, True]


def test_it_refuses_a_task_without_an_end():
    endless = Registered(Definition(name="endless", interval_seconds=5), UUID(int=1), BEGIN)
    with pytest.raises(ValueError, match="never ends"):
        expected.slots(endless, Closed())
