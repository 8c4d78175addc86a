"""What is said of an instant of which no execution was recorded, case by case."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scheduler.engine.explanations import Explanation, Outcome, SlotFacts, explain_slot
from scheduler.engine.schedules import Caution
from tests.unit.engine.explanations.cast import MINUTE, OTHER, SECOND, SLOT, FakeRow, FakeRules, codes

HOUR = timedelta(hours=1)
COMING = SlotFacts(SLOT, SLOT - MINUTE, "At 12:00", is_slot=True, due_at=SLOT)
NONE = SlotFacts(SLOT, SLOT - MINUTE, "At 13:00", before=SLOT - HOUR, after=SLOT + HOUR)


def explained(facts: SlotFacts, rules: Any = None, **changes: Any) -> Explanation:
    """Explain a slot of an hourly task, as it is about to come."""
    return explain_slot(replace(facts, **changes), rules or FakeRules())


def test_it_tells_that_a_slot_will_run():
    explanation = explained(COMING)

    assert (explanation.outcome, codes(explanation)) == (Outcome.WILL_RUN, ["slot", "coming"])
    assert explanation.summary == "It will run: it comes in 1 minute, at 2026-03-02 12:00:00 UTC."


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (FakeRules(status="PAUSED"), "paused"),
        (FakeRules(status="PAUSED", paused_until=SLOT + SECOND, pause_reason="maintenance"), "paused"),
        (FakeRules(skip_slots=[SLOT]), "requested"),
        (FakeRules(status="DELETED"), "deleted"),
    ],
)
def test_it_tells_what_stands_against_a_slot(rules: FakeRules, code: str):
    explanation = explained(COMING, rules)

    assert (explanation.outcome, codes(explanation)) == (Outcome.WILL_NOT_RUN, ["slot", code])


def test_it_tells_which_rule_of_the_calendar_closes_a_slot():
    explanation = explained(COMING, FakeRules(calendar_name="weekends"), closed_because="Monday is excluded")

    assert explanation.summary == "It will not run: the calendar weekends is closed then: Monday is excluded."


def test_a_slot_at_the_end_of_a_pause_will_run():
    explanation = explained(COMING, FakeRules(status="PAUSED", paused_until=SLOT))

    assert (explanation.outcome, codes(explanation)) == (Outcome.WILL_RUN, ["slot", "pause_ends"])


def test_it_tells_the_jitter():
    assert codes(explained(COMING, due_at=SLOT + SECOND)) == ["slot", "jitter", "coming"]


def test_it_tells_the_flex():
    explanation = explained(COMING, FakeRules(flex_seconds=300), due_at=SLOT + SECOND)
    assert (codes(explanation)[1], explanation.steps[1].data) == ("flex", {"flexSeconds": 300, "laterSeconds": 1.0})


@pytest.mark.parametrize(
    ("late", "expected", "words"),
    [
        (0 * SECOND, ["slot", "not_claimed"], "yet."),
        (42 * SECOND, ["slot", "not_claimed"], "no scheduler runs"),
        (61 * SECOND, ["slot", "misfire", "not_claimed"], "no scheduler runs"),
    ],
)
def test_it_tells_that_a_slot_is_due(late: timedelta, expected: list[str], words: str):
    explanation = explained(COMING, now=SLOT + late)

    assert (explanation.outcome, codes(explanation)) == (Outcome.DUE, expected)
    assert words in explanation.summary


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (FakeRules(created_at=SLOT), "before_creation"),
        (FakeRules(updated_at=SLOT + SECOND), "definition_changed"),
        (FakeRules(), "history_removed"),
    ],
)
def test_it_tells_why_a_slot_that_has_passed_is_not_recorded(rules: FakeRules, code: str):
    explanation = explained(COMING, replace(rules, next_slot_for=SLOT + HOUR), now=SLOT + HOUR)

    assert (explanation.outcome, codes(explanation)) == (Outcome.NOT_RECORDED, ["slot", code])


@pytest.mark.parametrize(
    ("changes", "rules", "code"),
    [
        ({}, FakeRules(), "not_in_schedule"),
        ({"has_schedule": False}, FakeRules(), "no_schedule"),
        ({"refusal": "No zone."}, FakeRules(), "invalid_schedule"),
        ({"is_fixed_delay": True}, FakeRules(), "fixed_delay"),
        ({"is_fixed_delay": True, "awaited": FakeRow(id=OTHER, status="RUNNING")}, FakeRules(), "awaits_end"),
        ({}, FakeRules(start_at=SLOT + SECOND), "window"),
        ({}, FakeRules(end_at=SLOT), "window"),
        ({"moved_to": SLOT + HOUR, "closed_because": "Monday is excluded"}, FakeRules(), "calendar_move"),
        ({"clock_change": Caution("repeated_local_time", "Twice.", SLOT - HOUR)}, FakeRules(), "repeated_local_time"),
    ],
)
def test_it_tells_why_there_is_no_slot(changes: Any, rules: FakeRules, code: str):
    explanation = explained(NONE, rules, **changes)

    assert (explanation.outcome, codes(explanation)) == (Outcome.NO_SLOT, [code])
    assert explanation.steps[0].data["slotBefore"] == "2026-03-02T11:00:00Z"


def test_it_tells_what_a_fixed_delay_waits_for():
    explanation = explained(NONE, is_fixed_delay=True, awaited=FakeRow(id=OTHER, status="RUNNING"))

    assert (str(OTHER) in explanation.summary, "RUNNING" in explanation.summary) == (True, True)


def test_it_tells_that_a_calendar_moved_a_slot_there():
    assert codes(explained(COMING, is_moved=True)) == ["slot", "calendar_move", "coming"]
