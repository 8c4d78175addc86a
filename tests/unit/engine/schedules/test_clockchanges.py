"""Clock changes at one instant: Berlin sets its clock forward on 2026-03-29 and back on 2026-10-25."""

from datetime import datetime

import pytest

from scheduler.engine.schedules import IntervalSchedule, clock_change_at, parse_cron


@pytest.mark.parametrize(
    ("expression", "instant", "code", "slot"),
    [
        # 02:30 does not exist: it fires at 03:00 local time, 01:00 UTC.
        ("0 30 2 * * ?", "2026-03-29T02:30:00+01:00", "missing_local_time", "2026-03-29T01:00:00+00:00"),
        ("0 30 2 * * ?", "2026-03-29T01:00:00+00:00", "missing_local_time", "2026-03-29T01:00:00+00:00"),
        # 02:30 comes twice: it fires at 00:30 UTC.
        ("0 30 2 * * ?", "2026-10-25T02:30:00+02:00", "repeated_local_time", "2026-10-25T00:30:00+00:00"),
        ("0 30 2 * * ?", "2026-10-25T02:30:00+01:00", "repeated_local_time", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_it_finds_the_change(expression: str, instant: str, code: str, slot: str):
    found = clock_change_at(parse_cron(expression, "Europe/Berlin"), datetime.fromisoformat(instant))

    assert found is not None
    assert (found.code, found.at) == (code, datetime.fromisoformat(slot))


@pytest.mark.parametrize(
    ("expression", "instant"),
    [
        ("0 30 2 * * ?", "2026-03-28T02:30:00+01:00"),
        ("0 30 2 * * ?", "2026-03-29T02:31:00+01:00"),
        ("0 30 4 * * ?", "2026-03-29T01:00:00+00:00"),
        ("0 30 2 * * ?", "2026-10-25T02:31:00+01:00"),
        ("0 30 2 * * ?", "2026-10-25T03:30:00+01:00"),
        ("0 30 2 * * ?", "2026-10-25T02:30:00.000001+01:00"),
        ("0 30 * * * ?", "2026-10-25T02:30:00+01:00"),
        ("0 30 2 * * ?", "1970-01-01T00:00:00+00:00"),
        ("0 30 2 * * ?", "2199-12-31T23:59:59+00:00"),
    ],
)
def test_it_finds_none_where_there_is_none(expression: str, instant: str):
    assert clock_change_at(parse_cron(expression, "Europe/Berlin"), datetime.fromisoformat(instant)) is None


def test_an_interval_knows_no_clock():
    start = datetime.fromisoformat("2026-03-29T01:00:00+00:00")

    assert clock_change_at(IntervalSchedule(start, 60, includes_anchor=True), start) is None
