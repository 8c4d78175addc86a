"""The story of an instant of which no execution was recorded: a slot that is to come or is due, or no slot at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from scheduler.engine.explanations.facts import Rules, Seen
from scheduler.engine.explanations.flow import Flow
from scheduler.engine.explanations.reasons import calendar_rule, misfire_rule
from scheduler.engine.explanations.steps import (
    CLAIM_LATE_AFTER,
    Explanation,
    Outcome,
    Step,
    by_clock,
    lasted,
    lowered,
    seconds_of,
    spread_step,
)
from scheduler.engine.schedules import Caution
from scheduler.engine.schedules.instants import told, written
from scheduler.engine.states import TaskStatus

_BEGINNINGS: Final = {
    Outcome.DUE: "It is due",
    Outcome.WAITS: "It waits",
    Outcome.WILL_RUN: "It will run",
    Outcome.WILL_NOT_RUN: "It will not run",
    Outcome.NOT_RECORDED: "No execution of it is recorded",
    Outcome.NO_SLOT: "The task has no slot then",
}


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """What today's definition says of an instant.

    `before` and `after` are the slots around it; `due_at` counts where `is_slot`. `is_moved` tells that a calendar
    moved a slot there, `moved_to` where it moves one from there.
    `awaited` is what runs before a fixed delay's next slot; `refusal` why the definition cannot be read; `flow` what
    keeps a due slot from the claim.
    """

    at: datetime
    now: datetime
    words: str
    has_schedule: bool = True
    is_slot: bool = False
    due_at: datetime | None = None
    before: datetime | None = None
    after: datetime | None = None
    closed_because: str | None = None
    is_moved: bool = False
    moved_to: datetime | None = None
    clock_change: Caution | None = None
    is_fixed_delay: bool = False
    awaited: Seen | None = None
    refusal: str | None = None
    flow: Flow | None = None


class _Verdict(NamedTuple):
    outcome: Outcome
    step: Step


def explain_slot(facts: SlotFacts, rules: Rules) -> Explanation:
    """Tell whether a slot will run and what stands against it, or why there is none at an instant.

    Codes: slot, jitter, calendar_move, missing_local_time, repeated_local_time, deleted, paused, pause_ends, requested,
    calendar, not_claimed, flow, misfire, coming, before_creation, definition_changed, history_removed, no_schedule,
    invalid_schedule, window, awaits_end, fixed_delay, not_in_schedule.
    """
    if not facts.is_slot:
        verdict = _why_none(facts, rules)
        return _explanation(verdict, [verdict.step])
    steps = list(_of_slot(facts, rules))
    verdict = _becomes(facts, rules)
    if verdict.step.code in ("not_claimed", "flow") and _is_missed(facts, rules):
        rule = misfire_rule(rules)
        steps.append(Step(facts.due_at, "misfire", f"The claim will find it missed: {rule.message}.", rule.data))
    return _explanation(verdict, [*steps, verdict.step])


def _explanation(verdict: _Verdict, steps: Sequence[Step]) -> Explanation:
    summary = f"{_BEGINNINGS[verdict.outcome]}: {lowered(verdict.step.message)}."
    return Explanation(verdict.outcome, summary, tuple(steps))


def _of_slot(facts: SlotFacts, rules: Rules) -> Iterator[Step]:
    at, due_at = facts.at, facts.due_at
    local = by_clock(at, rules.time_zone)
    data = {"scheduledFor": written(at), "timeZone": rules.time_zone}
    yield Step(at, "slot", f"The schedule has a slot at {local}.", data)
    if facts.is_moved:
        message = f"The calendar {rules.calendar_name} moved it there, as it is closed at the slot's own time."
        yield Step(at, "calendar_move", message, {"calendar": rules.calendar_name})
    if facts.clock_change is not None:
        yield _of_clock(facts.clock_change)
    if due_at is not None and due_at > at:
        yield spread_step(due_at, due_at - at, flex_seconds=rules.flex_seconds, made="makes")


def _becomes(facts: SlotFacts, rules: Rules) -> _Verdict:
    """Return what becomes of a slot: the first thing that stands against it, or that it is due, or to come."""
    if not _is_ahead(facts, rules):
        return _Verdict(Outcome.NOT_RECORDED, _why_unrecorded(facts, rules))
    against = _against(facts, rules)
    if against is not None:
        return _Verdict(Outcome.WILL_NOT_RUN, against)
    due_at = facts.due_at or facts.at
    if rules.status == TaskStatus.PAUSED:
        message = f"The pause ends at {_told(rules.paused_until)}, before it."
        return _Verdict(Outcome.WILL_RUN, Step(rules.paused_until, "pause_ends", message))
    if due_at > facts.now:
        message = f"It comes in {lasted(due_at - facts.now)}, at {told(due_at)}."
        return _Verdict(Outcome.WILL_RUN, Step(due_at, "coming", message, {"dueAt": written(due_at)}))
    late = facts.now - due_at
    if facts.flow is not None:
        message = f"It has been due for {lasted(late)} and waits: {lowered(facts.flow.words)}."
        return _Verdict(Outcome.WAITS, Step(due_at, "flow", message, {"dueAt": written(due_at), **facts.flow.data}))
    why = ": no scheduler runs, or all are busy" if late > CLAIM_LATE_AFTER else ""
    message = f"It has been due for {lasted(late)} and no scheduler has claimed it yet{why}."
    data = {"dueAt": written(due_at), "lateSeconds": seconds_of(late), "claimAt": _written(rules.claim_at)}
    return _Verdict(Outcome.DUE, Step(due_at, "not_claimed", message, data))


def _is_ahead(facts: SlotFacts, rules: Rules) -> bool:
    """Tell whether the claim has yet to pass a slot."""
    if rules.status == TaskStatus.DELETED:
        return facts.at > max(rules.updated_at, rules.last_slot_for or rules.updated_at)
    return rules.next_slot_for is not None and facts.at >= rules.next_slot_for


def _against(facts: SlotFacts, rules: Rules) -> Step | None:
    """Return what keeps a slot that is ahead from running."""
    if rules.status == TaskStatus.DELETED:
        return Step(None, "deleted", "The task is deleted; no slot of it runs any more.")
    until = rules.paused_until
    if rules.status == TaskStatus.PAUSED and (until is None or facts.at < until):
        end = f" until {told(until)}" if until is not None else ""
        why = f" ({rules.pause_reason})" if rules.pause_reason else ""
        message = f"The task is paused{end}{why}; only a resume before it, or one with catchUp, lets it run."
        return Step(None, "paused", message, {"pauseReason": rules.pause_reason, "pausedUntil": _written(until)})
    if facts.at in (rules.skip_slots or ()):
        return Step(None, "requested", "Somebody has asked to leave it out.")
    if facts.closed_because is not None:
        rule = calendar_rule(rules, facts.closed_because)
        return Step(facts.at, "calendar", rule.message, rule.data)
    return None


def _why_unrecorded(facts: SlotFacts, rules: Rules) -> Step:
    if facts.at <= rules.created_at:
        return Step(rules.created_at, "before_creation", f"The task was created at {told(rules.created_at)}, after it.")
    if facts.at <= rules.updated_at:
        changed = told(rules.updated_at)
        message = f"Today's definition has a slot then, but it is of {changed}: until then the task fired by another."
        return Step(rules.updated_at, "definition_changed", message)
    message = (
        "The claim has passed it and its row is gone: older than the history's retention, or moved by its calendar."
    )
    return Step(None, "history_removed", message, {"nextSlotFor": _written(rules.next_slot_for)})


def _is_missed(facts: SlotFacts, rules: Rules) -> bool:
    grace = timedelta(seconds=rules.misfire_grace_seconds)
    return facts.due_at is not None and facts.due_at < facts.now - grace


def _why_none(facts: SlotFacts, rules: Rules) -> _Verdict:
    """Return why there is no slot at an instant, with those around it."""
    step = _no_slot(facts, rules)
    around = {"slotBefore": _written(facts.before), "slotAfter": _written(facts.after)}
    return _Verdict(Outcome.NO_SLOT, replace(step, data={**step.data, **around}))


def _no_slot(facts: SlotFacts, rules: Rules) -> Step:
    if facts.refusal is not None:
        return Step(None, "invalid_schedule", f"Its slots cannot be worked out: {facts.refusal}")
    if not facts.has_schedule:
        return Step(None, "no_schedule", "The task has no schedule: it runs on request, by an event or after another.")
    if facts.is_fixed_delay:
        return _of_delay(facts, rules)
    if (rules.start_at and facts.at < rules.start_at) or (rules.end_at and facts.at >= rules.end_at):
        return _of_window(facts, rules)
    if facts.moved_to is not None:
        message = f"Its calendar moves that slot to {told(facts.moved_to)}: {facts.closed_because}."
        data = {"calendar": rules.calendar_name, "movedTo": written(facts.moved_to)}
        return Step(facts.moved_to, "calendar_move", message, {**data, "closedBecause": facts.closed_because})
    if facts.clock_change is not None:
        return _of_clock(facts.clock_change)
    return Step(None, "not_in_schedule", f"The schedule leaves that instant out: “{facts.words}”.")


def _of_delay(facts: SlotFacts, rules: Rules) -> Step:
    if facts.awaited is not None:
        message = f"Its next slot counts from the end of execution {facts.awaited.id}, which is {facts.awaited.status}."
        return Step(None, "awaits_end", message, {"executionId": str(facts.awaited.id)})
    following = f" The next one is {told(rules.next_slot_for)}." if rules.next_slot_for is not None else ""
    message = f"Each slot counts from the end of the one before, so that only the next one is known.{following}"
    return Step(None, "fixed_delay", message)


def _of_window(facts: SlotFacts, rules: Rules) -> Step:
    data = {"startAt": _written(rules.start_at), "endAt": _written(rules.end_at)}
    if rules.start_at is not None and facts.at < rules.start_at:
        return Step(rules.start_at, "window", f"Its slots begin at startAt, {told(rules.start_at)}.", data)
    return Step(rules.end_at, "window", f"Its slots end before endAt, {_told(rules.end_at)}.", data)


def _of_clock(change: Caution) -> Step:
    return Step(change.at, change.code, change.message, {"slot": _written(change.at)})


def _written(instant: datetime | None) -> str | None:
    return written(instant) if instant is not None else None


def _told(instant: datetime | None) -> str | None:
    return told(instant) if instant is not None else None
