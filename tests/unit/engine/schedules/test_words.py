"""Schedules in plain words. Each sentence below has been read by a person: is it understood, and is it true?"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from scheduler.engine.calendars import CalendarPolicy, build_calendar, running_slots
from scheduler.engine.schedules import (
    IntervalSchedule,
    NeverSchedule,
    OneTimeSchedule,
    bounded,
    describe,
    describe_fixed_delay,
    parse_cron,
)
from tests.unit.engine.schedules.cases import at, cron_texts, steady

CRONS = [
    ("0 0 0 * * ?", "At 00:00, every day"),
    ("0 30 2 * * ?", "At 02:30, every day"),
    ("0 15 10 ? * MON-FRI", "At 10:15, Monday through Friday"),
    ("0 0 12 1/5 * ?", "At 12:00, on days 1, 6, 11, 16, 21, 26 and 31 of the month (those that it has)"),
    ("0 11 11 11 11 ?", "At 11:11, on day 11 of the month, only in November"),
    ("0 0/5 14 * * ?", "Every 5 minutes from 14:00 to 14:55"),
    ("0 0/5 14,18 * * ?", "Every 5 minutes in hours 14 and 18"),
    ("0 0-5 14 * * ?", "Every minute from 14:00 to 14:05"),
    ("0 10,44 14 ? 3 WED", "At 14:10 and 14:44, only on Wednesday, only in March"),
    ("0 15 10 15 * ?", "At 10:15, on day 15 of the month"),
    ("0 15 10 L * ?", "At 10:15, on the last day of the month"),
    ("0 15 10 L-2 * ?", "At 10:15, 2 days before the last day of the month"),
    ("0 15 10 LW * ?", "At 10:15, on the last weekday of the month (Monday to Friday)"),
    ("0 15 10 L-2W * ?",
     "At 10:15, on the weekday (Monday to Friday) nearest to 2 days before the last day of the month"),
    ("0 15 10 15W * ?", "At 10:15, on the weekday (Monday to Friday) nearest to day 15 of the month"),
    ("0 15 10 ? * 6L", "At 10:15, on the last Friday of the month"),
    ("0 15 10 ? * FRIL", "At 10:15, on the last Friday of the month"),
    ("0 15 10 ? * L", "At 10:15, only on Saturday"),
    ("0 15 10 ? * 6#3", "At 10:15, on the third Friday of the month"),
    ("0 15 10 ? * FRI#5", "At 10:15, on the fifth Friday of the month (in months that have one)"),
    ("0 15 10 ? * 1", "At 10:15, only on Sunday"),
    ("0 15 10 ? * 7", "At 10:15, only on Saturday"),
    ("0 15 10 ? * 2-6", "At 10:15, Monday through Friday"),
    ("0 15 10 ? * MON-FRI/2", "At 10:15, only on Monday, Wednesday, and Friday"),
    ("0 15 10 ? * SAT-THU/2", "At 10:15, only on Monday, Wednesday, and Saturday"),
    ("0 0 22-2/2 * * ?", "At 00:00, 02:00 and 22:00, every day"),
    ("0 0 22-2 * * ?", "At 00:00, 01:00, 02:00, 22:00 and 23:00, every day"),
    ("0 0 5-5 * * ?", "At 05:00, every day"),
    ("*/10 * * * * ?", "Every 10 seconds"),
    ("0/1 * * * * ?", "Every second"),
    ("* * * * * ?", "Every second"),
    ("0 0 */2 * * ?", "Every 2 hours"),
    ("0 0 * * * ?", "Every hour"),
    ("0 30 * * * ?", "Every hour at 30 minutes past"),
    ("0 0 0 1 JAN,JUL ?", "At 00:00, on day 1 of the month, only in January and July"),
    ("0 0 0 1 1 ? 2030", "At 00:00, on day 1 of the month, only in January, only in 2030"),
    ("0 0 0 1 1 ? 2026-2030", "At 00:00, on day 1 of the month, only in January, only from 2026 to 2030"),
    ("0 0 0 1 1 ? 2026/2", "At 00:00, on day 1 of the month, only in January, in every 2nd year from 2026 to 2198"),
    ("0 0 0 30-2 * ?", "At 00:00, on days 1, 2, 30 and 31 of the month (those that it has)"),
    ("0 0 0 1,15 * ?", "At 00:00, on days 1 and 15 of the month"),
    ("0 0 0 1 */3 ?", "At 00:00, on day 1 of the month, only in January, April, July, and October"),
    ("0 0 0 1 10-3/2 ?", "At 00:00, on day 1 of the month, only in February, October, and December"),
    ("0 7,22,37,52 * * * ?", "Every 15 minutes, beginning at 00:07"),
    ("15 30 4 * * ?", "At 04:30:15, every day"),
    ("15,45 30 4 * * ?", "At 04:30:15 and 04:30:45, every day"),
    ("0 0 9-17 ? * MON-FRI", "Every hour from 09:00 to 17:00, Monday through Friday"),
    ("0 0/15 9-17 ? * MON-FRI", "Every 15 minutes from 09:00 to 17:45, Monday through Friday"),
    ("0 23 */2 * * ?", "Every 2 hours at 23 minutes past"),
    ("*/15 * * * *", "Every 15 minutes"),
    ("0 0 13 * 5", "At 00:00, on day 13 of the month or on Friday"),
    ("0 0 * * 0", "At 00:00, only on Sunday"),
    ("0 0 * * 7", "At 00:00, only on Sunday"),
    ("0 0 */2 * MON", "At 00:00, on every 2nd day of the month from day 1 to 31, but only on Monday"),
    ("5/20 0 * * *", "At 00:05, 00:25 and 00:45, every day"),
    ("0 9 * * MON-FRI", "At 09:00, Monday through Friday"),
    ("0 0 1 * *", "At 00:00, on day 1 of the month"),
    ("0 0,12 1 */2 *",
     "At 00:00 and 12:00, on day 1 of the month, only in January, March, May, July, September, and November"),
    ("0 0 0 ? * 2,4,6", "At 00:00, only on Monday, Wednesday, and Friday"),
    ("0 */7 * * * ?", "Every 7th minute from 0 to 56 of every hour"),
    ("0 0/5 * * * ?", "Every 5 minutes"),
    ("0 0 0 ? * */2", "At 00:00, only on Tuesday, Thursday, Saturday, and Sunday"),
    ("0 0 0 */2 * ?", "At 00:00, on every 2nd day of the month from day 1 to 31"),
    ("* 30 2 * * ?", "Every second from 02:30:00 to 02:30:59"),
    ("0 * 2 * * ?", "Every minute from 02:00 to 02:59"),
    ("0 0 0 ? JAN-MAR MON-FRI", "At 00:00, Monday through Friday, January through March"),
    ("0 0 0 ? NOV-FEB SUN", "At 00:00, only on Sunday, only in January, February, November, and December"),
    ("0 0 0 L-3W * ?",
     "At 00:00, on the weekday (Monday to Friday) nearest to 3 days before the last day of the month"),
    ("0 0 0 1 1 ? 2030,2032-2035", "At 00:00, on day 1 of the month, only in January, only in 2030 and 2032 to 2035"),
    ("30 2-58/4 * * * ?", "Every 4 minutes, beginning at 00:02:30"),
    ("0 0-5,30 * * * ?", "At minutes 0 to 5 and 30 of every hour, every day"),
    ("0 0 1-23/2 * * ?", "Every 2 hours, beginning at 01:00"),
    ("0 10 1-23/2 * * ?", "Every 2 hours, beginning at 01:10"),
    ("0 0 0 29 2 ?", "At 00:00, on day 29 of the month (in leap years), only in February"),
    ("0 0 0 31W * ?",
     "At 00:00, on the weekday (Monday to Friday) nearest to day 31 of the month (in months that have it)"),
    ("0 5-50/15 * * * ?", "Every 15 minutes, beginning at 00:05"),
    ("15 * * * * ?", "Every minute at second 15"),
    ("0 0 0 ? * SAT-TUE", "At 00:00, only on Monday, Tuesday, Saturday, and Sunday"),
    ("0 0 0 1-5 * ?", "At 00:00, on days 1 to 5 of the month"),
    ("@hourly", "Every hour"),
    ("@weekly", "At 00:00, only on Sunday"),
    ("0 0 1,15 * 5", "At 00:00, on days 1 and 15 of the month or on Friday"),
    ("0 3-59/10 8-10 * * ?", "Every 10 minutes from 08:03 to 10:53"),
    ("0 0 8,9,10,11,12,13,14,18 * * ?", "At minute 0 of hours 8 to 14 and 18, every day"),
    ("0 59 23 31 12 ? 2026", "At 23:59, on day 31 of the month, only in December, only in 2026"),
    ("* * 9 * * ?", "Every second from 09:00:00 to 09:59:59"),
    ("0/30 0 9 * * ?", "At 09:00:00 and 09:00:30, every day"),
    ("0 0/15 22-6 * * ?", "Every 15 minutes in hours 0 to 6, 22 and 23"),
    ("0 0 0 L-1 * ?", "At 00:00, 1 day before the last day of the month"),
    ("0 15 10 ? * 2,7", "At 10:15, only on Monday and Saturday"),
    ("0 0 0 ? * SAT-SUN", "At 00:00, only on Saturday and Sunday"),
    ("0 0 0 1,15,31 * ?", "At 00:00, on days 1, 15 and 31 of the month (those that it has)"),
    ("0 0 0 29,30 * ?", "At 00:00, on days 29 and 30 of the month (those that it has)"),
    ("0 0 0 30 4,6 ?", "At 00:00, on day 30 of the month, only in April and June"),
    ("0 0 0 31 1-3 ?", "At 00:00, on day 31 of the month (in months that have it), January through March"),
    ("0 0 6,12,18 * * ?", "At 06:00, 12:00 and 18:00, every day"),
    ("0 0 */6 * * ?", "Every 6 hours"),
    ("0 0 */5 * * ?", "Every 5 hours from 00:00 to 20:00"),
    ("0 30 */12 * * ?", "At 00:30 and 12:30, every day"),
    ("0 0 0 ? * 1#4", "At 00:00, on the fourth Sunday of the month"),
    ("0 0 0 ? * 2#1", "At 00:00, on the first Monday of the month"),
    ("0 0 0 15W 3,6,9,12 ?",
     "At 00:00, on the weekday (Monday to Friday) nearest to day 15 of the month, only in March, June, "
     "September, and December"),
    ("*/7 * * * * ?", "Every 7th second from 0 to 56 of every minute of every hour"),
    ("0 */15 9-17 1 * ?", "Every 15 minutes from 09:00 to 17:45, on day 1 of the month"),
    ("0 0 0 */7 * ?", "At 00:00, on days 1, 8, 15, 22 and 29 of the month (those that it has)"),
    ("0 0 2 ? 1-6/2 TUE#2", "At 02:00, on the second Tuesday of the month, only in January, March, and May"),
    ("@daily", "At 00:00, every day"),
    ("@monthly", "At 00:00, on day 1 of the month"),
    ("@yearly", "At 00:00, on day 1 of the month, only in January"),
    ("0 0 1 1 0", "At 00:00, on day 1 of the month or on Sunday, only in January"),
    ("0 0 1-31 * MON", "At 00:00, every day"),
    ("0 0 12 ? * MON-SUN", "At 12:00, every day"),
    ("10 0 0 1 1 ? 2030", "At 00:00:10, on day 1 of the month, only in January, only in 2030"),
    ("0 1-59/2 * * * ?", "Every 2 minutes, beginning at 00:01"),
    ("0 0 1-7 * MON", "At 00:00, on days 1 to 7 of the month or on Monday"),
    ("0 0 1-7 * */2", "At 00:00, on days 1 to 7 of the month, but only on Tuesday, Thursday, Saturday, and Sunday"),
    ("0,20,40 * * * * ?", "Every 20 seconds"),
    ("5,25,45 0/2 * * * ?", "At seconds 5, 25 and 45 of every 2nd minute from 0 to 58 of every hour, every day"),
    ("0 0 0 1 1 ? 2027-2199", "At 00:00, on day 1 of the month, only in January, from 2027 on"),
    ("5 0 * 8 *", "At 00:05, every day, only in August"),
    ("0 0 12 * * ? 2027", "At 12:00, every day, only in 2027"),
    ("0 0/10 * * 6 ?", "Every 10 minutes, only in June"),
    ("0 1/2 3-4 * * ?", "Every 2 minutes from 03:01 to 04:59"),
]  # fmt: skip

START = at("2026-03-01T00:00:10")

OTHERS = [
    (IntervalSchedule(START, 900), "Every 15 minutes, counted from 2026-03-01 01:00:10 Europe/Berlin time"),
    (
        IntervalSchedule(START, 3600, includes_anchor=False),
        "Every hour, counted from 2026-03-01 01:00:10 Europe/Berlin time, for the first time 1 hour later",
    ),
    (
        IntervalSchedule(START, 5400),
        "Every 1 hour and 30 minutes, counted from 2026-03-01 01:00:10 Europe/Berlin time",
    ),
    (OneTimeSchedule(at("2026-07-01T07:00")), "Once, at 2026-07-01 09:00 Europe/Berlin time"),
    (NeverSchedule(), "Only on request, by an event or after another task"),
    (
        bounded(parse_cron("0 0 9 * * ?", "UTC"), at("2026-07-01"), at("2026-08-01")),
        "At 09:00, every day, UTC, from 2026-07-01 02:00 Europe/Berlin time on, "
        "before 2026-08-01 02:00 Europe/Berlin time",
    ),
    (
        bounded(parse_cron("@hourly", "UTC"), end_at=START),
        "Every hour, UTC, before 2026-03-01 01:00:10 Europe/Berlin time",
    ),
]

CALENDARS = [
    (CalendarPolicy.SKIP, "except while its calendar is closed"),
    (CalendarPolicy.NEXT_OPEN, "moved to the next open day or time where its calendar is closed"),
    (CalendarPolicy.PREVIOUS_OPEN, "moved to the previous open day or time where its calendar is closed"),
]


@pytest.mark.parametrize(("text", "expected"), CRONS)
def test_it_says_when_a_cron_fires(text, expected):
    assert describe(parse_cron(text, "Europe/Berlin")) == f"{expected}, Europe/Berlin time"


@pytest.mark.parametrize(("schedule", "expected"), OTHERS)
def test_it_says_when_other_schedules_fire(schedule, expected):
    assert describe(schedule, "Europe/Berlin") == expected


@pytest.mark.parametrize(("policy", "expected"), CALENDARS)
def test_it_says_what_a_calendar_does(policy, expected):
    weekend = build_calendar({"weekdays": ["SAT", "SUN"]}, "UTC")
    words = describe(running_slots(parse_cron("0 0 9 * * ?", "UTC"), weekend, policy))
    assert words == f"At 09:00, every day, UTC, {expected}"


def test_it_says_what_a_fixed_delay_is():
    assert describe_fixed_delay(90_061).startswith("1 day, 1 hour, 1 minute and 1 second after")
    assert describe_fixed_delay(90) == "1 minute and 30 seconds after the end of the slot before"
    assert describe_fixed_delay(timedelta(days=8) // timedelta(seconds=1)).startswith("1 week and 1 day after")


def test_it_has_no_words_for_what_is_no_schedule():
    nothing: Any = 5
    with pytest.raises(TypeError, match="int has no words"):
        describe(nothing)


@steady
@given(cron_texts)
def test_it_has_words_for_every_cron(text):
    words = describe(parse_cron(text, "UTC"))
    assert words.startswith(("At ", "Every ")) and words.endswith(", UTC")
    assert not any(odd in words for odd in ("  ", ",,", ", ,", "None", "()"))
