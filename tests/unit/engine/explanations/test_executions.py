"""What an execution's explanation says, case by case."""

from dataclasses import replace
from typing import Any

import pytest

from scheduler.engine.explanations import Awaited, Outcome
from scheduler.engine.explanations.steps import lasted
from scheduler.engine.states import Reason, Status
from scheduler.engine.workflows import MISSING, PENDING, Condition, Finding
from tests.unit.engine.explanations.cast import (
    ITSELF,
    MINUTE,
    OTHER,
    SECOND,
    SLOT,
    FakeRow,
    FakeRules,
    codes,
    explained,
    skipped,
    waiting,
)

# The reasons of SKIPPED that the API has.
SKIPPING = "overlap calendar misfire paused requested shed circuit limit flow dependency deleted".split()
HOLDING = "overlap limit retry catch_up task_backoff class_backoff jitter shed throttle circuit flow dependency".split()
QUEUE = FakeRules(overlap_policy="QUEUE")
BUSY = [FakeRow(id=OTHER, scheduled_for=SLOT - MINUTE, status="RUNNING", end_time=None)]
FAILED = FakeRow(id=OTHER, status="FAILED", error_message="ValueError: no\nTraceback …")


def test_it_says_that_an_execution_ran_in_time():
    explanation = explained(FakeRow())

    assert (explanation.outcome, codes(explanation)) == (Outcome.RAN, ["slot", "queued", "started", "succeeded"])
    assert explanation.summary == "It ran in time: it succeeded after 1 second."


@pytest.mark.parametrize(
    ("columns", "rules", "around", "code"),
    [
        ({"queued_at": SLOT + MINUTE, "published_at": SLOT + MINUTE}, FakeRules(), {}, "claimed_late"),
        ({"queued_at": SLOT + MINUTE, "published_at": SLOT + MINUTE}, QUEUE, {}, "claimed_late"),
        ({"queued_at": SLOT + MINUTE}, FakeRules(), {}, "held_or_claimed_late"),
        ({"queued_at": SLOT + MINUTE, "handed_back_count": 1}, FakeRules(), {}, "requeued"),
        ({"queued_at": SLOT + MINUTE}, QUEUE, {}, "held_or_claimed_late"),
        ({"queued_at": SLOT + MINUTE}, QUEUE, {"in_the_way": BUSY}, "overlap"),
        ({"queued_at": SLOT + MINUTE}, FakeRules(max_concurrency=1), {"in_the_way": BUSY}, "limit"),
        ({"trigger": "CATCH_UP"}, FakeRules(), {}, "misfire"),
        ({"start_time": SLOT + 2 * MINUTE, "end_time": SLOT + 3 * MINUTE}, FakeRules(), {}, "queue_wait"),
    ],
)
def test_it_names_what_made_an_execution_late(columns: Any, rules: FakeRules, around: Any, code: str):
    columns = {"start_time": SLOT + MINUTE + SECOND, "end_time": SLOT + 2 * MINUTE} | columns

    explanation = explained(FakeRow(**columns), rules=rules, **around)

    assert (explanation.outcome, code in codes(explanation)) == (Outcome.RAN_LATE, True)
    assert explanation.summary.startswith("It ran late, for ")


@pytest.mark.parametrize("seconds", [0, 5])
def test_it_calls_nothing_late_that_was_claimed_within_five_seconds(seconds: int):
    assert explained(FakeRow(queued_at=SLOT + seconds * SECOND)).outcome is Outcome.RAN


def test_it_tells_the_jitter():
    explanation = explained(FakeRow(due_at=SLOT + 30 * SECOND, queued_at=SLOT + 30 * SECOND))

    assert (codes(explanation)[1], explanation.steps[1].data) == ("jitter", {"jitterSeconds": 30.0})


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"cause": "request:1", "trigger": "MANUAL"}, "request"),
        ({"cause": "event:1", "trigger": "EVENT"}, "event"),
        ({"cause": "dependency:1", "trigger": "DEPENDENCY"}, "dependency"),
        ({"cause": f"backfill:{OTHER}:2026-03-02T12:00:00+00:00", "trigger": "BACKFILL"}, "backfill"),
    ],
)
def test_it_tells_what_an_execution_came_from(columns: Any, code: str):
    assert codes(explained(FakeRow(**columns)))[0] == code


def test_it_names_the_backfill():
    row = FakeRow(cause=f"backfill:{OTHER}:2026-03-02T12:00:00+00:00", trigger="BACKFILL")

    assert explained(row).steps[0].data == {"operationId": str(OTHER)}


def test_it_tells_the_slot_by_the_clock_of_the_task():
    explanation = explained(FakeRow(), rules=FakeRules(time_zone="Europe/Berlin"))

    assert "2026-03-02 13:00 Europe/Berlin" in explanation.steps[0].message


@pytest.mark.parametrize(
    ("status", "code"),
    [("FAILED", "failed"), ("TIMED_OUT", "timed_out"), ("LOST", "worker_lost"), ("CANCELLED", "cancelled")],
)
def test_it_tells_how_an_execution_ended(status: str, code: str):
    explanation = explained(
        FakeRow(status=status, error_message="Node n: gone.\nTraceback", reason="cancelled by olaf")
    )

    assert code in codes(explanation)
    assert "Traceback" not in explanation.summary


def test_it_tells_the_attempts_before_a_retry():
    queued = SLOT + 12 * SECOND
    row = FakeRow(attempt=2, trigger="RETRY", queued_at=queued, start_time=queued, end_time=queued + SECOND)

    explanation = explained(row, earlier=[FAILED])

    assert codes(explanation) == ["slot", "attempt", "retry_delay", "queued", "started", "succeeded"]
    assert explanation.steps[1].message == "Attempt 1 ended as FAILED: ValueError: no."
    assert explanation.steps[2].data["delaySeconds"] == 10.0


def test_a_retry_does_not_count_its_lateness_from_its_slot():
    queued = SLOT + 10 * MINUTE
    row = FakeRow(attempt=2, trigger="RETRY", queued_at=queued, start_time=queued, end_time=queued)

    assert explained(row, earlier=[FAILED]).outcome is Outcome.RAN


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (FakeRules(retry_on=["LOST"]), "retryOn leaves out FAILED"),
        (FakeRules(max_retry_count=0), "maxRetryCount is 0"),
        (FakeRules(), "for good"),
    ],
)
def test_it_tells_why_no_attempt_follows(rules: FakeRules, words: str):
    explanation = explained(FAILED, rules=rules)

    assert (codes(explanation)[-1], words in explanation.steps[-1].message) == ("no_retry", True)


def test_it_tells_of_the_attempt_that_follows():
    explanation = explained(FAILED, later=waiting(attempt=2, not_before=SLOT + MINUTE))

    assert (codes(explanation)[-1], explanation.steps[-1].at) == ("retry", SLOT + MINUTE)


@pytest.mark.parametrize("reason", SKIPPING)
def test_every_reason_of_a_skipped_slot_has_words(reason: str):
    explanation = explained(skipped(reason))

    assert (explanation.outcome, codes(explanation)) == (Outcome.DID_NOT_RUN, ["slot", reason])
    assert explanation.summary.startswith("It did not run: ")
    assert "that was given" not in explanation.summary


@pytest.mark.parametrize("reason", HOLDING)
def test_every_reason_of_a_held_execution_has_words(reason: str):
    explanation = explained(waiting(reason=reason, not_before=SLOT))

    assert (explanation.outcome, codes(explanation)) == (Outcome.WAITS, ["slot", reason])
    assert "that was given" not in explanation.summary


def test_it_tells_that_a_pause_keeps_what_is_held():
    rules = FakeRules(status="PAUSED", pause_reason="maintenance")

    explanation = explained(waiting(reason="retry", attempt=2, not_before=SLOT), rules=rules)

    assert codes(explanation)[-2:] == ["retry", "paused"]
    assert "maintenance" in explanation.summary


def test_every_reason_of_the_state_table_skips_or_holds():
    assert {*SKIPPING, *HOLDING} == set(Reason)


@pytest.mark.parametrize("row", [skipped("moonlight"), waiting(reason="moonlight")])
def test_it_tells_an_unknown_reason_as_it_stands(row: FakeRow):
    assert "moonlight" in explained(row).summary


@pytest.mark.parametrize("row", [skipped(None), waiting()])  # type: ignore[arg-type]
def test_it_bears_that_no_reason_was_given(row: FakeRow):
    assert codes(explained(row))[-1] == "unknown"


@pytest.mark.parametrize(
    ("policy", "words"),
    [("FIRE_ONCE", "the latest missed slot"), ("FIRE_ALL", "the newest 100"), ("SKIP", "runs no missed slot")],
)
def test_it_tells_the_misfire_rule(policy: str, words: str):
    assert words in explained(skipped("misfire"), rules=FakeRules(misfire_policy=policy)).summary


def test_it_names_the_execution_in_the_way():
    rules = FakeRules(overlap_policy="SKIP")

    explanation = explained(skipped("overlap"), rules=rules, in_the_way=BUSY)

    assert str(OTHER) in explanation.summary
    assert explanation.steps[-1].data["executionIds"] == [str(OTHER)]


def test_it_tells_the_slots_of_a_range():
    explanation = explained(skipped("paused", scheduled_until=SLOT + 59 * MINUTE, slot_count=60))

    assert explanation.summary.startswith(
        "These 60 slots from 2026-03-02 12:00:00 UTC to 2026-03-02 12:59:00 UTC did not"
    )


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("misfire", ["slot", "misfire", "calendar"]),
        ("paused", ["slot", "paused", "calendar"]),
        ("overlap", ["slot", "overlap"]),
        ("calendar", ["slot", "calendar"]),
    ],
)
def test_it_tells_that_the_calendar_closes_a_slot_of_a_range_besides(reason: str, expected: list[str]):
    assert codes(explained(skipped(reason), closed_because="Saturday is excluded")) == expected


def test_it_tells_that_an_execution_waits_for_a_worker():
    explanation = explained(waiting(status="QUEUED", queued_at=SLOT, published_at=SLOT))

    assert (explanation.outcome, codes(explanation)[-1]) == (Outcome.WAITS, "queue_wait")
    assert "10 minutes" in explanation.summary


@pytest.mark.parametrize(("is_served", "is_told"), [(None, False), (True, False), (False, True)])
def test_it_tells_that_no_worker_takes_from_the_queue(is_served: bool | None, is_told: bool):
    explanation = explained(waiting(status="QUEUED", queued_at=SLOT, published_at=SLOT), is_served=is_served)

    assert (", and no worker that beats takes from it." in explanation.summary) is is_told
    assert explanation.steps[-1].data.get("isServed") is is_served


def test_it_tells_that_an_execution_was_handed_back():
    explanation = explained(waiting(status="QUEUED", queued_at=SLOT, reason="No handler x.", handed_back_count=1))

    assert codes(explanation) == ["slot", "handed_back", "queued", "queue_wait"]
    assert "No handler x." in explanation.steps[1].message


def test_a_question_at_the_end_of_an_error_gets_no_full_stop():
    failed = FakeRow(status="FAILED", error_message="No handler x. Did you mean y?")

    explanation = explained(failed)

    assert explanation.summary.endswith("Did you mean y?")
    assert any(step.message.endswith("Did you mean y?") for step in explanation.steps)


def test_it_tells_that_an_execution_runs():
    explanation = explained(FakeRow(status="RUNNING", end_time=None))

    assert (explanation.outcome, codes(explanation)[-1]) == (Outcome.RUNNING, "running")


def test_it_tells_who_asked_an_execution_to_end():
    row = FakeRow(status="CANCELLED", cancel_requested_at=SLOT + SECOND, reason="cancelled by olaf")

    assert "cancelled by olaf" in explained(row).summary


def test_what_was_cancelled_before_its_start_did_not_run():
    row = waiting(status="CANCELLED", reason="deleted", end_time=SLOT)

    assert explained(row).summary == "It did not run: it was cancelled: its task was deleted."


@pytest.mark.parametrize("status", Status)
def test_it_explains_every_status(status: Status):
    assert explained(FakeRow(status=status, reason="overlap")).summary


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 milliseconds"), (0.25, "250 milliseconds"), (1, "1 second"), (4.23, "4.2 seconds"), (59.9, "59.9 seconds"),
     (60, "1 minute"), (125, "2 minutes and 5 seconds"), (3605, "1 hour"), (90_061, "1 day and 1 hour"),
     (419_000_000, "692 weeks and 6 days")],
)  # fmt: skip
def test_it_tells_a_duration(seconds: float, words: str):
    assert lasted(seconds * SECOND) == words


EXTRACT = Awaited(OTHER, "extract", Condition.SUCCESS, Finding(True, Status.FAILED, ITSELF))
LOAD = Awaited(OTHER, None, Condition.DONE, PENDING)
COUNT = Awaited(OTHER, "count", Condition.FAILURE, PENDING)


def test_it_says_which_upstream_did_not_end_as_it_has_to():
    explanation = explained(skipped("dependency"), upstreams=[EXTRACT, LOAD])
    assert explanation.summary == "It did not run: extract ended as FAILED, and SUCCESS is asked for."


def test_it_says_which_upstream_had_no_slot():
    explanation = explained(skipped("dependency"), upstreams=[replace(EXTRACT, finding=MISSING)])
    assert "extract had no slot by then, and SUCCESS of it is asked for" in explanation.summary


def test_it_says_what_it_waits_for_and_no_name_of_another_namespace():
    explanation = explained(waiting(reason="dependency", not_before=SLOT), upstreams=[EXTRACT, LOAD, COUNT])
    assert explanation.summary == f"It has not begun: it waits for task {OTHER} (DONE), count (FAILURE)."


def test_it_says_that_one_of_several_is_enough():
    explanation = explained(
        waiting(reason="dependency", not_before=SLOT), rules=FakeRules(dependency_mode="ANY"), upstreams=[LOAD, COUNT]
    )
    assert "it waits for one of" in explanation.summary


def test_it_tells_what_upstreams_came_to_to_programs():
    step = explained(skipped("dependency"), upstreams=[EXTRACT]).steps[-1]
    assert step.data["upstreams"] == [
        {"taskId": str(OTHER), "condition": "SUCCESS", "status": "FAILED", "executionId": str(ITSELF)}
    ]


def test_a_slot_that_its_dependencies_held_ran_late_for_them():
    row = FakeRow(queued_at=SLOT + MINUTE, published_at=SLOT + MINUTE + SECOND, start_time=SLOT + MINUTE + SECOND)
    explanation = explained(row, rules=FakeRules(has_dependencies=True))
    assert explanation.summary.startswith(
        "It ran late, for it was held for 1 minute until the tasks that it depends on"
    )


def test_it_says_which_promises_were_broken_the_earliest_first():
    sla = {
        "maxLatenessSeconds": 60,
        "deadlineAt": "2026-03-02T12:30:00Z",
        "breaches": {"DEADLINE": "2026-03-02T12:30:00+00:00", "LATENESS": "2026-03-02T12:01:00+00:00"},
    }

    steps = explained(FakeRow(sla=sla)).steps[-2:]

    assert [(step.code, step.message) for step in steps] == [
        ("sla_lateness", "It broke its SLA: it had not begun 1 minute after it was due."),
        ("sla_deadline", "It broke its SLA: its slot had not succeeded by 2026-03-02 12:30:00 UTC."),
    ]
    assert [dict(step.data) for step in steps] == [{"maxLatenessSeconds": 60}, {"deadlineAt": "2026-03-02T12:30:00Z"}]


def test_a_slot_that_was_left_out_may_have_broken_them_too():
    sla = {"maxDurationSeconds": 5, "breaches": {"DURATION": "2026-03-02T12:01:00+00:00"}}

    assert codes(explained(skipped("overlap", sla=sla)))[-1] == "sla_duration"
