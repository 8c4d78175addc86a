"""Plays random workflows in random order, and says by a plain model of its own what must have come of them."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import psycopg

from scheduler import dependents, releases
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from tests.hot_paths import MINUTE, SECOND
from tests.workflow import Workflow

LASTS = 12 * MINUTE
ENDS = (Status.SUCCESS, Status.SUCCESS, Status.SUCCESS, Status.FAILED, Status.TIMED_OUT)
HOLDS = {"SUCCESS": {"SUCCESS"}, "FAILURE": {"FAILED", "TIMED_OUT", "LOST"}, "DONE": None}

Slot = tuple[str, datetime]


@dataclass(slots=True)
class Task:
    """A task as the model knows it: when it fires by itself, and what it waits for."""

    name: str
    interval: timedelta | None
    upstreams: list[tuple[str, str]]
    mode: str

    @property
    def is_root(self) -> bool:
        return self.interval is not None or not self.upstreams


@dataclass(slots=True)
class Play:
    """One workflow and its history; everything in it is drawn from one seed."""

    draw: random.Random
    flow: Workflow
    begun: datetime
    tasks: dict[str, Task] = field(default_factory=dict)
    requested: list[Slot] = field(default_factory=list)
    drawn: dict[Slot, list[Status]] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: psycopg.Connection, now: datetime, seed: int) -> "Play":
        play = cls(random.Random(seed), Workflow(connection, now), now)
        for number in range(play.draw.randint(3, 9)):
            play._register(f"{number}")
        return play

    def _register(self, name: str) -> None:
        draw, others = self.draw, list(self.tasks)
        chosen = draw.sample(others, min(len(others), draw.choice((0, 1, 1, 2, 2, 3))))
        task = Task(
            name,
            draw.choice((None, None, None, MINUTE, 2 * MINUTE, 3 * MINUTE)),
            [(one, draw.choice(("SUCCESS", "SUCCESS", "FAILURE", "DONE"))) for one in chosen],
            draw.choice(("ALL", "ALL", "ANY")),
        )
        self.tasks[name] = task
        columns: dict[str, Any] = {"retry_policy": '{"delaySeconds": 0, "jitter": false}', "max_retry_count": 1}
        if task.interval is not None:
            seconds = int(task.interval.total_seconds())
            first = self.flow.now + task.interval
            columns |= {"interval_seconds": seconds, "anchor_at": self.flow.now, "next_slot_for": first}
            columns |= {"misfire_grace_seconds": 86_400}
        waits = (f"{one}:{condition}" for one, condition in task.upstreams)
        self.flow.add(name, *waits, mode=task.mode, **columns)

    def play(self) -> None:
        """Let twelve minutes pass, then let everything come to its end."""
        end = self.flow.now + LASTS
        moves = (self._request, self._end_one, self._end_one, self._follow, self._decide, self._release, self._claim)
        while self.flow.now < end:
            self.flow.move(self.draw.choice((0, 1, 5, 20)) * SECOND)
            self.draw.choice(moves)()
        self._drain()

    def _drain(self) -> None:
        for passed in count():
            self.flow.move(SECOND)
            done = [move() for move in (self._claim_all, self._release, self._follow, self._decide, self._end_one)]
            if not any(done) and not self._is_open():
                return
            assert passed < 3_000, f"It does not come to an end: {self.flow.rows}"

    def _request(self) -> None:
        roots = [task.name for task in self.tasks.values() if task.interval is None and not task.upstreams]
        if roots and self.draw.random() < 0.5:
            self.flow.move(SECOND)
            name = self.draw.choice(roots)
            self.flow.trigger(name)
            self.requested.append((name, self.flow.now))

    def _end_one(self) -> bool:
        names = [name for name in self.tasks if "QUEUED" in self.flow.statuses(name)]
        if not names:
            return False
        name = self.draw.choice(names)
        row = next(row for row in self.flow.rows(name) if row["status"] == "QUEUED")
        status = self.draw.choice(ENDS)
        self.drawn.setdefault((name, row["scheduled_for"]), []).append(status)
        self.flow.end(name, status, carries_on=False)
        return True

    def _follow(self) -> bool:
        return dependents.follow(self.flow.connection, now=self.flow.now) > 0

    def _decide(self) -> bool:
        return bool(dependents.decide(self.flow.connection, now=self.flow.now, low=EVERYWHERE))

    def _release(self) -> bool:
        return bool(releases.release(self.flow.connection, now=self.flow.now, low=EVERYWHERE))

    def _claim(self) -> bool:
        return bool(self.flow.claim())

    def _claim_all(self) -> bool:
        return any(iter(self._claim, False))

    def _is_open(self) -> bool:
        return any(row["end_time"] is None for name in self.tasks for row in self.flow.rows(name))

    def came_to(self) -> dict[Slot, str]:
        """Return what each slot of each task came to; a slot that is there twice fails."""
        final: dict[Slot, str] = {}
        for name in self.tasks:
            rows = self.flow.rows(name)
            assert len({(row["scheduled_for"], row["attempt"]) for row in rows}) == len(rows)
            final |= {(name, row["scheduled_for"]): row["status"] for row in rows}
        return final

    # The model

    def expected(self) -> dict[Slot, str]:
        """Return what each slot must have come to."""
        came: dict[Slot, str] = {}
        for task in self.tasks.values():  # in the order of their registration, so that upstreams come first
            for slot in self._slots_of(self._root_of(task.name)):
                came[task.name, slot] = self._expected(task, slot, came)
        return came

    def _expected(self, task: Task, slot: datetime, came: dict[Slot, str]) -> str:
        holds = [self._holds(task, upstream, condition, slot, came) for upstream, condition in task.upstreams]
        goes = (all(holds) if task.mode == "ALL" else any(holds)) if holds else True
        return self.drawn[task.name, slot][-1] if goes else "SKIPPED"

    def _holds(self, task: Task, upstream: str, condition: str, slot: datetime, came: dict[Slot, str]) -> bool:
        follows = self._root_of(upstream) == self._root_of(task.name)
        slots = [slot] if follows else [one for one in self._slots_of(self._root_of(upstream)) if one <= slot]
        if not slots:
            return False
        wanted = HOLDS[condition]
        return wanted is None or came[upstream, max(slots)] in wanted

    def _slots_of(self, root: str) -> list[datetime]:
        interval = self.tasks[root].interval
        if interval is None:
            return [slot for name, slot in self.requested if name == root]
        return list(self._ticks(interval))

    def _ticks(self, interval: timedelta) -> Iterator[datetime]:
        slot = self.begun + interval
        while slot <= self.flow.now:
            yield slot
            slot += interval

    def _root_of(self, name: str) -> str:
        task = self.tasks[name]
        return name if task.is_root else self._root_of(self._slowest(task))

    def _slowest(self, task: Task) -> str:
        pace: Callable[[str], timedelta] = self._pace
        return max((upstream for upstream, _ in task.upstreams), key=pace)

    def _pace(self, name: str) -> timedelta:
        task = self.tasks[name]
        if task.interval is not None:
            return task.interval
        return max((self._pace(upstream) for upstream, _ in task.upstreams), default=timedelta.max)
