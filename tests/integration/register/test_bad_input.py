"""Every field with everything that it is not: a 4xx that names it, and nothing written."""

from typing import Any

import pytest

from scheduler.models import Handler, Task
from tests.integration.conftest import Caller

GOOD = {"name": "Fine", "taskClass": "platform.noop"}

NOT_TEXT = [5, 1.5, True, [], {}, ["a"]]
_NOT_WHOLE = ["5", 1.5, 1e300, True, [], {}, "", -(10**30), 10**30, 10**400, None]
NOT_INSTANT = [
    5, True, [], {}, "", "soon", "2031-01-01", "2031-01-01T00:00:00", "2031-13-01T00:00:00Z", "2031-W01-1T00:00Z",
    "2031-01-01 00:00:00Z", "2031-01-01T99:99:99Z", "0001-01-01T00:00:00+23:59", "2031-01-01T00:00:00+99:99",
    "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2031-01-01T00:00:00Z\0", "x" * 10_000,
]  # fmt: skip


def _each(field: str, *values: Any) -> list[Any]:
    return [{field: value} for value in values]


def _beside(good: str, *values: Any) -> list[Any]:
    return [[good, value] for value in values]


REFUSED: list[tuple[str, list[Any]]] = [
    ("name", [*NOT_TEXT, None, "", "   ", "x" * 256, "a\0b", "a\nb", "a\x1bb", "a\u2028b"]),
    ("namespace", [*NOT_TEXT, None, "", "x" * 101, "a b", "a/b", "größe", ".x", "a\0"]),
    ("description", [*NOT_TEXT, "x" * 10_001, "a\0b"]),
    ("taskClass", [*NOT_TEXT, None, "", " ", "x" * 256, "a\0b", "unknown.Class"]),
    ("allowUnknownTaskClass", [None, 1, "true", [], {}]),
    ("taskData", [5, True, [], "", "x", "5", "[]", "null", "{", "{'a': 1}", '{"a": NaN}', '{"a": 1e999}']),
    ("taskData", ['{"a":1,"a":2}', {"a": "x" * 65_536}, {"a": "\0"}, '{"a": "\\u0000"}', '{"a": "\\ud800"}', "{}\0"]),
    ("taskData", ['{"a":' * 70 + "1" + "}" * 70, '{"a": 1' + "0" * 5000 + "}"]),
    ("cronExpression", [*NOT_TEXT, "", "nonsense", "0 0 0 * *  ? ? ?", "0 0 0 32 * ?", "* * * * * *", "0 0 0 ? * ?"]),
    ("cronExpression", ["x" * 101, "0 0 0 * * ?\0", "*/0 * * * *", "0 0 0 30 2 ?", "0 0 0 1 1 ? 2020"]),
    ("timeZone", [*NOT_TEXT, None, "", "Berlin", "UTC+2", "../../etc/passwd", "x" * 65, "UTC\0"]),
    ("intervalSeconds", [*_NOT_WHOLE[:-1], 0, -1, 2**31, 2**63]),
    ("runAt", [*NOT_INSTANT, "2020-01-01T00:00:00Z"]),
    ("startAt", NOT_INSTANT),
    ("endAt", NOT_INSTANT),
    ("misfirePolicy", [*NOT_TEXT, None, "", "fire_once", "NEVER", "x" * 1000]),
    ("misfireGraceSeconds", [*_NOT_WHOLE, -1, 2**31]),
    ("catchUpLimit", [*_NOT_WHOLE, 0, 1001]),
    ("overlapPolicy", [*NOT_TEXT, None, "", "CANCEL", "allow"]),
    ("intervalMode", [*NOT_TEXT, None, "", "FIXED", "fixed_delay", "FIXED_DELAY"]),
    ("calendar", [5, True, [], {}, "", "nowhere", "a\nb", "x" * 101]),
    ("calendarPolicy", [*NOT_TEXT, None, "", "NEXT", "skip", "NEXT_OPEN"]),
    ("priority", [*_NOT_WHOLE, 0, 11, "HIGH"]),
    ("queue", [*NOT_TEXT, None, "", "x" * 101, "a b", "platform", "a\x06\x163"]),
    ("timeoutSeconds", [*_NOT_WHOLE, 0, -1, 8 * 86_400 + 1, 2**31]),
    ("maxRetryCount", [*_NOT_WHOLE, -1, 1001, 2**31, 1000]),
    ("retryPolicy", [5, "EXPONENTIAL", [], None, True]),
    ("retryPolicy.backoff", _each("backoff", 5, None, "", "SOMETIMES")),
    ("retryPolicy.delaySeconds", _each("delaySeconds", "5", None, True, -1, 10**9, 10**400, 7200)),
    ("retryPolicy.maxDelaySeconds", _each("maxDelaySeconds", "5", None, -1, 10**9)),
    ("retryPolicy.jitter", _each("jitter", 1, "true", None)),
    ("retryPolicy.delay", [{"delay": 5}]),
    ("retryOn", [5, "FAILED", {}, None, True]),
    ("retryOn[1]", _beside("FAILED", 5, None, "", "CANCELLED", "SUCCESS", [], {})),
    ("sla", [5, "a", [], True, {}, {"maxLatenessSeconds": None}]),
    ("sla.maxLatenessSeconds", _each("maxLatenessSeconds", *_NOT_WHOLE[:-1], 0, -1, 691_201)),
    ("sla.maxDurationSeconds", _each("maxDurationSeconds", *_NOT_WHOLE[:-1], 0, -1, 691_201)),
    ("sla.deadlineAt", _each("deadlineAt", *NOT_TEXT, "", "6:00", "24:00", "06:60", "06:00:00")),
    ("sla.deadlineAt", _each("deadlineAt", "\u0660\u0666:\u0660\u0660", "06:00\0")),
    ("sla.maxLateness", [{"maxLateness": 5}]),
    ("labels", [5, "a", [], None, True, {str(number): "" for number in range(65)}]),
    ("labels.a", _each("a", 5, None, [], {}, "x" * 256, "\0", "a\nb")),
    ("owner", [*NOT_TEXT, "", "x" * 256, "a\0b", "a\nb"]),
    ("id", ["018f0000-0000-7000-8000-000000000000"]),
    ("status", ["PAUSED"]),
    ("version", [7]),
    ("uses", [5]),
    ("maxConcurrency", [0, -1, 1.5, "5", True, 10_001]),
    ("autoPauseAfterFailures", [0, -1, 1.5, "5", True, 1_001]),
    ("jitterSeconds", [-1, 1.5, "5", None, True, 86_401, 10**12]),
    ("flexSeconds", [-1, 1.5, "5", None, True, 86_401, 10**12]),
    ("cron_expression", ["0 0 0 * * ?"]),
    ("__class__", ["x"]),
    ("", ["x"]),
    ("x" * 100, ["x"]),
]  # fmt: skip

CASES = [
    pytest.param(field, value, id=f"{field[:30]}-{number}")
    for field, values in REFUSED
    for number, value in enumerate(values)
]

pytestmark = [pytest.mark.anywhere, pytest.mark.usefixtures("handlers")]


def _sent(field: str, value: Any) -> dict[str, Any]:
    return {field.partition(".")[0].partition("[")[0]: value}


@pytest.mark.parametrize(("field", "value"), CASES)
def test_it_refuses(editor: Caller, field: str, value: Any) -> None:
    answer = editor.send("post", "tasks", GOOD | _sent(field, value))

    assert answer.status_code in {400, 422}
    assert answer["Content-Type"] == "application/problem+json"
    assert field in {fault["field"] for fault in answer.json()["errors"]}
    assert not Task.objects.exists()


# One reader serves both verbs; the first value of each field shows that a change goes through it.
@pytest.mark.parametrize(
    ("field", "value"), [pytest.param(field, values[0], id=field[:30]) for field, values in REFUSED]
)
def test_it_refuses_to_change(editor: Caller, cleanup: Task, field: str, value: Any) -> None:
    before = Task.objects.values().get()

    answer = editor.send("put", f"tasks/{cleanup.id}", _sent(field, value))

    assert answer.status_code in {400, 422}
    assert field in {fault["field"] for fault in answer.json()["errors"]}
    assert Task.objects.values().get() == before


_CLEANUP = "com.platform.tasks.CleanupTask"

IMPOSSIBLE = [
    ({"taskClass": "platform.nop"}, "taskClass", "Did you mean 'platform.noop'?"),
    ({"cronExpression": "0 0 0 30 2 ?"}, "cronExpression", "never fires"),
    ({"cronExpression": "0 0 0 1 1 ? 2020"}, "cronExpression", "never fires"),
    ({"cronExpression": "0 0 0 1 6 ?", "startAt": "2031-07-01T00:00:00Z", "endAt": "2032-05-01T00:00:00Z"},
     "cronExpression", "never fires"),
    ({"intervalSeconds": 60, "endAt": "2020-01-01T00:00:00Z"}, "intervalSeconds", "never fires"),
    ({"runAt": "2020-01-01T00:00:00Z"}, "runAt", "passed"),
    ({"runAt": "2031-01-01T00:00:00Z", "endAt": "2031-01-01T00:00:00Z"}, "runAt", "endAt"),
    ({"runAt": "2031-01-01T00:00:00Z", "startAt": "2031-01-02T00:00:00Z"}, "runAt", "startAt"),
    ({"startAt": "2031-01-01T00:00:00Z", "endAt": "2031-01-01T00:00:00Z"}, "endAt", "startAt"),
    ({"cronExpression": "0 0 0 * * ?", "intervalSeconds": 60}, "cronExpression", "one schedule"),
    ({"runAt": "2031-01-01T00:00:00Z", "intervalSeconds": 60}, "runAt", "one schedule"),
    ({"timeoutSeconds": 172_801}, "maxRetryCount", "8 days"),
    ({"maxRetryCount": 100}, "maxRetryCount", "8 days"),
    ({"retryPolicy": {"delaySeconds": 7200}}, "retryPolicy.delaySeconds", "maxDelaySeconds"),
    ({"taskClass": _CLEANUP}, "taskData", "retentionDays"),
    ({"taskClass": _CLEANUP, "taskData": {"retentionDays": "7"}}, "taskData.retentionDays", "integer"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "field", "said"), IMPOSSIBLE)
def test_what_can_be_read_and_cannot_be_is_422(editor: Caller, fields: dict[str, Any], field: str, said: str) -> None:
    answer = editor.send("post", "tasks", GOOD | fields)

    assert answer.status_code == 422
    assert any(fault["field"] == field and said in fault["message"] for fault in answer.json()["errors"])


ACCEPTED = [
    {"timeoutSeconds": 8 * 86_400, "maxRetryCount": 0},
    {"maxRetryCount": 1000, "timeoutSeconds": 60, "retryPolicy": {"delaySeconds": 60, "maxDelaySeconds": 60}},
    {"description": ""},
    {"labels": {"a" * 63: "x" * 255}},
    {"taskData": {"a": "x" * 65_000}},
    {"taskData": '{"a": "\\\\u0000"}'},
    {"cronExpression": "@daily"},
    {"cronExpression": None, "intervalSeconds": 1, "runAt": None},
    {"retryOn": []},
    {"name": "x" * 255},
    {"name": "Ünï 👩\u200d🚀 \u3000 العربية"},
]


@pytest.mark.parametrize("fields", ACCEPTED, ids=range(len(ACCEPTED)))
def test_it_accepts_what_lies_just_inside(editor: Caller, fields: dict[str, Any]) -> None:
    assert editor.send("post", "tasks", GOOD | fields).status_code == 201


def test_it_tells_all_faults_at_once(editor: Caller) -> None:
    body = {
        "name": "", "taskClass": "no.such", "priority": 11, "cronExpression": "x", "endAt": "x", "colour": "red",
        "retryPolicy": {"jitter": 1, "delay": 5}, "labels": {"a": 1, "b": 2}, "maxRetryCount": -1,
    }  # fmt: skip

    answer = editor.send("post", "tasks", body)

    assert answer.status_code == 400
    assert sorted(fault["field"] for fault in answer.json()["errors"]) == [
        "colour", "cronExpression", "endAt", "labels.a", "labels.b", "maxRetryCount", "name", "priority",
        "retryPolicy.delay", "retryPolicy.jitter", "taskClass",
    ]  # fmt: skip


def test_it_says_what_is_missing(editor: Caller) -> None:
    answer = editor.send("post", "tasks", {})

    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [
        ("name", "required"),
        ("taskClass", "required"),
    ]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("cron_expression", "cronExpression"), ("prority", "priority"), ("timeout", "timeoutSeconds"), ("Name", "name")],
)
def test_it_guesses_what_was_meant(editor: Caller, wrong: str, meant: str) -> None:
    answer = editor.send("post", "tasks", GOOD | {wrong: "x"})

    assert f"Did you mean {meant!r}?" in answer.json()["errors"][0]["message"]


def test_a_broken_schema_is_not_the_callers_fault(editor: Caller, handlers: dict[str, Handler]) -> None:
    Handler.objects.filter(task_class="platform.noop").update(schema={"type": "nonsense"})

    assert editor.send("post", "tasks", GOOD).status_code == 201


def test_a_schema_makes_nobody_fetch_another(editor: Caller, handlers: dict[str, Handler]) -> None:
    Handler.objects.filter(task_class="platform.noop").update(schema={"$ref": "http://127.0.0.1:1/schema"})

    assert editor.send("post", "tasks", GOOD).status_code == 201
