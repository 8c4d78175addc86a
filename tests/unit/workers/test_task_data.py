"""From stored task data to the handler, and back to an outcome and a log that hold no secret."""

import json
import logging
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from scheduler.engine.states import Status, Trigger
from scheduler.records import Started
from tests.handler_cast import EXECUTION, SLOT
from workers import registry
from workers.errors import ExpectedFailure, SoftTimeout
from workers.logs import captured
from workers.outcomes import Ending
from workers.run import call

SECRET = 's3cr3t "token"'
REFERENCE = {"$secret": "TOKEN"}


@pytest.fixture(autouse=True)
def payments_token(settings, monkeypatch):
    settings.SECRET_NAMES = {"payments": ["TOKEN"]}
    monkeypatch.setenv("TASK_SECRET_TOKEN", SECRET)
    registry.load(settings.HANDLER_MODULES)
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))


def outcome(function, data: Any, *, namespace: str = "payments", **options: Any) -> Ending:
    """Register a handler, and run it with these stored task data."""
    registry.handler("demo", **options)(function)
    started = Started(
        id=EXECUTION,
        task_id=UUID(int=1),
        task_name="A task",
        namespace=namespace,
        task_class="demo",
        task_data=json.dumps(data),
        fence=1,
        attempt=1,
        trigger=Trigger.SCHEDULE,
        scheduled_for=SLOT,
        run_id=None,
        timeout_seconds=5,
        lacked_by=None,
        started_at=SLOT,
        time_zone="Europe/Berlin",
    )
    # Asked for the previous success, and for the names of the secrets that the settings of the namespace list.
    connection: Any = SimpleNamespace(execute=lambda *_: SimpleNamespace(fetchone=lambda: None))
    return call(started, connection, node_id="node-1")


def given(data, _context):
    return data


def failing_with(error: type[BaseException]):
    def fail(data, _context):
        raise error(f"no access with {data['token']}")

    return fail


def test_it_gives_the_handler_the_secret_itself():
    lengths = outcome(lambda data, _: len(data["token"]), {"token": REFERENCE})
    assert lengths.result == str(len(SECRET))


def test_it_keeps_secrets_out_of_the_result():
    assert outcome(given, {"token": REFERENCE, "n": 1}).result == '{"token": "***", "n": 1}'


@pytest.mark.parametrize("error", [ValueError, ExpectedFailure, SystemExit])
def test_it_keeps_secrets_out_of_errors(error):
    ending = outcome(failing_with(error), {"token": REFERENCE})
    assert ending.status is Status.FAILED
    assert "no access with ***" in str(ending.error_message)
    assert "s3cr3t" not in str(ending.error_message)


def test_it_keeps_secrets_out_of_what_a_timeout_says():
    def run_out_of_time(data, _context):
        raise SoftTimeout(data["token"])

    ending = outcome(run_out_of_time, {"token": REFERENCE})
    assert ending.status is Status.TIMED_OUT
    assert "s3cr3t" not in str(ending.error_message)


def test_it_keeps_secrets_out_of_what_the_schema_says():
    schema = {"type": "object", "properties": {"token": {"type": "string", "maxLength": 3}}}
    ending = outcome(given, {"token": REFERENCE}, schema=schema)
    assert (ending.status, ending.is_permanent) == (Status.FAILED, True)
    assert ending.error_message == "taskData.token: '***' is too long"


def test_it_keeps_secrets_out_of_the_log():
    def log(data, context):
        context.log.info("sending %r", data)
        logging.getLogger("a.library").warning("token=%s", data["token"])

    with captured() as capture:
        outcome(log, {"token": REFERENCE})
    assert [line.partition(": ")[2] for line in capture.head] == ["sending {'token': '***'}", "token=***"]


def test_it_refuses_a_secret_of_another_namespace_for_good_and_names_it():
    ending = outcome(given, {"token": REFERENCE}, namespace="default")
    assert (ending.status, ending.is_permanent) == (Status.FAILED, True)
    assert ending.error_message == (
        "Tasks of namespace default may not read the secret 'TOKEN': SECRET_NAMES of this worker does not list it."
    )


def test_it_lets_another_worker_try_where_the_secret_is_missing(monkeypatch):
    monkeypatch.delenv("TASK_SECRET_TOKEN")
    ending = outcome(given, {"token": REFERENCE})
    assert (ending.status, ending.is_permanent) == (Status.FAILED, False)
    assert "This worker lacks the secret TOKEN" in str(ending.error_message)


def test_it_fills_templates_where_the_handler_says_so():
    assert outcome(given, {"day": "{{scheduledFor|date}}"}, fills_templates=True).result == '{"day": "2026-03-02"}'


def test_it_leaves_the_braces_of_other_handlers_alone():
    assert outcome(given, {"day": "{{ jinja }}"}).result == '{"day": "{{ jinja }}"}'


def test_it_fails_for_good_on_an_unknown_template():
    ending = outcome(given, {"day": "{{today}}"}, fills_templates=True)
    assert (ending.status, ending.is_permanent) == (Status.FAILED, True)
    assert "taskData.day: there is no {{today}}" in str(ending.error_message)


def test_it_never_reads_a_secret_as_a_template(monkeypatch):
    monkeypatch.setenv("TASK_SECRET_TOKEN", "{{nothing}}")
    assert outcome(given, {"token": REFERENCE}, fills_templates=True).result == '{"token": "***"}'


def test_it_checks_what_is_filled_in_and_not_what_is_stored():
    schema = {"type": "object", "properties": {"day": {"type": "string", "pattern": "^[0-9-]+$"}}}
    ending = outcome(given, {"day": "{{scheduledFor|date}}"}, schema=schema, fills_templates=True)
    assert ending.status is Status.SUCCESS


def test_it_shows_no_traceback_of_an_expected_failure():
    ending = outcome(failing_with(ExpectedFailure), {"token": "x"})
    assert (ending.error_message, ending.is_permanent) == ("no access with x", False)


def test_it_tells_the_handler_the_task_s_zone():
    assert outcome(lambda _, context: context.time_zone, {}).result == "Europe/Berlin"


@pytest.mark.parametrize("task_class", ["com.platform.tasks.CleanupTask", "platform.noop", "platform.http"])
def test_it_fills_templates_of_the_built_in_handlers(task_class):
    assert registry.find(task_class).fills_templates
