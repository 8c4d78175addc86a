"""register.imports.beat: from rows of a dump to records."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from register.formats.record import Record, misspelt
from register.imports import beat
from register.imports.beat import Choices
from register.imports.findings import Findings
from register.imports.item import Item, LeftOut, Remark

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
NINE = {"minute": "0", "hour": "9", "day_of_month": "*", "month_of_year": "*", "day_of_week": "*"}


def _row(model: str, key: Any, **fields: Any) -> dict[str, Any]:
    return {"model": f"django_celery_beat.{model}", "pk": key, "fields": fields}


SCHEDULES = [
    _row("crontabschedule", 1, timezone="Europe/Berlin", **NINE),
    _row("crontabschedule", 2, timezone="UTC", **NINE | {"day_of_month": "13", "day_of_week": "5"}),
    _row("crontabschedule", 3, timezone="UTC", **NINE | {"hour": "25"}),
    _row("intervalschedule", 1, every=10, period="minutes"),
    _row("intervalschedule", 2, every=500, period="microseconds"),
    _row("intervalschedule", 3, every=3_000_000, period="microseconds"),
    _row("intervalschedule", 4, every=1, period="fortnights"),
    _row("intervalschedule", 5, every=-1, period="days"),
    _row("intervalschedule", 6, every=10**400, period="days"),
    _row("clockedschedule", 1, clocked_time="2027-01-01T10:00:00+01:00"),
    _row("clockedschedule", 2, clocked_time="2027-01-01T09:00:00"),
    _row("clockedschedule", 3, clocked_time=7),
    _row("intervalschedule", 7, every=10**400, period="microseconds"),
    _row("solarschedule", 1, event="sunrise", latitude="52.5", longitude="13.4"),
]


def _read(*rows: Any, **choices: Any) -> list[Any]:
    records = [
        row if isinstance(row, Record) else Record(row, (), f"dump: {number}") for number, row in enumerate(rows)
    ]
    return list(beat.read(lambda: iter(records), Choices(target="billing", now=NOW, **choices), file="dump"))


def _task(*, time_zone: str = "UTC", **fields: Any) -> Any:
    task = _row("periodictask", 1, **{"name": "Job", "task": "a.b", "enabled": True} | fields)
    return _read(*SCHEDULES, task, time_zone=time_zone)[0]


def _fields(**fields: Any) -> dict[str, Any]:
    record: dict[str, Any] = _task(**fields).record.fields
    return record


def test_it_makes_a_record() -> None:
    assert _fields(
        crontab=1, args="[1]", kwargs='{"a": "{{b}}"}', queue="bulk", description="Says.",
        start_time="2027-01-01T00:00:00Z"
    ) == {
        "name": "Job",
        "description": "Says.",
        "taskClass": "platform.celery",
        "taskData": {"target": "billing", "task": "a.b", "args": [1], "kwargs": {"a": "{{{{b}}"}, "queue": "bulk"},
        "cronExpression": "0 9 * * *",
        "timeZone": "Europe/Berlin",
        "startAt": "2027-01-01T00:00:00Z",
        "maxRetryCount": 0,
        "labels": {"imported-from": "django-celery-beat"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "schedule"),
    [
        ({"interval": 1}, {"intervalSeconds": 600}),
        ({"interval": 1, "last_run_at": "2026-11-25T14:50:03.5Z"},
         {"intervalSeconds": 600, "startAt": "2026-11-25T14:50:03Z"}),
        ({"interval": 1, "last_run_at": "2026-11-25T14:50:03Z", "start_time": "2027-01-01T00:00:00Z"},
         {"intervalSeconds": 600, "startAt": "2027-01-01T00:00:00Z"}),
        ({"interval": 3, "expires": "2027-01-01T00:00:00Z"}, {"intervalSeconds": 3, "endAt": "2027-01-01T00:00:00Z"}),
        ({"clocked": 1, "one_off": True}, {"runAt": "2027-01-01T09:00:00Z"}),
        ({"crontab": 1, "one_off": True}, {"runAt": "2026-11-26T08:00:00Z"}),
        ({"interval": 1, "one_off": True}, {"runAt": "2026-11-25T15:10:00Z"}),
        ({"crontab": 1, "one_off": True, "start_time": "2026-12-01T08:00:00Z"}, {"runAt": "2026-12-01T08:00:00Z"}),
    ],
)  # fmt: skip
def test_it_reads_schedules(fields: dict[str, Any], schedule: dict[str, Any]) -> None:
    found = _fields(**fields)
    names = {"cronExpression", "intervalSeconds", "runAt", "startAt", "endAt"}
    assert {name: value for name, value in found.items() if name in names} == schedule


def test_instants_without_a_zone_are_in_the_chosen_one() -> None:
    assert _fields(clocked=2, time_zone="Europe/Berlin")["runAt"] == "2027-01-01T08:00:00Z"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"solar": 1}, "A solar schedule (sunrise) is not known here"),
        ({"crontab": 2}, "Celery fires where both match"),
        ({"crontab": 3}, "Celery itself cannot read the crontab 0 25"),
        ({"crontab": 99}, "Its schedule (crontab 99) is not in the dump"),
        ({"interval": 2}, "500 microseconds is no whole number of seconds"),
        ({"interval": 4}, "'fortnights' is none"),
        ({"interval": 5}, "no whole number of seconds, of which 1 is the least"),
        ({"clocked": 3}, "clocked_time=7 is no instant"),
        ({}, "It has no schedule"),
        ({"crontab": 1, "interval": 1}, "It has several schedules"),
        ({"crontab": 1, "args": "[1"}, "args is no JSON array"),
        ({"crontab": 1, "args": "{}"}, "args is no JSON array"),
        ({"crontab": 1, "args": '["\\ud800"]'}, "args is no JSON array"),
        ({"crontab": 1, "args": "[" * 5_000}, "args is no JSON array"),
        ({"interval": 6, "one_off": True}, "Its interval is longer than ten years"),
        ({"crontab": 1, "kwargs": "[]"}, "kwargs is no JSON object"),
        ({"crontab": 1, "kwargs": 7}, "kwargs is no JSON object"),
        ({"crontab": 1, "headers": '{"a": 1}'}, "Hand it over among the kwargs"),
        ({"crontab": 1, "exchange": "x"}, "Give the task a queue instead"),
        ({"crontab": 1, "start_time": "soon"}, "start_time='soon' is no instant"),
        ({"crontab": 1, "one_off": True, "expires": "2026-11-25T16:00:00Z"}, "no time is left for it"),
    ],
)
def test_it_refuses_by_name(fields: dict[str, Any], said: str) -> None:
    found = _task(**fields)
    assert found.record.place == "dump: Job"
    assert said in found.record.faults[0].message


def test_an_interval_of_any_size_is_the_registers_to_refuse() -> None:
    assert _fields(interval=6)["intervalSeconds"] == 10**400 * 86_400


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "celery.backend_cleanup", "task": "celery.backend_cleanup", "crontab": 1}, "is Celery's own"),
        ({"crontab": 1, "enabled": False}, "is disabled there"),
    ],
)
def test_it_leaves_out_what_need_not_come(fields: dict[str, Any], reason: str) -> None:
    found = _task(**fields)
    assert isinstance(found, LeftOut)
    assert reason in found.reason


@pytest.mark.parametrize("name", ["expires", "start_time", "last_run_at"])
@pytest.mark.parametrize("value", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59"])
def test_it_survives_instants_that_nobody_sees(name: str, value: str) -> None:
    found = _task(**{"interval" if name == "last_run_at" else "crontab": 1, name: value}, time_zone="America/New_York")
    assert "endAt" not in found.record.fields or value.startswith("0001")
    Findings(now=NOW, slots=3).examine(found)


def test_it_notes_what_is_not_sent() -> None:
    notes = _task(crontab=1, priority=3, expire_seconds=60).notes
    assert [note.split("=")[0] for note in notes] == ["priority", "expire_seconds"]


def test_it_says_what_the_workers_must_allow() -> None:
    tasks = [_row("periodictask", n, name=str(n), task=f"a.{n % 2}", enabled=True, interval=1) for n in range(4)]
    remarks = [each.text for each in _read(*SCHEDULES, *tasks) if isinstance(each, Remark)]
    assert remarks == ["The workers' CELERY_TARGETS must name 'billing' and allow it a.0, a.1."]


@pytest.mark.parametrize(
    "row",
    [misspelt("no"), {"model": "auth.user"}, {"model": 7}, [], 7, None, _row("periodictask", 1) | {"fields": []}],
)
def test_it_survives_rows_of_something_else(row: Any) -> None:
    (found,) = _read(row)
    assert isinstance(found, Item)
    assert found.record.faults


@pytest.mark.parametrize("fields", [None, 7, [], {"every": None}, {"every": True, "period": []}])
def test_it_survives_schedules_of_any_type(fields: Any) -> None:
    broken = {"model": "django_celery_beat.intervalschedule", "pk": 1, "fields": fields}
    (found,) = _read(broken, _row("periodictask", 1, name="Job", task="a.b", interval=1))
    assert "is none" in found.record.faults[0].message


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, True, 1.5, "2027-01-01T00:00:00Z"])
@pytest.mark.parametrize(
    "name", ["name", "task", "crontab", "interval", "clocked", "solar", "args", "kwargs", "queue", "headers", "expires",
             "start_time", "last_run_at", "one_off", "enabled", "description", "priority"]
)  # fmt: skip
def test_it_survives_values_of_any_type(name: str, value: Any) -> None:
    found = _task(**{"crontab": 1} | {name: value})
    assert isinstance(found, Item | LeftOut)
    assert json.dumps(found.record.fields) if isinstance(found, Item) else found.reason
    if isinstance(found, Item):
        Findings(now=NOW, slots=3).examine(found)
