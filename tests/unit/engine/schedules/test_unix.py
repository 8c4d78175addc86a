"""What Unix text means, and that it is never read as Quartz."""

import pytest

from scheduler.engine.schedules import parse_cron
from tests.unit.engine.schedules.cases import cron_slots, refusal

NEW_YEAR = "2025-12-31T23:59:59"

CASES = [
    ("*/15 * * * *", ["2026-01-01T00:00", "2026-01-01T00:15"]),
    ("5/20 0 * * *", ["2026-01-01T00:05", "2026-01-01T00:25", "2026-01-01T00:45"]),
    ("0 0 * * 0", ["2026-01-04T00:00", "2026-01-11T00:00"]),
    ("0 0 * * 7", ["2026-01-04T00:00", "2026-01-11T00:00"]),
    ("0 0 * * 1", ["2026-01-05T00:00", "2026-01-12T00:00"]),
    ("0 0 * * 5-7", ["2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00", "2026-01-09T00:00"]),
    ("0 0 * * sat-sun", ["2026-01-03T00:00", "2026-01-04T00:00", "2026-01-10T00:00"]),
    ("0 0 * * 0-7/7", ["2026-01-04T00:00", "2026-01-11T00:00"]),
    ("0 0 * * MON-FRI/2", ["2026-01-02T00:00", "2026-01-05T00:00", "2026-01-07T00:00"]),
    ("0 22-2/2 * * *", ["2026-01-01T00:00", "2026-01-01T02:00", "2026-01-01T22:00"]),
    ("0 0 13 * 5", ["2026-01-02T00:00", "2026-01-09T00:00", "2026-01-13T00:00", "2026-01-16T00:00"]),
    ("0 0 13 * *", ["2026-01-13T00:00", "2026-02-13T00:00"]),
    ("0 0 */2 * MON", ["2026-01-05T00:00", "2026-01-19T00:00", "2026-02-09T00:00"]),
    ("0 0 1 * */2", ["2026-01-01T00:00", "2026-02-01T00:00", "2026-03-01T00:00", "2026-08-01T00:00"]),
    ("0 0 30 2 MON", ["2026-02-02T00:00", "2026-02-09T00:00"]),
]

REFUSED = [
    ("0 0 ? * MON", "Day-of-month: ? is Quartz, but five fields are Unix cron; put a field for seconds first."),
    ("0 0 L * *", "Day-of-month: L is Quartz"),
    ("0 0 15W * *", "Day-of-month: 15W is Quartz"),
    ("0 0 * * 5L", "Day-of-week: 5L is Quartz"),
    ("0 0 * * FRI#2", "Day-of-week: FRI#2 is Quartz"),
    ("0 0 * * 8", "Day-of-week: 8 is out of range; use 0 (SUN) to 6 (SAT), or 7 for Sunday."),
    ("/5 * * * *", "Minute: /5 has no start; write */5 or give the first value."),
    ("*/60 * * * *", "Minute: the step of */60 is out of range; use a step of 1 to 59."),
    ("60 * * * *", "Minute: 60 is out of range; use 0 to 59."),
    ("0 0 * * MON-6", "mixes a name with a number; write two names or two numbers."),
    ("* * * *", "There are 4 fields; write 5 (Unix, minute first) or 6 or 7 (Quartz, second first)."),
    ("", "There are 0 fields"),
    ("@dayly", "Unknown macro @dayly; did you mean @daily?"),
    ("@every 5m", "There are 2 fields"),
    ("@sometimes", "use one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually."),
    ("@reboot", "let the task listen to an event instead."),
    ("0 " * 51, "The expression has 102 characters; use at most 100, or several tasks."),
]

MACROS = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@Yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
]


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_it_fires_as_crontab_says(expression, expected):
    assert cron_slots(expression, "UTC", NEW_YEAR, len(expected)) == expected


@pytest.mark.parametrize(("macro", "expression"), MACROS)
def test_it_reads_a_macro_as_its_five_fields(macro, expression):
    of_macro = cron_slots(macro, "Europe/Berlin", NEW_YEAR, 40)
    assert of_macro == cron_slots(expression, "Europe/Berlin", NEW_YEAR, 40)


@pytest.mark.parametrize(("expression", "remedy"), REFUSED)
def test_it_refuses_quartz_and_mistakes(expression, remedy):
    field, code, message = refusal(expression)
    assert (field, code) == ("cronExpression", "invalid")
    assert remedy in message


def test_it_numbers_weekdays_by_the_number_of_fields():
    unix = cron_slots("0 0 * * 5", "UTC", NEW_YEAR, 1)
    quartz = cron_slots("0 0 0 ? * 5", "UTC", NEW_YEAR, 1)
    assert (unix, quartz) == (["2026-01-02T00:00"], ["2026-01-01T00:00"])


def test_it_shares_one_object_among_equal_texts():
    assert parse_cron("0 0 * * *", "UTC") is parse_cron("0 0 * * *", "UTC")
