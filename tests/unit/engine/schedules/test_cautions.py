"""Warnings: clock changes of the coming year, no further slot, the crowded full hour."""

from datetime import timedelta

import pytest

from scheduler.engine.calendars import CalendarPolicy, build_calendar, running_slots
from scheduler.engine.schedules import IntervalSchedule, NeverSchedule, bounded, cautions, parse_cron
from tests.unit.engine.schedules.cases import at, short

NOW = at("2026-10-08")

CHANGES = [
    (
        "0 30 2 * * ?",
        "Europe/Berlin",
        [
            ("repeated_local_time", "2026-10-25T00:30", "02:30 on 2026-10-25 comes twice in Europe/Berlin"),
            ("missing_local_time", "2027-03-28T01:00", "02:30 on 2027-03-28 does not exist in Europe/Berlin"),
        ],
    ),
    ("0 30 2 ? * MON-SAT", "Europe/Berlin", []),
    ("0 30 2 ? 3 SUNL", "Europe/Berlin", [("missing_local_time", "2027-03-28T01:00", "The slot fires at 03:00.")]),
    ("0 30 9 * * ?", "Europe/Berlin", []),
    ("0 30 * * * ?", "Europe/Berlin", []),
    ("0 30 2 * * ?", "Asia/Tokyo", []),
    ("0 15 2 * * ?", "Australia/Lord_Howe", [("missing_local_time", "2027-10-02T15:30", "The slot fires at 02:30.")]),
    (
        "0 15,45 1 * * ?",
        "Australia/Lord_Howe",
        [("repeated_local_time", "2027-04-03T14:45", "01:45 on 2027-04-04 comes twice")],
    ),
    ("30 5 0 * * ?", "Africa/Cairo", [("missing_local_time", "2027-04-29T22:00", "00:05:30 on 2027-04-30 does not")]),
]


@pytest.mark.parametrize(("text", "zone", "expected"), CHANGES)
def test_it_warns_of_clock_changes_that_meet_a_slot(text, zone, expected):
    found = cautions(parse_cron(text, zone), NOW)
    assert [(caution.code, short(caution.at or NOW)) for caution in found] == [
        (code, slot) for code, slot, _ in expected
    ]
    assert all(words in caution.message for caution, (_, _, words) in zip(found, expected, strict=True))


def test_it_warns_of_changes_inside_the_window_only():
    until_december = bounded(parse_cron("0 30 2 * * ?", "Europe/Berlin"), end_at=at("2026-12-01"))
    assert [caution.code for caution in cautions(until_december, NOW)] == ["repeated_local_time"]


def test_it_warns_of_changes_on_open_days_only():
    schedule = parse_cron("0 30 2 * * ?", "Europe/Berlin")
    sundays_off = build_calendar({"weekdays": ["SUN"]}, "Europe/Berlin")
    assert cautions(running_slots(schedule, sundays_off, CalendarPolicy.SKIP), NOW) == []


@pytest.mark.parametrize(
    ("text", "jitter_seconds", "expected"),
    [
        ("0 0 9 * * ?", 0, ["crowded_minute"]),
        ("0 * * * *", 0, ["crowded_minute"]),
        ("0/30 0 9 * * ?", 0, ["crowded_minute"]),
        ("0 0 9 * * ?", 60, []),
        ("0 7 9 * * ?", 0, []),
        ("20 0 9 * * ?", 0, []),
        ("0 */5 * * * ?", 0, []),
    ],
)
def test_it_warns_of_the_full_hour(text, jitter_seconds, expected):
    found = cautions(parse_cron(text, "UTC"), NOW, jitter_seconds=jitter_seconds)
    assert [caution.code for caution in found] == expected


def test_it_warns_of_a_schedule_without_a_further_slot():
    [caution] = cautions(parse_cron("0 7 9 * * ? 2020", "UTC"), NOW)
    assert (caution.code, caution.at) == ("never_fires", None)
    assert "its last slot was 2020-12-31 09:07:00 UTC" in caution.message


def test_it_warns_of_a_calendar_that_leaves_nothing():
    schedule = parse_cron("0 7 9 ? * SAT", "UTC")
    weekend = build_calendar({"weekdays": ["SAT", "SUN"]}, "UTC")
    closed = bounded(running_slots(schedule, weekend, CalendarPolicy.SKIP), end_at=at("2030-01-01"))
    [caution] = cautions(closed, NOW)
    assert (caution.code, caution.message.split(";")[0]) == (
        "never_fires",
        "Its calendar is closed at every slot that is left",
    )


def test_it_has_nothing_to_warn_of_intervals():
    assert cautions(IntervalSchedule(NOW - timedelta(days=1), 3600), NOW) == []


def test_it_does_not_call_a_task_without_a_schedule_faulty():
    assert cautions(NeverSchedule(), NOW) == []
