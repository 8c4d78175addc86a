"""Log lines: what they hold, and which ids they carry."""

import json
import logging
import sys
import threading

import pytest

from scheduler import logs


def record(message: str, *arguments: object, **options: object) -> logging.LogRecord:
    made = logging.LogRecord("scheduler.node", logging.WARNING, __file__, 1, message, arguments, None)
    made.__dict__.update(options)
    return made


def parsed(one: logging.LogRecord) -> dict[str, object]:
    line = logs.JsonLines().format(one)
    assert "\n" not in line
    content: dict[str, object] = json.loads(line)
    return content


def test_a_line_of_json_says_when_where_how_bad_and_what() -> None:
    line = parsed(record("%d tasks wait", 3, created=1_700_000_000.25, process=42))
    assert line == {
        "timestamp": "2023-11-14T22:13:20.250+00:00",
        "level": "WARNING",
        "logger": "scheduler.node",
        "message": "3 tasks wait",
        "process": 42,
    }


def test_it_carries_the_ids_of_the_block_and_what_is_added() -> None:
    with logs.about(request_id="order-4711"):
        logs.add(task_id=7)
        line = parsed(record("found"))
    assert (line["request_id"], line["task_id"]) == ("order-4711", "7")


def test_after_the_block_it_carries_what_it_carried_before() -> None:
    with logs.about(request_id="outer"):
        with logs.about(execution_id="inner"):
            assert "request_id" not in parsed(record("within"))
        assert parsed(record("after"))["request_id"] == "outer"
    assert "request_id" not in parsed(record("outside"))


def test_another_thread_carries_ids_of_its_own() -> None:
    lines = []
    with logs.about(request_id="here"):
        other = threading.Thread(target=lambda: lines.append(parsed(record("elsewhere"))))
        other.start()
        other.join()
    assert "request_id" not in lines[0]


def test_what_is_added_outside_of_any_block_stays_nowhere() -> None:
    logs.add(task_id=1)
    assert "task_id" not in parsed(record("outside"))


def test_a_traceback_is_one_field_of_one_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = parsed(record("failed", exc_info=sys.exc_info()))
    assert str(line["exception"]).endswith("ValueError: broken")


def test_a_traceback_that_was_masked_stays_so() -> None:
    try:
        raise ValueError("the secret")
    except ValueError:
        line = parsed(record("failed", exc_info=sys.exc_info(), exc_text="ValueError: ***"))
    assert line["exception"] == "ValueError: ***"


@pytest.mark.parametrize("text", ["two\nlines", "half a surrogate \ud83d", '{"json": "\x00"}'])
def test_whatever_is_logged_makes_one_line(text: str) -> None:
    assert parsed(record("%s", text))["message"] == text.encode("utf-8", "backslashreplace").decode()


def test_a_line_for_people_has_the_ids_in_brackets() -> None:
    formatter = logs.Lines("%(levelname)s %(message)s")
    with logs.about(task_id="t", execution_id="e"):
        assert formatter.format(record("done")) == "WARNING done [task_id=t execution_id=e]"
    assert formatter.format(record("done")) == "WARNING done"
