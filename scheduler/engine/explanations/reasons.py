"""Each reason in words, with the rule behind it: why a row was skipped, or what holds it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple

from scheduler.engine.explanations.facts import Around, Awaited, Row, Rules
from scheduler.engine.explanations.steps import lasted, lowered
from scheduler.engine.gates import SERVICE
from scheduler.engine.schedules.instants import told
from scheduler.engine.states import Reason
from scheduler.engine.workflows import Verdict

Data = dict[str, Any]


class Words(NamedTuple):
    """A sentence, and its facts as JSON values."""

    message: str
    data: Data


def skipped_because(row: Row, rules: Rules, around: Around) -> Words:
    """Return why a SKIPPED row did not run; a reason that nobody knows is told as it stands."""
    known = _SKIPPED.get(row.reason or "")
    return known(row, rules, around) if known else Words(f"The reason that was given: {row.reason or 'none'}.", {})


def held_because(row: Row, rules: Rules, around: Around) -> Words:
    """Return what a SCHEDULED row waits for; a reason that nobody knows is told as it stands."""
    known = _HELD.get(row.reason or "")
    return known(row, rules, around) if known else Words(f"The reason that was given: {row.reason or 'none'}.", {})


def in_the_way(around: Around) -> Words:
    """Return which executions of the task were open, as the subject of a sentence."""
    if not around.in_the_way:
        return Words("another execution of the task", {"executionIds": []})
    first, *others = around.in_the_way
    more = f" and {len(others)} more" if others else ""
    words = f"execution {first.id}{more}, slot {told(first.scheduled_for)},"
    return Words(words, {"executionIds": [str(one.id) for one in around.in_the_way]})


def misfire_rule(rules: Rules) -> Words:
    """Return which missed slots the task runs."""
    grace = lasted(timedelta(seconds=rules.misfire_grace_seconds))
    runs = {
        "SKIP": "runs no missed slot",
        "FIRE_ONCE": "runs the latest missed slot only",
        "FIRE_ALL": f"runs the newest {rules.catch_up_limit} missed slots",
    }[rules.misfire_policy]
    data = {
        "misfirePolicy": rules.misfire_policy,
        "misfireGraceSeconds": rules.misfire_grace_seconds,
        "catchUpLimit": rules.catch_up_limit,
    }
    return Words(f"a slot older than {grace} is missed, and misfirePolicy {rules.misfire_policy} {runs}", data)


def calendar_rule(rules: Rules, closed_because: str | None) -> Words:
    """Return which rule of its calendar closed a slot."""
    data: Data = {"calendar": rules.calendar_name, "closedBecause": closed_because}
    if closed_because is None:
        return Words("Its calendar was closed then; today's rules leave that instant open, they have changed.", data)
    return Words(f"The calendar {rules.calendar_name} is closed then: {closed_because}.", data)


def _overlap(row: Row, rules: Rules, around: Around) -> Words:
    others = in_the_way(around)
    policy = rules.overlap_policy
    rule = f"overlapPolicy is {policy}" if policy != "ALLOW" else "overlapPolicy of that time let nothing overlap"
    return Words(f"{_capital(others.message)} was open, and {rule}.", {**others.data, "overlapPolicy": policy})


def _misfire(row: Row, rules: Rules, around: Around) -> Words:
    rule = misfire_rule(rules)
    late = f" only {lasted(row.end_time - row.due_at)} after it was due" if row.end_time is not None else " late"
    if around.flow is None:
        return Words(f"It was looked at{late}: {rule.message}.", rule.data)
    return Words(
        f"It was looked at{late}: {around.flow.words}. {_capital(rule.message)}.", rule.data | around.flow.data
    )


def _calendar(row: Row, rules: Rules, around: Around) -> Words:
    return calendar_rule(rules, around.closed_because)


def _held_by_overlap(row: Row, rules: Rules, around: Around) -> Words:
    others = in_the_way(around)
    data = {**others.data, "overlapPolicy": rules.overlap_policy}
    return Words(f"It waits for the end of {others.message.rstrip(',')}: overlapPolicy {rules.overlap_policy}.", data)


def _held_by_limit(row: Row, rules: Rules, around: Around) -> Words:
    others = in_the_way(around)
    data = {**others.data, "maxConcurrency": rules.max_concurrency, "queue": row.queue}
    if around.flow is not None:
        return Words(f"It waits for a place: {lowered(around.flow.words)}.", data | around.flow.data)
    if rules.max_concurrency is None:
        message = f"It waits for a place: its queue {row.queue}, its class or its namespace is at its limit."
    else:
        message = f"It waits for a place: maxConcurrency is {rules.max_concurrency}, or another limit is reached."
    return Words(message, data)


def _held_by_flow(row: Row, rules: Rules, around: Around) -> Words:
    flow = around.flow
    if flow is None:
        return Words("It waits because flow control slows its queue, class or namespace down.", {})
    waits = "It goes as soon as a scheduler looks" if flow.is_lifted else "It waits for its turn"
    by = "" if flow.is_paused or flow.is_lifted else ", the most urgent first"
    held = "It waits" if flow.is_paused else f"{waits}{by}"
    return Words(f"{held}: {lowered(flow.words)}.", flow.data)


def _left_out(row: Row, rules: Rules, around: Around) -> Words:
    """Return which upstreams did not end as they have to; by today's conditions, which may be others than then."""
    others = [one for one in around.upstreams if one.verdict is Verdict.IMPOSSIBLE]
    if not others:
        return Words("A task that it depends on did not end as it has to.", {"upstreams": []})
    return Words(f"{'; '.join(map(_ended, others))}.", {"upstreams": [_facts(one) for one in others]})


def _awaits(row: Row, rules: Rules, around: Around) -> Words:
    others = [one for one in around.upstreams if one.verdict is Verdict.OPEN]
    if not others:
        return Words("It waits for the tasks that it depends on.", {"upstreams": []})
    some = "one of " if rules.dependency_mode == "ANY" and len(others) > 1 else ""
    named = ", ".join(f"{_named(one)} ({one.condition})" for one in others)
    return Words(f"It waits for {some}{named}.", {"upstreams": [_facts(one) for one in others]})


def _ended(one: Awaited) -> str:
    if one.finding.status is None:
        return f"{_named(one)} had no slot by then, and {one.condition} of it is asked for"
    return f"{_named(one)} ended as {one.finding.status}, and {one.condition} is asked for"


def _named(one: Awaited) -> str:
    return one.name if one.name is not None else f"task {one.task_id}"


def _facts(one: Awaited) -> Data:
    execution, status = one.finding.execution, one.finding.status
    return {
        "taskId": str(one.task_id),
        "condition": one.condition.value,
        "status": status.value if status is not None else None,
        "executionId": str(execution) if execution is not None else None,
    }


def _skipped_by_circuit(row: Row, rules: Rules, around: Around) -> Words:
    service = _service(row)
    return Words(f"The circuit of {service.message} was open, and circuitPolicy is SKIP.", service.data)


def _held_by_circuit(row: Row, rules: Rules, around: Around) -> Words:
    service = _service(row)
    message = f"It waits for {service.message}, which was failing: it goes once the circuit lets it, by priority."
    return Words(message, service.data)


def _service(row: Row) -> Words:
    """Return which service's circuit holds a row, or left it out."""
    name = (row.held_by or "").removeprefix(SERVICE)
    return Words(f"the service {name}" if name else "a service that the task uses", {"service": name or None})


def _until(words: str) -> Callable[[Row, Rules, Around], Words]:
    def until(row: Row, rules: Rules, around: Around) -> Words:
        end = f" until {told(row.not_before)}" if row.not_before is not None else ""
        return Words(f"It waits{end} {words}.", {})

    return until


def _always(message: str) -> Callable[[Row, Rules, Around], Words]:
    return lambda row, rules, around: Words(message, {})


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_DELETED: Final = "Its task was deleted."

_SKIPPED: Final[dict[str, Callable[[Row, Rules, Around], Words]]] = {
    Reason.OVERLAP: _overlap,
    Reason.CALENDAR: _calendar,
    Reason.MISFIRE: _misfire,
    Reason.PAUSED: _always("The task was paused then, and the pause ended without catching up."),
    Reason.REQUESTED: _always("Somebody had asked to leave it out."),
    Reason.SHED: _always("There was more work than could be done, and it was left out so that the rest could run."),
    Reason.CIRCUIT: _skipped_by_circuit,
    Reason.LIMIT: _always("A limit on executions at once was reached."),
    Reason.FLOW: _always("Flow control left out work of its queue, class or namespace."),
    Reason.DEPENDENCY: _left_out,
    Reason.DELETED: _always(_DELETED),
}

_HELD: Final[dict[str, Callable[[Row, Rules, Around], Words]]] = {
    Reason.OVERLAP: _held_by_overlap,
    Reason.LIMIT: _held_by_limit,
    Reason.RETRY: _until("to be tried again"),
    Reason.CATCH_UP: _always("It was missed, and its catch-up lets go what was missed at a budgeted rate."),
    Reason.TASK_BACKOFF: _until("to be tried again, more slowly, for the task fails again and again"),
    Reason.CLASS_BACKOFF: _until("to be tried again, more slowly, for its task class fails in one task after another"),
    Reason.JITTER: _until("for the end of its jitter or flex"),
    Reason.SHED: _until("because there is more work than can be done"),
    Reason.CIRCUIT: _held_by_circuit,
    Reason.THROTTLE: _always(
        "It waits because the platform is under more load than it bears: so many a second go, the most urgent first."
    ),
    Reason.FLOW: _held_by_flow,
    Reason.DEPENDENCY: _awaits,
}
