"""How the console's templates write states, instants, spans and numbers: as every other page does."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django import template

from platform_scheduler.console.links import page_of
from query.overview import Fleet, Period
from query.queues import Queue
from scheduler import display
from scheduler.models import Execution, Node
from scheduler.nodes import SILENT_AFTER

WHY_LENGTH = 90

register = template.Library()
register.filter("state", display.state)
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
def success_rate(period: Period) -> float | None:
    """Return the share of what ended that succeeded, in percent; None where nothing ended."""
    ended = period.succeeded.count + period.failed.count
    return 100 * period.succeeded.count / ended if ended else None


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
    """Write who has fallen silent, or when the last heartbeat was."""
    if fleet.silent.count:
        return f"{fleet.silent.count:,} silent"
    return f"heartbeat {since(fleet.last_heartbeat_at, now)} ago" if fleet.last_heartbeat_at else "none was ever here"


@register.filter
def node_state(node: Node, now: datetime) -> str:
    """Write whether a node is there."""
    if node.ended_at is not None:
        return "■ Ended"
    return "⚠ Silent" if now - node.heartbeat_at > SILENT_AFTER else "▶ Here"
