"""Templates in task data, and nothing that only looks like one."""

import pytest

from tests.handler_cast import EXECUTION, SLOT
from workers import templating
from workers.templating import UnknownTemplate, fill

BERLIN = templating.values(execution_id=EXECUTION, scheduled_for=SLOT, time_zone="Europe/Berlin")


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
    values = templating.values(execution_id=EXECUTION, scheduled_for=SLOT, time_zone="America/New_York")
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
        ("{{}}", "Known are executionId, scheduledFor, scheduledFor|date"),
        ("{{scheduledFor", "{{{{ stands for two braces"),
    ],
)
def test_it_refuses_what_it_does_not_know_and_says_what_there_is(text, hint):
    with pytest.raises(UnknownTemplate) as refusal:
        fill({"files": ["ok", text]}, BERLIN)
    assert hint in str(refusal.value)
    assert str(refusal.value).startswith("taskData.files[1]: ")
