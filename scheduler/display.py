"""States and instants as people read them: a sign and a word, never colour alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduler.engine.schedules.instants import told
from scheduler.engine.states import Reason, Status, TaskStatus
from scheduler.models.choices import OperationStatus
from scheduler.strips import Run

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
    OperationStatus.HELD: "‖",
}

STRIP_HEIGHT = 18

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def state(status: str) -> str:
    """Return a status with its sign, from which it does not break: ✗ Failed."""
    return f"{SIGNS.get(status, '•')}\N{NO-BREAK SPACE}{status.replace('_', ' ').capitalize()}"


_HELD: dict[str, str] = {
    Reason.OVERLAP: "behind an open execution",
    Reason.LIMIT: "by a limit",
    Reason.FLOW: "by flow control",
    Reason.THROTTLE: "by load",
    Reason.CIRCUIT: "by a circuit",
    Reason.DEPENDENCY: "for other tasks",
    Reason.RETRY: "for a retry",
    Reason.TASK_BACKOFF: "by a task that keeps failing",
    Reason.CLASS_BACKOFF: "by a task class that keeps failing",
    Reason.CATCH_UP: "by a catch-up",
    Reason.JITTER: "for jitter or flex",
}


def held(reason: str) -> str:
    """Return by what executions are held, as it stands behind how many they are."""
    return _HELD.get(reason, reason)


def absolute(instant: datetime) -> str:
    """Return an instant in UTC, to the second."""
    return told(instant)


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


def took(milliseconds: float) -> str:
    """Return milliseconds as people read them: 250 ms, 4.2 s, 3 min 5 s."""
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1_000:.1f} s" if milliseconds < 60_000 else span(timedelta(milliseconds=milliseconds))


def strip(runs: Sequence[Run]) -> SafeString:
    """Return the last runs as bars, the oldest first: their height is how long they took, beside each other."""
    if not runs:
        return SafeString("")
    longest = max([run.took_ms or 0 for run in runs] + [1])
    bars = format_html_join(
        "",
        '<rect class="run {}" x="{}" y="{}" width="5" height="{}"><title>{}</title></rect>',
        (
            (
                run.status.lower(),
                number * 7,
                STRIP_HEIGHT - height,
                height,
                f"{state(run.status)}, {absolute(run.scheduled_for)}{_took(run)}",
            )
            for number, run in enumerate(runs)
            for height in [round(4 + (STRIP_HEIGHT - 4) * (run.took_ms or 0) / longest)]
        ),
    )
    label = ", ".join(state(run.status) for run in reversed(runs[-5:]))
    return format_html(
        '<svg class="strip" role="img" aria-label="Latest first: {}" width="{}" height="{}">{}</svg>',
        label, len(runs) * 7, STRIP_HEIGHT, bars,
    )  # fmt: skip


def _took(run: Run) -> str:
    return "" if run.took_ms is None else f", {took(run.took_ms)}"


def relative(instant: datetime, now: datetime) -> str:
    """Return how far an instant is from now: in 4 min 5 s, 2 d ago."""
    return f"in {span(instant - now)}" if instant > now else f"{span(now - instant)} ago"
