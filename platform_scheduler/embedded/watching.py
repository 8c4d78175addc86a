"""What `up` does while everything runs: look every second, say what a person has to know."""

from collections.abc import Mapping

from .console import Console
from .errors import CannotStart
from .logs import Log
from .plan import Plan
from .supervision import Status, Supervisor, SupervisorGone
from .waiting import Interrupted, Pause

SECONDS_BETWEEN_LOOKS = 1.0


def watch(supervisor: Supervisor, plan: Plan, *, console: Console, pause: Pause) -> None:
    """Watch until somebody asks for the end (Interrupted), or supervisor itself has ended (CannotStart)."""
    before: Mapping[str, Status] = {}
    while not pause(SECONDS_BETWEEN_LOOKS):
        if not supervisor.is_running:
            raise CannotStart("supervisord has ended, and what it ran with it: start again, nothing is lost.")
        try:
            now = supervisor.status()
        except SupervisorGone:  # too busy to answer, or just ending: the next look tells which
            continue
        for name, has_failed in changes(before, now).items():
            console.warn(_notice(plan.log(name), name=name, has_failed=has_failed))
        before = now
    raise Interrupted


def changes(before: Mapping[str, Status], now: Mapping[str, Status]) -> dict[str, bool]:
    """Name the programs that have ended between two looks; True for those that are not started again."""
    return {
        name: status.has_failed for name, status in now.items() if name in before and _is_notable(before[name], status)
    }


def _is_notable(before: Status, now: Status) -> bool:
    if now.has_failed:
        return not before.has_failed
    return bool(now.pid) and now.pid != before.pid


def _notice(log: Log, *, name: str, has_failed: bool) -> str:
    if has_failed:
        return f"{name} has ended too often and is not started again: {log.complaint()}"
    return f"{name} has ended and was started again (log: {log.path})"
