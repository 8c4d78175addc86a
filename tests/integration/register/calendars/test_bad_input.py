"""Every field of a calendar with everything that it is not: a 4xx that names it, and nothing written."""

from typing import Any

import pytest

from scheduler.models import Calendar
from tests.integration.conftest import Caller

pytestmark = pytest.mark.anywhere

GOOD = {"name": "Fine", "rules": {"weekdays": ["SAT"]}}

NOT_TEXT = [5, 1.5, True, [], {}, ["a"]]


def _each(field: str, *values: Any) -> list[Any]:
    return [{field: value} for value in values]


def _one(field: str, *values: Any) -> list[Any]:
    return [{field: [value]} for value in values]


REFUSED: list[tuple[str, list[Any]]] = [
    ("name", [*NOT_TEXT, None, "", "   ", "x" * 101, "a\0b", "a\nb", "a\x1bb", "a\u2028b"]),
    ("namespace", [*NOT_TEXT, "", "x" * 101, "a b", "a/b", "größe", ".x", "a\0"]),
    ("description", [*NOT_TEXT, "x" * 10_001, "a\0b"]),
    ("rules", [5, "weekends", [], None, True, 1e300, {"dates": ["x" * 70_000]}, {"weekdays": [["x"] * 50_000]}]),
    ("rules.colour", [{"colour": 1}]),
    ("rules.timezone", [{"timezone": "UTC"}]),
    ("rules.timeZone", _each("timeZone", 5, "Berlin", "", "UTC\0", "../../etc/passwd", "x" * 1000)),
    ("rules.dates", _each("dates", 5, "2026-12-24", {}, None, ["2026-12-24"] * 1001)),
    ("rules.dates[0]", _one("dates", 5, None, "", "24.12.", "2026-02-30", [], True, "2200-01-01")),
    ("rules.dates[0].to", _one("dates", {"from": "2026-12-24"}, {"from": "2026-12-24", "to": 5})),
    ("rules.recurringDates[0]", _one("recurringDates", 5, None, "02-30", "1-1", "12-24\0")),
    ("rules.weekdays[0]", _one("weekdays", 6, None, "", "SUNDAY", [], {}, True, "\N{GRINNING FACE}")),
    ("rules.weekdays", _each("weekdays", ["SAT"] * 8)),
    ("rules.holidays[0].country", [_one("holidays", {"country": value})[0] for value in [*NOT_TEXT, "", "XX"]]),
    ("rules.holidays[0].region", _one("holidays", {"country": "DE", "region": 5}, {"country": "DE", "region": "XX"})),
    ("rules.holidays", _each("holidays", [{"country": "DE"}] * 21)),
    ("rules.excludedTimes[0]", _one("excludedTimes", {"from": "08:00", "to": "08:00"})),
    (
        "rules.excludedTimes[0].from",
        _one("excludedTimes", {"from": 8, "to": "12:00"}, {"from": "25:00", "to": "12:00"}),
    ),
    ("rules.allowedTimes", _each("allowedTimes", [{"from": "08:00", "to": "09:00"}] * 49)),
    ("id", ["018f0000-0000-7000-8000-000000000000"]),
    ("version", [7]),
    ("taskCount", [0]),
    ("createdBy", ["me"]),
    ("Rules", [{}]),
    ("", ["x"]),
]

CASES = [
    pytest.param(field, value, id=f"{field[:30]}-{number}")
    for field, values in REFUSED
    for number, value in enumerate(values)
]


def _sent(field: str, value: Any) -> dict[str, Any]:
    return {field.partition(".")[0]: value}


@pytest.mark.parametrize(("field", "value"), CASES)
def test_it_refuses(editor: Caller, field: str, value: Any) -> None:
    answer = editor.send("post", "calendars", GOOD | _sent(field, value))

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert field in {fault["field"] for fault in answer.json()["errors"]}
    assert not Calendar.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"), [pytest.param(field, values[0], id=field[:30]) for field, values in REFUSED]
)
def test_it_refuses_to_change(editor: Caller, shared: Calendar, field: str, value: Any) -> None:
    before = Calendar.objects.values().get()

    answer = editor.send("put", f"calendars/{shared.id}", _sent(field, value))

    assert answer.status_code == 400
    assert field in {fault["field"] for fault in answer.json()["errors"]}
    assert Calendar.objects.values().get() == before


@pytest.mark.parametrize("body", [[], "x", 5, None, [GOOD]])
def test_a_body_is_an_object(editor: Caller, body: Any) -> None:
    assert editor.send("post", "calendars", body).status_code == 400


def test_it_says_what_is_missing(editor: Caller) -> None:
    faults = editor.send("post", "calendars", {}).json()["errors"]

    assert [(fault["field"], fault["code"]) for fault in faults] == [("name", "required"), ("rules", "required")]


@pytest.mark.parametrize(
    ("rules", "meant"),
    [
        ({"holiday": []}, "Did you mean 'holidays'?"),
        ({"weekdays": ["SUNDAY"]}, "Did you mean 'SUN'?"),
        ({"holidays": [{"country": "Germany"}]}, "did you mean 'DE'?"),
        ({"timeZone": "berlin"}, "did you mean Europe/Berlin?"),
    ],
)
def test_it_guesses_what_was_meant(editor: Caller, rules: Any, meant: str) -> None:
    assert meant in editor.send("post", "calendars", GOOD | {"rules": rules}).json()["errors"][0]["message"]


def test_it_tells_twenty_faults_of_the_rules(editor: Caller) -> None:
    answer = editor.send("post", "calendars", GOOD | {"rules": {"dates": ["x"] * 1000}})

    assert len(answer.json()["errors"]) == 20


ACCEPTED = [
    {"name": "x" * 100},
    {"name": "Ünï 👩\u200d🚀 العربية"},
    {"description": ""},
    {"description": None},
    {"rules": {"dates": [{"from": f"20{year:02}-01-{day:02}", "to": f"20{year:02}-01-{day:02}"}
                         for year in range(40) for day in range(1, 26)]}},
]  # fmt: skip


@pytest.mark.parametrize("fields", ACCEPTED, ids=range(len(ACCEPTED)))
def test_it_accepts_what_lies_just_inside(editor: Caller, fields: dict[str, Any]) -> None:
    assert editor.send("post", "calendars", GOOD | fields).status_code == 201
