"""Templates in task data, and nothing that only looks like one."""

from uuid import UUID

import pytest

from tests.handler_cast import EXECUTION, SLOT
from workers import templating
from workers.context import Event
from workers.templating import UnknownTemplate, fill

EVENT = Event(
    UUID(int=7),
    "order.paid",
    {
        "order": {"lines": [{"sku": "A 1"}, {"sku": "B&2"}], "total": 12.5, "note": None},
        "text": "{{scheduledFor}}",
        "secret": {"deep": [{"$secret": "TOKEN"}]},
    },
    SLOT,
)
BERLIN = templating.Values(execution_id=EXECUTION, scheduled_for=SLOT, time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{scheduledFor}}", "2026-03-01T23:30:00Z"),
        ("{{scheduledFor|date}}", "2026-03-02"),
        ("{{ scheduledFor | date }}", "2026-03-02"),
        ("{{executionId}}", str(EXECUTION)),
        ("report-{{scheduledFor|date}}-{{executionId}}.csv", f"report-2026-03-02-{EXECUTION}.csv"),
        ("{{{{scheduledFor}}", "{{scheduledFor}}"),
        ('{{{{"a": {"b": 1}}', '{{"a": {"b": 1}}'),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("{x} }} {", "{x} }} {"),
        ("", ""),
    ],
)
def test_it_fills_texts(text, filled):
    assert fill(text, BERLIN) == filled


def test_it_takes_the_date_in_the_task_s_zone():
    values = templating.Values(execution_id=EXECUTION, scheduled_for=SLOT, time_zone="America/New_York")
    assert fill("{{scheduledFor|date}}", values) == "2026-03-01"


def test_it_fills_at_any_depth_and_leaves_other_values_and_names_alone():
    data = {"{{x}}": 1, "a": [{"b": "{{scheduledFor|date}}"}, None, True, 1.5]}
    assert fill(data, BERLIN) == {"{{x}}": 1, "a": [{"b": "2026-03-02"}, None, True, 1.5]}


def test_it_leaves_the_names_of_secrets_alone():
    assert fill({"token": {"$secret": "{{scheduledFor}}"}}, BERLIN) == {"token": {"$secret": "{{scheduledFor}}"}}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{scheduledfor}}", "Did you mean 'scheduledFor'?"),
        ("{{execution_id}}", "Did you mean 'executionId'?"),
        ("{{scheduledFor|dat}}", "Did you mean 'scheduledFor|date'?"),
        ("{{executionId|date}}", "there is no {{executionId|date}}"),
        ("{{}}", "Known are executionId, scheduledFor, scheduledFor|date and event.…"),
        ("{{scheduledFor", "{{{{ stands for two braces"),
    ],
)
def test_it_refuses_what_it_does_not_know_and_says_what_there_is(text, hint):
    with pytest.raises(UnknownTemplate) as refusal:
        fill({"files": ["ok", text]}, BERLIN)
    assert hint in str(refusal.value)
    assert str(refusal.value).startswith("taskData.files[1]: ")


def test_what_no_template_asks_for_is_not_made():
    values = templating.Values(execution_id=EXECUTION, scheduled_for=SLOT, time_zone="Nowhere/At_all")
    assert templating.fill({"plain": ["text", 7]}, values) == {"plain": ["text", 7]}


OF_EVENT = templating.Values(
    execution_id=EXECUTION,
    scheduled_for=SLOT,
    time_zone="UTC",
    find_event=lambda: EVENT,
    closed_to_events=["script"],
)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{event.id}}", str(UUID(int=7))),
        ("{{event.name}}", "order.paid"),
        ("{{event.receivedAt}}", "2026-03-01T23:30:00Z"),
        ("{{ event.payload.order.lines.1.sku }}", "B&2"),
        ("{{event.payload.order.total}}", 12.5),
        ("{{event.payload.order.note}}", None),
        ("{{event.payload.order.lines}}", [{"sku": "A 1"}, {"sku": "B&2"}]),
        ("total {{event.payload.order.total}}, note {{event.payload.order.note}}", "total 12.5, note null"),
        ("{{event.payload.order.lines.0}}!", '{"sku": "A 1"}!'),
        ("?sku={{event.payload.order.lines.1.sku|url}}", "?sku=B%262"),
        ("{{event.payload.text}} as it is", "{{scheduledFor}} as it is"),
        ("{{event.payload.month|default:2026-01}}", "2026-01"),
        ("{{event.payload.month|url|default:a|b c}}", "a%7Cb%20c"),
        ("{{event.payload.order.total|default:0}}", 12.5),
    ],
)
def test_it_fills_in_what_the_event_has_brought(text, filled):
    assert fill({"a": [text]}, OF_EVENT) == {"a": [filled]}


def test_it_takes_the_default_where_no_event_has_started_it():
    assert fill("{{event.payload.month|default:2026-01}}", BERLIN) == "2026-01"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{event.payload.order.totl}}", "event.payload.order of this event has no 'totl'. Did you mean 'total'?"),
        ("{{event.payload.order.lines.2}}", "event.payload.order.lines of this event has no '2'"),
        ("{{event.payload.order.lines.-1}}", "of this event has no '-1'"),
        ("{{event.pay}}", "event of this event has no 'pay'"),
        ("{{event.name|upper}}", "there is no filter 'upper'"),
        ("{{event.payload.secret.deep}}", "names a secret, which only the task may do"),
        ("x {{event.payload.secret}}", "names a secret, which only the task may do"),
    ],
)
def test_it_refuses_what_the_event_does_not_have_or_may_not_bring(text, hint):
    with pytest.raises(UnknownTemplate) as refusal:
        fill({"files": [text]}, OF_EVENT)
    assert hint in str(refusal.value)
    assert str(refusal.value).startswith("taskData.files[0]: ")


def test_it_says_that_no_event_has_started_the_execution():
    with pytest.raises(UnknownTemplate, match="no event has started this execution"):
        fill("{{event.payload.month}}", BERLIN)


def test_it_lets_no_event_write_a_field_that_is_run():
    with pytest.raises(UnknownTemplate, match="may not stand here"):
        fill({"script": "echo {{event.name}}"}, OF_EVENT)
    assert fill({"env": {"NAME": "{{event.name}}"}}, OF_EVENT) == {"env": {"NAME": "order.paid"}}


def test_it_asks_for_the_event_only_where_a_template_names_it():
    values = templating.Values(execution_id=EXECUTION, scheduled_for=SLOT, time_zone="UTC", find_event=_not_asked)
    assert fill("{{scheduledFor}}", values) == "2026-03-01T23:30:00Z"


def _not_asked() -> Event | None:
    raise AssertionError("Nobody needs the event.")
