"""What `up` does while everything runs: look every second, say what a person has to know."""

from collections.abc import Mapping
from enum import Enum

from .console import Console
from .errors import CannotStart
from .logs import Log
from .plan import Plan
from .supervision import Status, Supervisor, SupervisorGone
from .waiting import Interrupted, Pause

SECONDS_BETWEEN_LOOKS = 1.0


class Change(Enum):
    """What has become of a program between two looks."""

    RESTARTED = "it ran, ended and was started again"
    TRIED_AGAIN = "it had only just begun, ended and was started again"
    GIVEN_UP = "it is not started again"


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
        for name, change in changes(before, now).items():
            console.warn(notice(plan.log(name), name=name, change=change))
        before = now
    raise Interrupted


def changes(before: Mapping[str, Status], now: Mapping[str, Status]) -> dict[str, Change]:
    """Name the programs that have ended between two looks, with what has become of them."""
    found = {name: _change(before[name], status) for name, status in now.items() if name in before}
    return {name: change for name, change in found.items() if change is not None}


def _change(before: Status, now: Status) -> Change | None:
    if now.has_failed:
        return None if before.has_failed else Change.GIVEN_UP
    if not now.pid or now.pid == before.pid:
        return None
    return Change.TRIED_AGAIN if before.is_starting else Change.RESTARTED


def notice(log: Log, *, name: str, change: Change) -> str:
    """Write what a person has to know of a change."""
    if change is Change.GIVEN_UP:
        complaint = log.complaint()
        return f"{name} has ended too often and is not started again, until Ctrl-C and a new start: {complaint}"
    if change is Change.TRIED_AGAIN:
        return f"{name} has ended and was started again; it had only just begun: {log.complaint()}"
    return f"{name} has ended and was started again (log: {log.path})"
