"""Which promises (SLA) an execution has broken."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from scheduler.engine.explanations.facts import Row
from scheduler.engine.explanations.steps import Step, lasted
from scheduler.engine.schedules.instants import told, written
from scheduler.engine.sla import BREACHES, Promise

_CODES: Final = {
    Promise.LATENESS: "sla_lateness",
    Promise.DURATION: "sla_duration",
    Promise.DEADLINE: "sla_deadline",
}


def of(row: Row) -> Iterator[Step]:
    """Yield what an execution has broken of its SLA, the earliest first.

    Codes: sla_lateness, sla_duration, sla_deadline.
    """
    broken: dict[str, str] = (row.sla or {}).get(BREACHES, {})
    for promise, text in sorted(broken.items(), key=lambda one: one[1]):
        broken_at = datetime.fromisoformat(text)
        message, data = _WORDS[Promise(promise)](row.sla)
        yield Step(broken_at, _CODES[Promise(promise)], f"It broke its SLA: {message}.", data)


def _late(sla: Any) -> tuple[str, dict[str, Any]]:
    seconds = sla["maxLatenessSeconds"]
    late = lasted(timedelta(seconds=seconds))
    return f"it had not begun {late} after it was due", {"maxLatenessSeconds": seconds}


def _slow(sla: Any) -> tuple[str, dict[str, Any]]:
    seconds = sla["maxDurationSeconds"]
    return f"it ran for more than {lasted(timedelta(seconds=seconds))}", {"maxDurationSeconds": seconds}


def _overdue(sla: Any) -> tuple[str, dict[str, Any]]:
    deadline = datetime.fromisoformat(sla["deadlineAt"])
    return f"its slot had not succeeded by {told(deadline)}", {"deadlineAt": written(deadline)}


_WORDS: Final = {Promise.LATENESS: _late, Promise.DURATION: _slow, Promise.DEADLINE: _overdue}
