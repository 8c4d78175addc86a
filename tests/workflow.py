"""A workflow in the test's hands: its tasks by name, its ends, and the passes that a node makes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from scheduler import dependents, firing, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.records import Outcome, Ready
from tests.hot_paths import LEASE, SECOND, add_task, executions, queue_one

NO_RETRIES = {"max_retry_count": 0}


@dataclass(slots=True)
class Workflow:
    """Tasks that nobody retries and that fire on request, unless said otherwise; `now` moves on with each end."""

    connection: psycopg.Connection
    now: datetime
    tasks: dict[str, UUID] = field(default_factory=dict)

    def add(self, name: str, *upstreams: str, condition: str = "SUCCESS", mode: str = "ALL", **columns: Any) -> UUID:
        """Register a task that depends on others; `load:FAILURE` is one with a condition of its own."""
        on_request = {"interval_seconds": None, "anchor_at": None} if "next_slot_for" not in columns else {}
        task_id = add_task(
            self.connection,
            **{"name": name, **NO_RETRIES, **on_request, "dependency_mode": mode, "has_dependencies": bool(upstreams)}
            | columns,
        )
        self.tasks[name] = task_id
        for position, upstream in enumerate(upstreams):
            other, _, own = upstream.partition(":")
            self._link(task_id, self.tasks[other], own or condition, position)
        return task_id

    def _link(self, task_id: UUID, upstream: UUID, condition: str, position: int) -> None:
        self.connection.execute(
            "INSERT INTO scheduler_dependencies (task_id, upstream_id, condition, position) VALUES (%s, %s, %s, %s)",
            (task_id, upstream, condition, position),
        )
        self.connection.execute("UPDATE scheduler_tasks SET has_dependents = true WHERE id = %s", (upstream,))

    def trigger(self, name: str) -> UUID:
        """Ask for an execution, which begins a run; return its id, which is the run's."""
        return queue_one(self.connection, self.tasks[name], now=self.now)

    def claim(self) -> list[Ready]:
        """Claim what is due by now."""
        return firing.claim(self.connection, now=self.now).ready

    def carry_on(self) -> list[Ready]:
        """Do what a node does about ends until nothing is left of them."""
        ready: list[Ready] = []
        while dependents.follow(self.connection, now=self.now):
            ready += dependents.decide(self.connection, now=self.now, low=EVERYWHERE)
        return ready + dependents.decide(self.connection, now=self.now, low=EVERYWHERE)

    def end(self, name: str, status: Status = Status.SUCCESS, *, carries_on: bool = True) -> None:
        """Start what the task has QUEUED, the oldest slot of it, end it, and carry on from there."""
        self.now += SECOND
        execution = next(row["id"] for row in self.rows(name) if row["status"] == "QUEUED")
        started = transitions.start(
            self.connection, execution, node_id="node-1", lease_expires_at=self.now + LEASE, now=self.now
        )
        assert started is not None
        transitions.finish(self.connection, [Outcome(started.id, started.fence, status)], now=self.now)
        if carries_on:
            self.carry_on()

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return all columns of the task's executions, oldest slot first."""
        return executions(self.connection, self.tasks[name])

    def statuses(self, name: str) -> list[str]:
        """Return the statuses of the task's executions, oldest slot first; of what is held or left out with why."""
        return list(self._words(name))

    def _words(self, name: str) -> Iterator[str]:
        for row in self.rows(name):
            yield f"{row['status']}/{row['reason']}" if row["status"] in ("SCHEDULED", "SKIPPED") else row["status"]
