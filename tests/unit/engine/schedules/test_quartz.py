"""What Quartz text means: the manual's table and its edge cases, in UTC."""

import pytest

from tests.unit.engine.schedules.cases import cron_slots, refusal

NEW_YEAR = "2025-12-31T23:59:59"  # Thursday, 1 January 2026 is one second away

MANUAL = [
    ("0 0 12 * * ?", ["2026-01-01T12:00", "2026-01-02T12:00"]),
    ("0 15 10 ? * *", ["2026-01-01T10:15", "2026-01-02T10:15"]),
    ("0 15 10 * * ?", ["2026-01-01T10:15", "2026-01-02T10:15"]),
    ("0 15 10 * * ? *", ["2026-01-01T10:15", "2026-01-02T10:15"]),
    ("0 15 10 * * ? 2028", ["2028-01-01T10:15", "2028-01-02T10:15"]),
    ("0 * 14 * * ?", ["2026-01-01T14:00", "2026-01-01T14:01"]),
    ("0 0/5 14 * * ?", ["2026-01-01T14:00", "2026-01-01T14:05"]),
    ("0 0/5 14,18 * * ?", ["2026-01-01T14:00", "2026-01-01T14:05"]),
    ("0 0-5 14 * * ?", ["2026-01-01T14:00", "2026-01-01T14:01"]),
    ("0 10,44 14 ? 3 WED", ["2026-03-04T14:10", "2026-03-04T14:44"]),
    ("0 15 10 ? * MON-FRI", ["2026-01-01T10:15", "2026-01-02T10:15", "2026-01-05T10:15"]),
    ("0 15 10 15 * ?", ["2026-01-15T10:15", "2026-02-15T10:15"]),
    ("0 15 10 L * ?", ["2026-01-31T10:15", "2026-02-28T10:15"]),
    ("0 15 10 L-2 * ?", ["2026-01-29T10:15", "2026-02-26T10:15"]),
    ("0 15 10 ? * 6L", ["2026-01-30T10:15", "2026-02-27T10:15"]),
    ("0 15 10 ? * 6L 2002-2026", ["2026-01-30T10:15", "2026-02-27T10:15"]),
    ("0 15 10 ? * 6#3", ["2026-01-16T10:15", "2026-02-20T10:15"]),
    ("0 0 12 1/5 * ?", ["2026-01-01T12:00", "2026-01-06T12:00"]),
    ("0 11 11 11 11 ?", ["2026-11-11T11:11", "2027-11-11T11:11"]),
]

EDGES = [
    ("0 0 0 29W * ?", ["2026-01-29", "2026-03-30", "2026-04-29"]),
    ("0 0 0 31W 9 ?", []),
    ("0 0 0 1W * ?", ["2026-01-01", "2026-02-02", "2026-03-02"]),
    ("0 0 0 1W 8 ?", ["2026-08-03", "2027-08-02"]),
    ("0 0 0 31W 1,5 ?", ["2026-01-30", "2026-05-29"]),
    ("0 0 0 LW * ?", ["2026-01-30", "2026-02-27", "2026-03-31"]),
    ("0 0 0 L-2W * ?", ["2026-01-29", "2026-02-26", "2026-03-30"]),
    ("0 0 0 L-3 * ?", ["2026-01-28", "2026-02-25"]),
    ("0 0 0 L-0 * ?", ["2026-01-31", "2026-02-28"]),
    ("0 0 0 L-28 2 ?", ["2028-02-01", "2032-02-01"]),
    ("0 0 0 L-30 * ?", ["2026-01-01", "2026-03-01", "2026-05-01"]),
    ("0 0 0 L-29W 2 ?", []),
    ("0 0 0 ? * L", ["2026-01-03", "2026-01-10"]),
    ("0 0 0 ? * 7L", ["2026-01-31", "2026-02-28"]),
    ("0 0 0 ? * friL", ["2026-01-30", "2026-02-27"]),
    ("0 0 0 ? * FRI#5", ["2026-01-30", "2026-05-29", "2026-07-31"]),
    ("0 0 0 ? * 1#1", ["2026-01-04", "2026-02-01"]),
    ("0 0 0 ? * 1", ["2026-01-04", "2026-01-11"]),
    ("0 0 0 ? * 7", ["2026-01-03", "2026-01-10"]),
    ("0 0 0 ? * 7/2", ["2026-01-03", "2026-01-10"]),
    ("0 0 0 ? * 3-7/2", ["2026-01-01", "2026-01-03", "2026-01-06"]),
    ("0 0 0 ? * MON-FRI/2", ["2026-01-02", "2026-01-05", "2026-01-07"]),
    ("0 0 0 ? * MON/2", ["2026-01-02", "2026-01-05", "2026-01-07"]),
    ("0 0 0 1 FEB/4 ?", ["2026-02-01", "2026-06-01", "2026-10-01", "2027-02-01"]),
    ("0 0 0 ? * SAT-THU/2", ["2026-01-03", "2026-01-05", "2026-01-07", "2026-01-10"]),
    ("0 0 0 ? * SAT-THU", ["2026-01-01", "2026-01-03", "2026-01-04"]),
    ("0 0 22-2/2 * * ?", ["2026-01-01", "2026-01-01T02:00", "2026-01-01T22:00", "2026-01-02"]),
    ("0 37-36/2 5 * * ?", ["2026-01-01T05:01", "2026-01-01T05:03"]),
    ("0 0 0 1 10-3/2 ?", ["2026-02-01", "2026-10-01", "2026-12-01", "2027-02-01"]),
    ("0 0 0 30-2 * ?", ["2026-01-01", "2026-01-02", "2026-01-30", "2026-01-31", "2026-02-01"]),
    ("0 5-5 5-5/3 * * ?", ["2026-01-01T05:05", "2026-01-02T05:05"]),
    ("0 0-0 0 * * ?", ["2026-01-01", "2026-01-02"]),
    ("/20 59 23 31 dec ?", ["2026-12-31T23:59", "2026-12-31T23:59:20", "2026-12-31T23:59:40"]),
    ("0 0 0 1 Jan,jUL ?", ["2026-01-01", "2026-07-01", "2027-01-01"]),
    ("0 0 0 1 1 ? 2198/1", ["2198-01-01", "2199-01-01"]),
    ("0 0 0 29 2 ? 2096-2104", ["2096-02-29", "2104-02-29"]),
    ("0 0 0 1 1 ? */100", ["2070-01-01", "2170-01-01"]),
    ("  0\t0 0   1 1 ? ", ["2026-01-01", "2027-01-01"]),
    ("00 00 007 01 * ?", ["2026-01-01T07:00", "2026-02-01T07:00"]),
    ("0 0 0 1,1,1-2 1 ?", ["2026-01-01", "2026-01-02", "2027-01-01"]),
]

REFUSED = [
    ("0 0 0 1 * MON", "both set; write ? in one of them."),
    ("0 0 0 * * *", "both set; write ? in one of them."),
    ("0 0 0 ? * ?", "both ?; write * in one of them."),
    ("0 0 0 ?? * MON", "write ? alone."),
    ("0 0 ? * * MON", "Hour: ? cannot be used in ?; only a whole Quartz day field may be ?."),
    ("60 0 0 * * ?", "Second: 60 is out of range; use 0 to 59."),
    ("0 60 0 * * ?", "Minute: 60 is out of range; use 0 to 59."),
    ("0 0 24 * * ?", "Hour: 24 is out of range; use 0 to 23."),
    ("0 0 0 0 * ?", "Day-of-month: 0 is out of range; use 1 to 31."),
    ("0 0 0 32 * ?", "Day-of-month: 32 is out of range; use 1 to 31."),
    ("0 0 0 1 13 ?", "Month: 13 is out of range; use 1 (JAN) to 12 (DEC)."),
    ("0 0 0 ? * 0", "Day-of-week: 0 is out of range; use 1 (SUN) to 7 (SAT)."),
    ("0 0 0 ? * 8", "Day-of-week: 8 is out of range; use 1 (SUN) to 7 (SAT)."),
    ("0 0 0 * * ? 1969", "Year: 1969 is out of range; use 1970 to 2199."),
    ("0 0 0 * * ? 2200", "Year: 2200 is out of range; use 1970 to 2199."),
    ("0 0 0 * * ? 2030-2026", "Year: 2030-2026 runs backwards; write 2026-2030."),
    ("*/0 0 0 * * ?", "Second: the step of */0 is out of range; use a step of 1 to 59."),
    ("*/60 0 0 * * ?", "Second: the step of */60 is out of range; use a step of 1 to 59."),
    ("0 0 */24 * * ?", "Hour: the step of */24 is out of range; use a step of 1 to 23."),
    ("0 0 0 */32 * ?", "Day-of-month: the step of */32 is out of range; use a step of 1 to 31."),
    ("0 0 0 1 */13 ?", "Month: the step of */13 is out of range; use a step of 1 to 12."),
    ("0 0 0 ? * */8", "Day-of-week: the step of */8 is out of range; use a step of 1 to 7."),
    ("0 0 0 ? * MON-6", "mixes a name with a number; write two names or two numbers."),
    ("0 0 0 ? * 2-FRI", "mixes a name with a number; write two names or two numbers."),
    ("0 0 0 1 OCT-2 ?", "mixes a name with a number; write two names or two numbers."),
    ("0 0 0 ? * MONDAY", "did you mean MON?"),
    ("0 0 0 1 JUN,JLY ?", "did you mean JUL?"),
    ("0 0 0 1 FOO ?", "Month: FOO is not a value of this field; use 1 (JAN) to 12 (DEC)."),
    ("0 0 NOON * * ?", "Hour: NOON is not a value of this field; use 0 to 23."),
    ("0 0 0 15W,20W * ?", "cannot be part of a list such as 15W,20W; register one task for each."),
    ("0 0 0 1,15W * ?", "register one task for each."),
    ("0 0 0 1,L * ?", "register one task for each."),
    ("0 0 0 ? * 2#1,3", "register one task for each."),
    ("0 0 0 ? * 6L,2", "register one task for each."),
    ("0 0 0 0W * ?", "Day-of-month: 0 is out of range; use 1 to 31."),
    ("0 0 0 32W * ?", "Day-of-month: 32 is out of range; use 1 to 31."),
    ("0 0 0 L-31 * ?", "Day-of-month: L-31 is out of range; use L-0 to L-30."),
    ("0 0 0 L-31W * ?", "Day-of-month: L-31W is out of range; use L-0 to L-30."),
    ("0 0 0 1-5W * ?", "with L or W write L, L-3, LW, L-3W or 15W and nothing else."),
    ("0 0 0 WL * ?", "with L or W write"),
    ("0 0 0 15L * ?", "with L or W write"),
    ("0 0 0 L/2 * ?", "with L or W write"),
    ("0 0 0 15C * ?", "Day-of-month: 15C is not understood"),
    ("0 0 L * * ?", "Hour: L is not a value of this field; use 0 to 23."),
    ("0 0 0 ? * 6#6", "Day-of-week: 6#6 is out of range; use #1 to #5."),
    ("0 0 0 ? * 6#0", "Day-of-week: 6#0 is out of range; use #1 to #5."),
    ("0 0 0 ? * 0#1", "Day-of-week: 0 is out of range; use 1 (SUN) to 7 (SAT)."),
    ("0 0 0 ? * 8L", "Day-of-week: 8 is out of range; use 1 (SUN) to 7 (SAT)."),
    ("0 0 0 ? * MON-FRI#2", "write 6L or FRIL for the last Friday, FRI#2 for the second."),
    ("0 0 0 ? * L-3", "write 6L or FRIL for the last Friday, FRI#2 for the second."),
    ("0 0 0 ? * 15W", "Day-of-week: 15W is not understood"),
    ("0 0x5 0 * * ?", "Minute: 0X5 is not understood"),
    ("0 0 22-2x * * ?", "Hour: 22-2X is not understood"),
    ("0 1.5 0 * * ?", "Minute: 1.5 is not understood"),
    ("0 5* 0 * * ?", "Minute: 5* is not understood"),
    ("0 *5 0 * * ?", "Minute: *5 is not understood"),
    ("0 -5 0 * * ?", "Minute: -5 has no start"),
    ("0 5- 0 * * ?", "Minute: 5- is not understood"),
    ("0 5/ 0 * * ?", "Minute: 5/ is not understood"),
    ("0 / 0 * * ?", "Minute: / is not understood"),
    ("0 1-2-3 0 * * ?", "Minute: 1-2-3 is not understood"),
    ("0 */2-5 0 * * ?", "Minute: */2-5 is not understood"),
    ("0 *-5 0 * * ?", "Minute: *-5 mixes * with a range; write * or 0-5."),
    ("0 1,,2 0 * * ?", "Minute: a list has an empty item; remove the comma too many."),
    ("0 1, 0 * * ?", "Minute: a list has an empty item; remove the comma too many."),
    ("0 99 0 * * ?", "Minute: 99 is out of range; use 0 to 59."),
    ("0 0 0 * * ? 2026 extra", "There are 8 fields"),
    ("0 0 0 1 1 ? \u0662\u0660\u0662\u0666", "use one line of plain ASCII."),
    ("0 0 0 ? * \u017fun", "use one line of plain ASCII."),
    ("0 0 0 * * ?\n", "use one line of plain ASCII."),
]


@pytest.mark.parametrize(("expression", "expected"), MANUAL)
def test_it_fires_as_the_manual_says(expression, expected):
    assert cron_slots(expression, "UTC", NEW_YEAR, len(expected)) == expected


@pytest.mark.parametrize(("expression", "dates"), EDGES)
def test_it_fires_as_quartz_documents_its_edge_cases(expression, dates):
    expected = [date if "T" in date else f"{date}T00:00" for date in dates]
    assert cron_slots(expression, "UTC", NEW_YEAR, len(expected) or 1) == expected


@pytest.mark.parametrize(("expression", "remedy"), REFUSED)
def test_it_refuses_what_quartz_would_guess_at(expression, remedy):
    field, code, message = refusal(expression)
    assert (field, code) == ("cronExpression", "invalid")
    assert remedy in message


def test_it_tells_every_fault_at_once():
    _, _, message = refusal("61 61 25 32 13 ? 99")
    assert message == (
        "Second: 61 is out of range; use 0 to 59. Minute: 61 is out of range; use 0 to 59. "
        "Hour: 25 is out of range; use 0 to 23. Day-of-month: 32 is out of range; use 1 to 31. "
        "Month: 13 is out of range; use 1 (JAN) to 12 (DEC). Year: 99 is out of range; use 1970 to 2199."
    )
