"""POST /api/v1/schedules/preview."""

from typing import Any

import pytest
from django.test import Client

from scheduler.models import Calendar, Execution, Task
from tests.integration.conftest import Caller

pytestmark = pytest.mark.anywhere

WEEKEND = {"weekdays": ["SAT", "SUN"]}
FRIDAY = "2026-07-03T00:00:00Z"


def _preview(caller: Caller, **fields: Any) -> Any:
    return caller.send("post", "schedules/preview", fields)


def _from(instant: str, **fields: Any) -> dict[str, Any]:
    return {"from": instant} | fields


def _codes(answer: Any) -> list[str]:
    return [warning["code"] for warning in answer.json()["warnings"]]


def _faults(answer: Any) -> list[tuple[str, str]]:
    return [(fault["field"], fault["code"]) for fault in answer.json()["errors"]]


@pytest.fixture
def calendars(now: Any) -> list[Calendar]:
    """A shared calendar, and one of the namespace payments with the same name."""
    return [
        Calendar.objects.create(name="office", rules=WEEKEND),
        Calendar.objects.create(name="office", namespace="payments", rules={"weekdays": ["FRI", "SAT", "SUN"]}),
    ]


def test_it_says_what_an_expression_means(viewer: Caller) -> None:
    answer = _preview(viewer, **_from(FRIDAY, cronExpression="0 30 9 ? * MON-FRI", timeZone="Europe/Berlin", count=2))

    assert answer.status_code == 200
    assert answer.json() == {
        "description": "At 09:30, Monday through Friday, Europe/Berlin time",
        "next": ["2026-07-03T07:30:00Z", "2026-07-06T07:30:00Z"],
        "nextLocal": ["2026-07-03T09:30:00+02:00", "2026-07-06T09:30:00+02:00"],
        "timeZone": "Europe/Berlin",
        "isEstimated": False,
        "warnings": [],
    }


def test_it_shows_ten_slots_from_now_on(viewer: Caller, now: Any) -> None:
    found = _preview(viewer, cronExpression="* * * * *").json()["next"]

    assert len(found) == 10
    assert now.strftime("%Y-%m-%dT%H:%M") < found[0]


def test_from_is_exclusive(viewer: Caller) -> None:
    answer = _preview(viewer, **_from("2026-07-03T09:00:00Z", cronExpression="0 0 9 * * ?", count=1))

    assert answer.json()["next"] == ["2026-07-04T09:00:00Z"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"intervalSeconds": 3600}, ["2026-07-03T01:00:00Z", "2026-07-03T02:00:00Z"]),
        (
            {"intervalSeconds": 3600, "startAt": "2026-07-03T00:30:00Z"},
            ["2026-07-03T00:30:00Z", "2026-07-03T01:30:00Z"],
        ),
        ({"intervalSeconds": 3600, "endAt": "2026-07-03T01:30:00Z"}, ["2026-07-03T01:00:00Z"]),
        ({"runAt": "2026-07-03T04:00:00+02:00"}, ["2026-07-03T02:00:00Z"]),
        ({"cronExpression": "0 0 9 * * ?", "calendarRules": WEEKEND}, ["2026-07-03T09:00:00Z", "2026-07-06T09:00:00Z"]),
        (
            {"cronExpression": "0 0 9 ? * SUN", "calendarRules": WEEKEND, "calendarPolicy": "PREVIOUS_OPEN"},
            ["2026-07-03T09:00:00Z", "2026-07-10T09:00:00Z"],
        ),
        ({"cronExpression": "0 0 9 * * ?", "jitterSeconds": 60}, ["2026-07-03T09:00:00Z", "2026-07-04T09:00:00Z"]),
        (
            {"cronExpression": None, "runAt": None, "intervalSeconds": 7200},
            ["2026-07-03T02:00:00Z", "2026-07-03T04:00:00Z"],
        ),
    ],
)
def test_it_shows_the_slots_that_will_run(viewer: Caller, fields: dict[str, Any], expected: list[str]) -> None:
    assert _preview(viewer, **_from(FRIDAY, count=2, **fields)).json()["next"] == expected


def test_it_shows_one_slot_of_a_fixed_delay(viewer: Caller) -> None:
    answer = _preview(viewer, **_from(FRIDAY, intervalSeconds=900, intervalMode="FIXED_DELAY", count=50)).json()

    assert (answer["next"], answer["isEstimated"]) == (["2026-07-03T00:15:00Z"], True)
    assert answer["description"] == "15 minutes after the end of the slot before"


def test_it_follows_both_passes_of_a_repeated_hour(viewer: Caller) -> None:
    fields = {"cronExpression": "0 30 * * * ?", "timeZone": "Europe/Berlin", "count": 3}

    answer = _preview(viewer, **_from("2026-10-25T00:00:00Z", **fields)).json()

    assert answer["nextLocal"] == [
        "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"
    ]  # fmt: skip


def test_it_pages_through_an_interval(viewer: Caller) -> None:
    first = _preview(viewer, **_from(FRIDAY, intervalSeconds=100, count=3)).json()["next"]

    assert _preview(viewer, **_from(first[0], intervalSeconds=100, count=2)).json()["next"] == first[1:]


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"cronExpression": "0 0 9 * * ?"}, ["crowded_minute"]),
        ({"cronExpression": "0 7 9 * * ?", "jitterSeconds": 60}, ["jitter"]),
        ({"cronExpression": "0 7 9 * * ?", "calendarRules": {"dates": ["2026-07-03"]}}, ["calendar_closed"]),
        ({"cronExpression": "0 7 9 * * ?", "calendarRules": {"dates": ["2026-07-04"]}}, []),
        ({"cronExpression": "0 7 9 ? * SAT", "calendarRules": WEEKEND}, ["never_fires"]),
        ({"cronExpression": "0 7 9 * * ? 2020"}, ["never_fires"]),
        ({"cronExpression": "0 7 9 * * ?", "endAt": "2026-07-03T09:00:00Z"}, ["never_fires"]),
        ({"runAt": "2020-01-01T00:00:00Z"}, ["never_fires"]),
        ({"cronExpression": "0 30 2 29 3 ? 2027", "timeZone": "Europe/Paris"}, []),
        ({"cronExpression": "0 30 2 28 3 ? 2027", "timeZone": "Europe/Paris"}, ["missing_local_time"]),
    ],
)
def test_it_warns(viewer: Caller, fields: dict[str, Any], codes: list[str]) -> None:
    assert _codes(_preview(viewer, **_from(FRIDAY, **fields))) == codes


def test_it_counts_the_slots_that_a_calendar_closes(viewer: Caller) -> None:
    fields = {"cronExpression": "0 7 * * * ?", "calendarRules": {"dates": ["2026-07-03"]}}

    [warning] = _preview(viewer, **_from(FRIDAY, **fields)).json()["warnings"]

    assert warning == {
        "code": "calendar_closed",
        "message": "The next 24 slots will not run: the calendar is closed then.",
        "at": "2026-07-03T00:07:00Z",
    }


@pytest.mark.usefixtures("calendars")
def test_it_takes_a_calendar_by_name(viewer: Caller) -> None:
    answer = _preview(viewer, **_from(FRIDAY, cronExpression="0 0 9 * * ?", calendar="office", count=2))

    assert answer.json()["next"] == ["2026-07-03T09:00:00Z", "2026-07-06T09:00:00Z"]


@pytest.mark.usefixtures("calendars")
@pytest.mark.parametrize("who", ["viewer", "payments_editor"])
def test_a_namespaces_own_calendar_comes_first(request: Any, who: str) -> None:
    fields = {"cronExpression": "0 0 9 * * ?", "calendar": "office", "namespace": "payments", "count": 1}

    answer = _preview(request.getfixturevalue(who), **_from(FRIDAY, **fields))

    assert answer.json()["next"] == ["2026-07-06T09:00:00Z"]


def test_a_bound_token_looks_up_in_no_other_namespace(payments_editor: Caller) -> None:
    assert _preview(payments_editor, cronExpression="@daily", namespace="default").status_code == 403


@pytest.mark.parametrize(
    ("fields", "status", "faults"),
    [
        ({}, 400, [("", "required")]),
        ({"cronExpression": None}, 400, [("", "required")]),
        (
            {"cronExpression": "@daily", "runAt": FRIDAY},
            422,
            [("cronExpression", "impossible"), ("runAt", "impossible")],
        ),
        (
            {"cronExpression": "@daily", "runAt": FRIDAY, "intervalSeconds": 5},
            422,
            [("cronExpression", "impossible"), ("intervalSeconds", "impossible"), ("runAt", "impossible")],
        ),
        ({"cronExpression": "nonsense"}, 400, [("cronExpression", "invalid")]),
        ({"cronExpression": "*/0 * * * *"}, 400, [("cronExpression", "invalid")]),
        ({"cronExpression": "0 0 0 30 2 ?"}, 422, [("cronExpression", "impossible")]),
        ({"cronExpression": "0 0 0 L-30 2 ?"}, 422, [("cronExpression", "impossible")]),
        ({"cronExpression": "@daily", "timeZone": "Berlin"}, 400, [("timeZone", "invalid")]),
        ({"cronExpression": "@daily", "count": 0}, 400, [("count", "min_value")]),
        ({"cronExpression": "@daily", "count": 101}, 400, [("count", "max_value")]),
        ({"cronExpression": "@daily", "count": True}, 400, [("count", "invalid")]),
        ({"cronExpression": "@daily", "count": None}, 400, [("count", "null")]),
        ({"cronExpression": "@daily", "from": "soon"}, 400, [("from", "invalid")]),
        ({"cronExpression": "@daily", "from": "2200-01-01T00:00:00Z"}, 400, [("from", "range")]),
        ({"cronExpression": "@daily", "calendar": "nowhere"}, 422, [("calendar", "unknown")]),
        (
            {"cronExpression": "@daily", "calendar": "nowhere", "calendarPolicy": "NEXT_OPEN"},
            422,
            [("calendar", "unknown")],
        ),
        ({"cronExpression": "@daily", "calendarPolicy": "NEXT_OPEN"}, 422, [("calendarPolicy", "impossible")]),
        ({"cronExpression": "@daily", "calendarRules": []}, 400, [("calendarRules", "invalid")]),
        (
            {
                "cronExpression": "@daily",
                "calendarRules": {"holidays": [{"country": "XX"}], "weekday": 1},
                "calendarPolicy": "NEXT_OPEN",
            },
            400,
            [("calendarRules.weekday", "unknown"), ("calendarRules.holidays[0].country", "invalid")],
        ),
        (
            {"cronExpression": "@daily", "calendarRules": {"dates": ["x" * 70_000]}},
            400,
            [("calendarRules", "max_bytes")],
        ),
        ({"cronExpression": "@daily", "startAt": FRIDAY, "endAt": FRIDAY}, 422, [("endAt", "impossible")]),
        ({"cronExpression": "@hourly", "jitterSeconds": 3600}, 422, [("jitterSeconds", "impossible")]),
        (
            {"intervalSeconds": 60, "intervalMode": "FIXED_DELAY", "jitterSeconds": 60},
            422,
            [("jitterSeconds", "impossible")],
        ),
        ({"cronExpression": "@daily", "intervalMode": "FIXED_DELAY"}, 422, [("intervalMode", "impossible")]),
        (
            {
                "intervalSeconds": 9,
                "intervalMode": "FIXED_DELAY",
                "calendarRules": {},
                "calendarPolicy": "PREVIOUS_OPEN",
            },
            422,
            [("calendarPolicy", "impossible")],
        ),
        ({"cronExpression": "@daily", "cron": "x"}, 400, [("cron", "unknown")]),
        ({"cronExpression": "@daily", "namespace": "a b"}, 400, [("namespace", "characters")]),
    ],
)
def test_it_refuses(viewer: Caller, fields: dict[str, Any], status: int, faults: list[tuple[str, str]]) -> None:
    answer = _preview(viewer, **fields)

    assert (answer.status_code, _faults(answer)) == (status, faults)


def test_calendar_and_rules_exclude_each_other(viewer: Caller, calendars: list[Calendar]) -> None:
    answer = _preview(viewer, cronExpression="@daily", calendar="office", calendarRules=WEEKEND)

    assert (answer.status_code, _faults(answer)) == (422, [("calendar", "impossible"), ("calendarRules", "impossible")])


@pytest.mark.parametrize("body", [None, [], "x", 5, [{}]])
def test_it_refuses_what_is_no_object(viewer: Caller, body: Any) -> None:
    assert viewer.send("post", "schedules/preview", body).status_code == 400


def test_it_asks_for_a_token(nobody: Client) -> None:
    assert nobody.post("/api/v1/schedules/preview", data={}, content_type="application/json").status_code == 401


def test_it_stores_nothing(viewer: Caller) -> None:
    _preview(viewer, cronExpression="@daily", calendarRules=WEEKEND)

    assert (Task.objects.count(), Calendar.objects.count(), Execution.objects.count()) == (0, 0, 0)
