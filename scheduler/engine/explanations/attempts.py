"""The story of one execution: its slot, what made it late, its attempts, how it ended."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from scheduler.engine.explanations import endings, promises
from scheduler.engine.explanations.facts import Around, Row, Rules
from scheduler.engine.explanations.reasons import calendar_rule, held_because, in_the_way, misfire_rule, skipped_because
from scheduler.engine.explanations.steps import (
    CLAIM_LATE_AFTER,
    START_LATE_AFTER,
    Explanation,
    Outcome,
    Step,
    by_clock,
    closed,
    lasted,
    lowered,
    seconds_of,
    spread_step,
    with_steps,
)
from scheduler.engine.identity import BACKFILL
from scheduler.engine.schedules.instants import told, written
from scheduler.engine.states import FINAL, Reason, Status, TaskStatus, Trigger

# Causes of lateness, the weightiest first: what a summary names.
_LATE_CODES: Final = (
    "misfire", "flow", "overlap", "limit", "awaited", "claimed_late", "held_or_claimed_late", "requeued", "queue_wait",
)  # fmt: skip

# Ranges for these reasons take in the slots that the calendar closes.
_OF_RANGES: Final = frozenset({Reason.MISFIRE, Reason.PAUSED})


def explain_execution(row: Row, *, rules: Rules, around: Around) -> Explanation:
    """Tell why an execution ran, ran late, waits or did not run, step by step.

    Codes: slot, request, event, dependency, backfill, jitter, misfire, claimed_late, flow, overlap, limit, awaited,
    held_or_claimed_late, requeued, attempt, retry_delay, queued, queue_wait, handed_back, started, running, the
    reasons of the state table for what is skipped or held, those of `endings`, and those of `promises`.
    """
    story = _skipped(row, rules, around) if row.status == Status.SKIPPED else _story(row, rules, around)
    return with_steps(story, list(promises.of(row)))


def _story(row: Row, rules: Rules, around: Around) -> Explanation:
    steps = [
        _asked(row, rules),
        *_spread(row, rules),
        *(_late(row, rules, around) if row.attempt == 1 else _attempts(row, around)),
        *_queued(row),
        *_held(row, rules, around),
        *_started(row, around),
        *endings.of(row, rules, later=around.later),
    ]
    outcome = _outcome(row, steps)
    return Explanation(outcome, _summary(row, outcome, steps), tuple(steps))


def _skipped(row: Row, rules: Rules, around: Around) -> Explanation:
    why = skipped_because(row, rules, around)
    recorded = {"recordedAt": written(row.end_time) if row.end_time else None}
    steps = [_asked(row, rules), *_spread(row, rules)]
    steps.append(Step(row.end_time, row.reason or "unknown", why.message, {**why.data, **recorded}))
    if around.closed_because is not None and row.reason in _OF_RANGES:
        closed = calendar_rule(rules, around.closed_because)
        steps.append(
            Step(row.scheduled_for, "calendar", f"{closed.message} It would not have run anyway.", closed.data)
        )
    subject = "It"
    if row.scheduled_until is not None and row.scheduled_until > row.scheduled_for:
        count = f"{row.slot_count} slots" if row.slot_count is not None else "slots"
        subject = f"These {count} from {told(row.scheduled_for)} to {told(row.scheduled_until)}"
    summary = f"{subject} did not run: {lowered(why.message)}."
    return Explanation(Outcome.DID_NOT_RUN, summary, tuple(steps))


def _asked(row: Row, rules: Rules) -> Step:
    """Return what the execution came from."""
    at, trigger = row.scheduled_for, row.trigger
    local = by_clock(at, rules.time_zone)
    data: dict[str, Any]
    if trigger == Trigger.DEPENDENCY or row.cause.startswith("dependency:"):
        data = {"runId": str(row.run_id) if row.run_id is not None else None}
        return Step(at, "dependency", f"It follows tasks that it depends on, in the run of {local}.", data)
    if row.cause.startswith(BACKFILL):
        operation = row.cause.removeprefix(BACKFILL).partition(":")[0]
        return Step(at, "backfill", f"A backfill asked for the slot of {local} again.", {"operationId": operation})
    if row.cause.startswith("slot:"):
        data = {"scheduledFor": written(at), "timeZone": rules.time_zone}
        if row.scheduled_until is not None and row.scheduled_until > at:
            data |= {"scheduledUntil": written(row.scheduled_until), "slotCount": row.slot_count}
            until = by_clock(row.scheduled_until, rules.time_zone)
            return Step(at, "slot", f"The schedule had slots from {local} to {until}, recorded as one row.", data)
        return Step(at, "slot", f"The schedule has a slot at {local}.", data)
    if trigger == Trigger.EVENT:
        return Step(at, "event", f"An event asked for it at {local}.")
    return Step(at, "request", f"Somebody asked for it at {local}, whatever the schedule says.")


def _spread(row: Row, rules: Rules) -> Iterator[Step]:
    spread = row.due_at - row.scheduled_for
    if row.cause.startswith("slot:") and spread > timedelta(0):
        yield spread_step(row.due_at, spread, flex_seconds=rules.flex_seconds, made="made")


def _late(row: Row, rules: Rules, around: Around) -> Iterator[Step]:
    """Yield what kept a first attempt from the queue, longer than a claim takes."""
    if row.trigger == Trigger.CATCH_UP:
        rule = misfire_rule(rules)
        yield Step(row.due_at, "misfire", f"It was missed and caught up: {rule.message}.", rule.data)
    if row.queued_at is None or row.queued_at - row.due_at <= CLAIM_LATE_AFTER:
        return
    late = row.queued_at - row.due_at
    code, message, data = _kept_by(row, rules, around, lasted(late))
    yield Step(row.queued_at, code, message, {"lateSeconds": seconds_of(late), **data})


def _kept_by(row: Row, rules: Rules, around: Around, late: str) -> tuple[str, str, dict[str, Any]]:
    """Return code, words and facts of what kept a row from the queue.

    What is born QUEUED is published as it is queued; what was held, or had to be published again, is so later.
    """
    if row.handed_back_count:
        return "requeued", f"It was queued anew {late} after it was due, for a worker had handed it back.", {}
    if row.published_at == row.queued_at and around.flow is None:
        message = f"The claim took it {late} after it was due: no scheduler ran, or all were busy until then."
        return "claimed_late", message, {}
    if around.flow is not None and not around.in_the_way:
        return "flow", f"It was queued {late} after it was due: {lowered(around.flow.words)}.", around.flow.data
    if not around.in_the_way and rules.has_dependencies and row.cause.startswith("slot:"):
        return "awaited", f"It was held for {late} until the tasks that it depends on had ended.", {}
    if not around.in_the_way:
        message = f"It was queued {late} after it was due: held by another execution or a limit, or claimed late."
        return "held_or_claimed_late", message, {}
    others = in_the_way(around)
    if rules.overlap_policy != "ALLOW":
        message = f"It was held for {late} by overlapPolicy {rules.overlap_policy}, while {others.message} was open."
        return "overlap", message, others.data
    message = f"It was held for {late} by maxConcurrency {rules.max_concurrency}, while {others.message} was open."
    return "limit", message, others.data


def _attempts(row: Row, around: Around) -> Iterator[Step]:
    """Yield the attempts before a retry."""
    for one in around.earlier:
        error = endings.first_line(one.error_message)
        ended = f"Attempt {one.attempt} ended as {one.status}{f': {error}' if error else ''}"
        data = {"executionId": str(one.id), "attempt": one.attempt, "status": one.status, "nodeId": one.node_id}
        yield Step(one.end_time, "attempt", closed(ended), data)
    last = around.earlier[-1].end_time if around.earlier else None
    if last is not None and row.queued_at is not None and row.queued_at > last:
        wait = row.queued_at - last
        message = f"Attempt {row.attempt} was queued {lasted(wait)} later, by retryPolicy or because somebody asked."
        yield Step(row.queued_at, "retry_delay", message, {"attempt": row.attempt, "delaySeconds": seconds_of(wait)})


def _queued(row: Row) -> Iterator[Step]:
    if row.queued_at is None:
        return
    if row.handed_back_count:
        why = f": {row.reason}" if row.status == Status.QUEUED and row.reason else "."
        message = f"A worker handed it back{why}"
        yield Step(row.queued_at, "handed_back", message, {"handedBackCount": row.handed_back_count})
    yield Step(row.queued_at, "queued", f"It was put on the queue {row.queue}.", {"queue": row.queue})


def _held(row: Row, rules: Rules, around: Around) -> Iterator[Step]:
    if row.status == Status.SCHEDULED:
        why = held_because(row, rules, around)
        data = {**why.data, "notBefore": written(row.not_before) if row.not_before else None}
        yield Step(row.not_before, row.reason or "unknown", why.message, data)
        if rules.status == TaskStatus.PAUSED:
            pause = f": {rules.pause_reason}" if rules.pause_reason else ""
            message = f"What is held stays so while its task is paused{pause}."
            yield Step(None, "paused", message, {"pauseReason": rules.pause_reason})
    elif row.status == Status.QUEUED and row.queued_at is not None:
        wait = max(around.now - row.queued_at, timedelta(0))
        published = "" if row.published_at else " It has not been published yet; the dispatcher tries again."
        nobody = ", and no worker that beats takes from it" if around.is_served is False else ""
        message = f"It has been waiting {lasted(wait)} for a worker of the queue {row.queue}{nobody}.{published}"
        data = {"waitSeconds": seconds_of(wait), "queue": row.queue, "isPublished": row.published_at is not None}
        if around.is_served is not None:
            data["isServed"] = around.is_served
        yield Step(around.now, "queue_wait", message, data)


def _started(row: Row, around: Around) -> Iterator[Step]:
    if row.start_time is None:
        return
    wait = row.start_time - row.queued_at if row.queued_at is not None else timedelta(0)
    if wait > START_LATE_AFTER:
        message = f"It waited {lasted(wait)} for a worker of the queue {row.queue}."
        yield Step(row.start_time, "queue_wait", message, {"waitSeconds": seconds_of(wait), "queue": row.queue})
    message = f"Attempt {row.attempt} began on node {row.node_id}, {lasted(wait)} after it was queued."
    yield Step(row.start_time, "started", message, {"attempt": row.attempt, "nodeId": row.node_id})
    if row.status == Status.RUNNING:
        ran = max(around.now - row.start_time, timedelta(0))
        lease = written(row.lease_expires_at) if row.lease_expires_at else None
        message = f"It has been running for {lasted(ran)}."
        yield Step(around.now, "running", message, {"runningSeconds": seconds_of(ran), "leaseExpiresAt": lease})


def _outcome(row: Row, steps: list[Step]) -> Outcome:
    if row.start_time is None:
        return Outcome.DID_NOT_RUN if row.status in FINAL else Outcome.WAITS
    if row.status == Status.RUNNING:
        return Outcome.RUNNING
    return Outcome.RAN_LATE if _late_cause(steps) is not None else Outcome.RAN


def _late_cause(steps: list[Step]) -> Step | None:
    return next((step for code in _LATE_CODES for step in steps if step.code == code), None)


def _summary(row: Row, outcome: Outcome, steps: list[Step]) -> str:
    return _SUMMARIES[outcome](row, steps)


def _of_waiting(row: Row, steps: list[Step]) -> str:
    return f"It has not begun: {lowered(steps[-1].message)}."


def _of_running(row: Row, steps: list[Step]) -> str:
    late = _late_cause(steps)
    return f"It runs, late: {lowered(late.message)}." if late else f"It runs, attempt {row.attempt}, and began in time."


def _of_ran(row: Row, steps: list[Step]) -> str:
    return closed(f"It ran in time: {lowered(endings.main(steps))}")


def _of_ran_late(row: Row, steps: list[Step]) -> str:
    late = _late_cause(steps)
    cause = lowered(late.message) if late is not None else "its cause is not known"
    return closed(f"It ran late, for {cause}; {lowered(endings.main(steps))}")


def _of_none(row: Row, steps: list[Step]) -> str:
    return closed(f"It did not run: {lowered(endings.main(steps))}")


_SUMMARIES: Final[dict[Outcome, Callable[[Row, list[Step]], str]]] = {
    Outcome.WAITS: _of_waiting,
    Outcome.RUNNING: _of_running,
    Outcome.RAN: _of_ran,
    Outcome.RAN_LATE: _of_ran_late,
    Outcome.DID_NOT_RUN: _of_none,
}
