"""The editor's kinds of schedule: made, read back, and left alone where they are not its own."""

from datetime import datetime
from typing import Any

import pytest

from register.admin.schedule_kinds import MONTH_DAYS, NOTHING, WORKING_DAYS, Kind, parts_of, schedule_of
from scheduler.engine.schedules import parse_cron

KINDS: list[tuple[Kind, dict[str, Any], dict[str, Any]]] = [
    (Kind.EVERY, {"everyMinutes": 15}, {"cronExpression": "0 0/15 * * * ?"}),
    (Kind.HOURLY, {"atMinute": 5}, {"cronExpression": "0 5 * * * ?"}),
    (Kind.DAILY, {"atTime": "06:30"}, {"cronExpression": "0 30 6 * * ?"}),
    (Kind.WEEKLY, {"weekdays": ["MON", "THU"], "atTime": "00:00"}, {"cronExpression": "0 0 0 ? * MON,THU"}),
    (Kind.WEEKLY, {"weekdays": list(WORKING_DAYS), "atTime": "09:00"}, {"cronExpression": "0 0 9 ? * MON-FRI"}),
    (Kind.MONTHLY, {"monthDay": "31", "atTime": "23:59"}, {"cronExpression": "0 59 23 31 * ?"}),
    (Kind.MONTHLY, {"monthDay": "LW", "atTime": "18:00"}, {"cronExpression": "0 0 18 LW * ?"}),
    (Kind.INTERVAL, {"intervalCount": 90, "intervalUnit": "seconds"}, {"intervalSeconds": 90}),
    (Kind.INTERVAL, {"intervalCount": 2, "intervalUnit": "days"}, {"intervalSeconds": 172_800}),
    (Kind.ADVANCED, {"cronExpression": "*/7 * * * *"}, {"cronExpression": "*/7 * * * *"}),
    (Kind.REQUEST, {}, {}),
]


@pytest.mark.parametrize(("kind", "parts", "schedule"), KINDS)
def test_a_kind_is_made_and_read_back(kind: Kind, parts: dict[str, Any], schedule: dict[str, Any]):
    made = schedule_of(kind, parts, time_zone="UTC")
    assert made == {**NOTHING, **schedule}
    read = parts_of({**made, "timeZone": "UTC"})
    assert read["scheduleKind"] is kind
    assert {name: read[name] for name in parts} == parts


def test_an_instant_is_a_local_time_of_the_zone():
    made = schedule_of(Kind.ONCE, {"runOn": datetime.fromisoformat("2026-07-01T12:00")}, time_zone="Europe/Berlin")
    assert made["runAt"] == "2026-07-01T12:00:00+02:00"
    read = parts_of({**NOTHING, "runAt": "2026-07-01T10:00:00Z", "timeZone": "Europe/Berlin"})
    assert (read["scheduleKind"], read["runOn"]) == (Kind.ONCE, datetime.fromisoformat("2026-07-01T12:00"))


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 12 ? * FRI#2", "0 0 12 29W * ?", "5 0 12 * * ?", "0 0/7 * * * ?", "0 0/61 * * * ?", "0 60 * * * ?",
        "0 0 25 * * ?", "0 00 12 * * ?", "0 0 12 ? * mon-fri", "0 0 12 ? * TUE,MON", "0 0 12 ? * MON-WED",
        "0 0 12 1,15 * ?", "0 0 12 * * ? 2027", "0 0 12 0 * ?", "0 0 12 01 * ?", " 0 0 12 * * ?", "0  0 12 * * ?",
        "@daily", "0 9 * * 1-5", "0 0 12 * 6 ?", "0 0 12 ? * *", "0 0 12 ? * 2",
    ],
)  # fmt: skip
def test_what_it_would_write_otherwise_stays_as_it_is(expression: str):
    read = parts_of({**NOTHING, "cronExpression": expression, "timeZone": "UTC"})
    assert read == {"scheduleKind": Kind.ADVANCED, "cronExpression": expression}
    assert schedule_of(Kind.ADVANCED, read, time_zone="UTC")["cronExpression"] == expression


@pytest.mark.parametrize("day", MONTH_DAYS)
def test_it_writes_what_quartz_reads(day: str):
    made = schedule_of(Kind.MONTHLY, {"monthDay": day, "atTime": "07:05"}, time_zone="UTC")
    assert parse_cron(made["cronExpression"], "UTC") is not None
