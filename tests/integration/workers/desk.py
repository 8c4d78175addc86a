"""A worker as its reporter sees it: pipe, board, children that may be killed, and clocks in the test's hands."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from scheduler.engine.states import Status
from scheduler.records import Outcome, Started
from tests.hot_paths import SECOND
from workers.board import Board
from workers.pipe import Pipe
from workers.reporter import Reporter, Worker

NODE = UUID("00000000-0000-4000-8000-00000000000f")


class Desk:
    """A worker as its reporter sees it, its clocks in the test's hands."""

    def __init__(self, now: datetime) -> None:
        self.board = Board()
        self.pipe = Pipe()
        self.now = now
        self.ahead = 0.0
        self.children: list[subprocess.Popen[bytes]] = []
        self.reporter = self._reporter(os.getppid())

    def _reporter(self, pid: int) -> Reporter:
        return Reporter(Worker(NODE, pid, ["default", "reports"], 4), board=self.board, pipe=self.pipe)

    def take_over(self, *, pid: int) -> None:
        """Let another reporter take over from one that has died, and its connection with it."""
        self.reporter._close()
        self.reporter = self._reporter(pid)

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.reporter.turn(0)

    def turn_until(self, condition: Callable[[], bool], *, seconds: float = 5) -> None:
        """Turn until the condition holds; for so short a time that no renewal falls due meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self.reporter.turn(0.01)

    def move(self, by: timedelta) -> None:
        self.now += by
        self.ahead += by.total_seconds()

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def child(self) -> subprocess.Popen[bytes]:
        """Start a process that runs until it is killed."""
        self.children.append(subprocess.Popen(["sleep", "600"]))
        return self.children[-1]

    def run(self, started: Started, *, slot: int = 0, pid: int | None = None, seconds: float = 60) -> None:
        """Note on the board that a child runs the execution, by default this process."""
        deadline = self.monotonic() + seconds
        self.board.put(slot, pid=pid or os.getpid(), deadline=deadline, execution=started.id, fence=started.fence)

    def close(self) -> None:
        self.reporter._close()
        for child in self.children:
            child.kill()
            child.wait()
        os.close(self.pipe.reading)
        os.close(self.pipe.writing)


def outcome(started: Started, status: Status = Status.SUCCESS, **values: Any) -> Outcome:
    return Outcome(started.id, started.fence, status, started.started_at + SECOND, **values)


def dead(child: subprocess.Popen[bytes]) -> int:
    """Kill the child, as whatever kills children does, and return its pid."""
    child.kill()
    child.wait()
    return child.pid


def was_killed(child: subprocess.Popen[bytes]) -> bool:
    return child.wait(10) == -signal.SIGKILL


def still_runs(child: subprocess.Popen[bytes]) -> bool:
    return child.poll() is None
