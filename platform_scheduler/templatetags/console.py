"""How the console's templates write states, instants, spans and numbers: as every other page does."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from platform_scheduler.console.links import page_of
from query.metrics import Percentiles
from query.numbers import ALWAYS, EXECUTIONS, link
from query.overview import Fleet
from query.queues import Queue
from scheduler import display
from scheduler.engine.explanations import CLAIM_LATE_AFTER
from scheduler.models import Circuit, Execution, Node, Task
from scheduler.nodes import SILENT_AFTER
from scheduler.representations import instant as instant_of

WHY_LENGTH = 90

register = template.Library()
register.filter("state", display.state)
register.filter("held", display.held)
register.filter("absolute", display.absolute)
register.filter("page", page_of)


@register.filter
def when(instant: datetime, now: datetime) -> str:
    """Write an instant relative to now: what should have come is late."""
    return display.relative(instant, now)


@register.filter
def due(instant: datetime, now: datetime) -> str:
    """Write when something is due; what was due before now is late."""
    return display.relative(instant, now) if instant > now else f"late by {display.span(now - instant)}"


@register.filter
def since(instant: datetime | None, now: datetime) -> str:
    """Write how long ago an instant was."""
    return display.span(max(now - instant, timedelta())) if instant else "-"


@register.filter
def seconds_since(instant: datetime | None, now: datetime) -> int:
    """Return how many whole seconds ago an instant was."""
    return int((now - instant).total_seconds()) if instant else 0


@register.filter
def number(count: int) -> str:
    """Write a number with its thousands apart."""
    return f"{count:,}"


@register.filter
def unit(value: float) -> str:
    """Write a length of a chart, with a point whatever the language."""
    return f"{value:.1f}".removesuffix(".0")


@register.filter
def why(execution: Execution) -> str:
    """Write why an execution did not succeed, in a line: the last of its error, which names the exception."""
    lines = [line for line in (execution.error_message or "").splitlines() if line.strip()]
    text = execution.reason or (lines[0] if lines else "")
    return text if len(text) <= WHY_LENGTH else f"{text[:WHY_LENGTH]}…"


@register.filter
def slots(count: int) -> str:
    """Write how many executions can run at once."""
    return f"of {count:,} slots"


@register.filter
def oldest_wait(queues: Sequence[Queue], now: datetime) -> str:
    """Write how long the oldest of all that is queued has waited."""
    oldest = min((queue.oldest_queued_at for queue in queues), default=None)
    return f"oldest {since(oldest, now)}" if oldest else "nothing waits"


@register.filter
def fleet_kind(fleet: Fleet) -> str:
    """Return how a fleet is: bad without any node, fair where some have fallen silent."""
    if not fleet.alive.count:
        return "bad"
    return "fair" if fleet.silent.count else "good"


@register.filter
def fleet_note(fleet: Fleet, now: datetime) -> str:
    """Write who has fallen silent, or when the last heartbeat was; nothing is heard of those that took their leave."""
    if fleet.silent.count:
        return f"{fleet.silent.count:,} silent"
    return f"heartbeat {since(fleet.last_heartbeat_at, now)} ago" if fleet.last_heartbeat_at else "none is here"


@register.filter
def node_state(node: Node, now: datetime) -> str:
    """Write whether a node is there."""
    if node.ended_at is not None:
        return "■ Ended"
    return "⚠ Silent" if now - node.heartbeat_at > SILENT_AFTER else "▶ Here"


register.filter("ms", display.took)
register.filter("strip", display.strip)


@register.filter
def iso(instant: datetime) -> str:
    """Write an instant as the API takes it."""
    return instant_of(instant) or ""


@register.filter
def is_late(task: Task, now: datetime) -> bool:
    """Tell whether a task's slot has waited for its claim for too long."""
    return task.claim_at is not None and now - task.claim_at > CLAIM_LATE_AFTER


@register.filter
def percent(share: float) -> str:
    """Write a share of one in percent."""
    return f"{100 * share:.1f} %".replace(".0 %", " %")


@register.filter
def percentiles(measured: Percentiles) -> tuple[float | None, ...]:
    """Return what a row of percentiles shows."""
    return measured.p50, measured.p90, measured.p95, measured.p99, measured.mean


@register.simple_tag
def executions_of(task: Task, status: str, since: datetime) -> str:
    """Return the list of a task's executions with a status, of the slots since an instant."""
    return page_of(link(EXECUTIONS, taskId=str(task.id), status=status, startDate=since))


@register.filter
def plus(place: float, further: float) -> float:
    """Add to a place in a chart."""
    return place + further


@register.filter
def unit3(value: float) -> str:
    """Write a share with a point, whatever the language."""
    return f"{value:.3f}"


@register.filter
def as_text(value: Any) -> str:
    """Write a value of a definition: texts as they are, all else as JSON."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def circuit(row: Circuit) -> str:
    """Write how a circuit stands: open is what nobody goes through."""
    return {"OPEN": "⚠ Open", "HALF_OPEN": "◔ Half open", "CLOSED": "✓ Closed"}.get(row.state, row.state)


@register.filter
def waiting_in(queue: str) -> str:
    """Return the list of what waits in a queue."""
    return page_of(link(EXECUTIONS, status="QUEUED", queue=queue, startDate=ALWAYS))


@register.filter
def run_kind(status: str) -> str:
    """Return how a run is: bad where something of it has failed."""
    return {"FAILED": "bad", "SUCCESS": "good"}.get(status, "")


@register.filter
def with_action(request: HttpRequest, action: str) -> str:
    """Return the address of a bulk act with another action."""
    parameters = request.GET.copy()
    parameters["action"] = action
    return f"?{parameters.urlencode()}"


@register.filter
def under(cells: Iterable[str], headers: Iterable[Mapping[str, Any]]) -> Iterator[SafeString]:
    """Yield the cells of a list's row, as Django writes them, each with what its column is called."""
    for cell, header in zip(cells, headers, strict=False):
        tag, rest = cell[:3], cell[3:]  # <td or <th
        yield format_html('{} data-label="{}"{}', mark_safe(tag), capfirst(header["text"]), mark_safe(rest))  # noqa: S308


@register.filter
def typed(values: Mapping[str, str], name: str) -> str:
    """Return what was typed for an argument."""
    return values.get(f"argument.{name}", "")
