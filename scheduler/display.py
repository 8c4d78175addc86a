"""States and instants as people read them: a sign and a word, never colour alone."""

from datetime import UTC, datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduler.engine.states import Status, TaskStatus
from scheduler.models.choices import OperationStatus

SIGNS: dict[str, str] = {
    TaskStatus.ACTIVE: "▶",
    TaskStatus.PAUSED: "‖",
    TaskStatus.COMPLETED: "■",
    TaskStatus.DELETED: "✕",
    Status.SCHEDULED: "◷",
    Status.QUEUED: "…",
    Status.RUNNING: "▶",
    Status.SUCCESS: "✓",
    Status.FAILED: "✗",
    Status.TIMED_OUT: "◔",
    Status.CANCELLED: "⊘",
    Status.LOST: "?",
    Status.SKIPPED: "⤼",
    OperationStatus.PENDING: "◷",
    OperationStatus.ABORTED: "⊘",
}

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def state(status: str) -> str:
    """Return a status with its sign, from which it does not break: ✗ Failed."""
    return f"{SIGNS.get(status, '•')}\N{NO-BREAK SPACE}{status.replace('_', ' ').capitalize()}"


def absolute(instant: datetime) -> str:
    """Return an instant in UTC, to the second."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def moment(instant: datetime, now: datetime) -> SafeString:
    """Return an instant, absolute and relative, as HTML whose two halves do not break."""
    halves = absolute(instant), relative(instant, now)
    return format_html('<span class="nowrap">{}</span> <span class="nowrap">({})</span>', *halves)


def span(duration: timedelta) -> str:
    """Return a duration in its two largest units: 2 d 3 h, 4 min 5 s."""
    left = int(duration.total_seconds())
    parts: list[str] = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count or parts:
            parts.append(f"{count} {unit}")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"


def relative(instant: datetime, now: datetime) -> str:
    """Return how far an instant is from now: in 4 min 5 s, 2 d ago."""
    return f"in {span(instant - now)}" if instant > now else f"{span(now - instant)} ago"
