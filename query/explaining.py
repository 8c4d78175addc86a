"""Gathers what explains an execution or a slot: a bounded number of reads, whatever the history holds."""

from datetime import datetime

from query import flow, revisions, selectors
from query.workflows import upstreams_of
from scheduler import schedules
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.explanations import CLAIM_LATE_AFTER, Around, Awaited, Explanation, explain_execution
from scheduler.engine.schedules import InvalidSchedule
from scheduler.engine.states import Reason, Status
from scheduler.models import Execution, Node, Task
from scheduler.models.choices import NodeRole
from scheduler.nodes import SILENT_AFTER

_BY_OTHERS = frozenset({Reason.OVERLAP, Reason.LIMIT})


def explain(execution: Execution, *, now: datetime, at: datetime | None = None) -> Explanation:
    """Tell why an execution, read with its task and calendar, ran, ran late, waits or did not run.

    `at` is the slot of a range row that is asked about, the first one unless said otherwise.
    """
    rules = revisions.rules_of(execution)
    attempts = selectors.attempts_at(execution) if execution.status != Status.SKIPPED else []
    around = Around(
        now,
        earlier=[one for one in attempts if one.attempt < execution.attempt],
        later=next((one for one in attempts if one.attempt > execution.attempt), None),
        in_the_way=_in_the_way(execution, rules),
        closed_because=_closed_because(rules, execution, at=at),
        upstreams=_upstreams(execution),
        flow=flow.of_execution(execution, now=now),
        is_served=_is_served(execution, now),
    )
    return explain_execution(execution, rules=rules, around=around)


def _is_served(execution: Execution, now: datetime) -> bool | None:
    """Tell whether a worker that beats takes from the queue in which an execution waits; None where it does not."""
    if execution.status != Status.QUEUED:
        return None
    workers = Node.objects.filter(role=NodeRole.WORKER, ended_at__isnull=True, heartbeat_at__gt=now - SILENT_AFTER)
    return any(execution.queue in load.get("queues", ()) for load in workers.values_list("load", flat=True))


def _upstreams(execution: Execution) -> list[Awaited]:
    """Return what an execution's upstreams have come to, where it waits for them or was left out for them."""
    if execution.reason != Reason.DEPENDENCY or execution.status not in (Status.SCHEDULED, Status.SKIPPED):
        return []
    return [
        Awaited(one.upstream.task_id, name, one.upstream.condition, one.finding)
        for one, name in upstreams_of(execution)
    ]


def _in_the_way(execution: Execution, rules: Task) -> list[Execution]:
    """Return what was open when an execution was left out or held for it; nothing where others did not matter."""
    if execution.status == Status.SCHEDULED and execution.reason in _BY_OTHERS:
        return [one for one in selectors.open_now(execution.task_id) if one.id != execution.id]
    if execution.status == Status.SKIPPED:
        if execution.reason != Reason.OVERLAP or execution.end_time is None:
            return []
        return selectors.open_at(execution, execution.end_time)
    return _held_by(execution, rules) if _may_have_been_held(execution, rules) else []


def _held_by(execution: Execution, rules: Task) -> list[Execution]:
    """Return what was open when an execution became due, where it was enough to hold it."""
    others = selectors.open_at(execution, execution.due_at)
    if rules.overlap_policy == "ALLOW" and len(others) < min(rules.max_concurrency or 0, selectors.MOST_OPEN):
        return []
    return others


def _may_have_been_held(execution: Execution, rules: Task) -> bool:
    queued_at = execution.queued_at
    if execution.attempt > 1 or (rules.overlap_policy == "ALLOW" and rules.max_concurrency is None):
        return False
    if queued_at is None or queued_at == execution.published_at:
        return False
    return queued_at - execution.due_at > CLAIM_LATE_AFTER


def _closed_because(rules: Task, execution: Execution, *, at: datetime | None) -> str | None:
    """Return what closed the slot; where something else left out a range, of the slot that is asked about only."""
    if execution.reason != Reason.CALENDAR and (at is None or execution.status != Status.SKIPPED):
        return None
    return closed_because(rules, at or execution.scheduled_for)


def closed_because(task: Task, slot: datetime) -> str | None:
    """Return which rule of the task's calendar closes a slot; None where none does."""
    if task.calendar_rules is None:
        return None
    try:
        return schedules.calendar(task.calendar_rules, task.time_zone).closed_because(slot)
    except (InvalidCalendar, InvalidSchedule):
        return None
