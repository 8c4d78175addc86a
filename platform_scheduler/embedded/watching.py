"""What `up` does while everything runs: look every second, say what a person has to know, start again what fails."""

import time
from collections.abc import Iterator, Mapping
from enum import Enum

from .console import Console
from .errors import CannotStart
from .logs import Log
from .plan import Plan
from .supervision import Status, Supervisor, SupervisorGone
from .waiting import Interrupted, Pause

SECONDS_BETWEEN_LOOKS = 1.0
# What has ended too often for supervisor, perhaps over a full disk or a database that was away, is started once more.
SECONDS_BETWEEN_TRIES = 60.0


class Change(Enum):
    """What has become of a program between two looks."""

    RESTARTED = "it ran, ended and was started again"
    TRIED_AGAIN = "it had only just begun, ended and was started again"
    GIVEN_UP = "supervisor does not start it any more; it is tried again every minute"
    RECOVERED = "it was given up, and runs again"


class Watch:
    """What was seen of the programs so far, and which of them are given up."""

    def __init__(self) -> None:
        self._before: Mapping[str, Status] = {}
        self._tried_at: dict[str, float] = {}

    def look(self, now: Mapping[str, Status], *, at: float) -> dict[str, Change]:
        """Name the programs that have ended since the last look, with what has become of them.

        `at` is in seconds of a clock that only goes forward. Of one that is given up nothing is told until it runs.
        """
        found = {name: change for name, status in now.items() if (change := self._change(name, status))}
        for name, change in found.items():
            if change is Change.GIVEN_UP:
                self._tried_at[name] = at
            if change is Change.RECOVERED:
                del self._tried_at[name]
        self._before = now
        return found

    def tries(self, *, at: float) -> Iterator[str]:
        """Yield the programs that are to be started once more now."""
        for name, tried_at in self._tried_at.items():
            if self._before[name].has_failed and at - tried_at >= SECONDS_BETWEEN_TRIES:
                self._tried_at[name] = at
                yield name

    def _change(self, name: str, now: Status) -> Change | None:
        if name in self._tried_at:
            return Change.RECOVERED if now.is_running else None
        if now.has_failed:
            return Change.GIVEN_UP
        before = self._before.get(name)
        if before is None or not now.pid or now.pid == before.pid:
            return None
        return Change.TRIED_AGAIN if before.is_starting else Change.RESTARTED


def watch(supervisor: Supervisor, plan: Plan, *, console: Console, pause: Pause) -> None:
    """Watch until somebody asks for the end (Interrupted), or supervisor itself has ended (CannotStart)."""
    seen = Watch()
    while not pause(SECONDS_BETWEEN_LOOKS):
        if not supervisor.is_running:
            raise CannotStart("supervisord has ended, and what it ran with it: start again, nothing is lost.")
        at = time.monotonic()
        try:
            for name, change in seen.look(supervisor.status(), at=at).items():
                console.warn(notice(plan.log(name), name=name, change=change))
            for name in seen.tries(at=at):
                supervisor.start_program(name)
        except SupervisorGone:  # too busy to answer, or just ending: the next look tells which
            continue
    raise Interrupted


def notice(log: Log, *, name: str, change: Change) -> str:
    """Write what a person has to know of a change."""
    if change is Change.GIVEN_UP:
        return f"{name} has ended too often and is tried again every minute: {log.complaint()}"
    if change is Change.TRIED_AGAIN:
        return f"{name} has ended and was started again; it had only just begun: {log.complaint()}"
    if change is Change.RECOVERED:
        return f"{name} runs again."
    return f"{name} has ended and was started again (log: {log.path})"
