"""One scheduler, its operators and the audit, at an instant that moves on by hand."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from register import backfilling, operating, services
from register.api.calendar_input import read_calendar_changes, read_new_calendar
from register.api.reading import (
    read_backfill,
    read_changes,
    read_new_task,
    read_pause,
    read_resume,
    read_skip,
    read_trigger,
)
from register.calendars import services as calendars
from register.errors import BackfillOpen
from scheduler import backfills, claims, firing, flow, releases, reschedule, selfaudit, sweep, throttles, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.errors import InvalidInput
from scheduler.models import Execution, SlotAudit, SlotFault, Task
from scheduler.records import Outcome
from scheduler.representations import instant
from scheduler.schedules import coming

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass
class Stage:
    """What happens happens here, one thing after another."""

    connection: psycopg.Connection
    now: datetime
    step: timedelta = 20 * SECOND
    names: int = field(default=0)

    def create(self, **fields: Any) -> Task:
        """Register a task."""
        self.names += 1
        given = read_new_task({"name": f"task {self.names}", "taskClass": "platform.noop"} | fields)
        return services.create_task(given, actor="edda", namespace=None, now=self.now)

    def change(self, task: Task, **fields: Any) -> None:
        """Change its definition."""
        services.change_task(task.id, read_changes(fields), namespace=None, now=self.now)

    def pause(self, task: Task, **fields: Any) -> None:
        """Pause it."""
        operating.pause_task(task.id, read_pause(fields), actor="olaf", namespace=None, now=self.now)

    def resume(self, task: Task, **fields: Any) -> None:
        """Resume it."""
        operating.resume_task(task.id, read_resume(fields), namespace=None, now=self.now)

    def set_flow(self, document: dict[str, Any], *, length: timedelta | None = None) -> None:
        """Set flow control."""
        claims.flow_state(self.connection)
        flow.ask(
            self.connection, document, reason=None, starts_at=self.now,
            expires_at=self.now + length if length else None, actor="olaf", now=self.now,
        )  # fmt: skip

    def tick(self) -> None:
        """Do what a node does at each tick, and each second."""
        flow.begin_and_end(self.connection, now=self.now)
        flow.lift(self.connection)
        sweep.resume(self.connection, now=self.now)
        reschedule.reschedule(self.connection, now=self.now)
        while firing.claim(self.connection, now=self.now).is_full:
            pass
        throttles.release(self.connection, now=self.now, low=EVERYWHERE)
        releases.release(self.connection, now=self.now, low=EVERYWHERE)
        backfills.advance(self.connection, after=UUID(int=0), now=self.now)

    def run(self, *, minutes: float, then: Callable[[], None] | None = None) -> None:
        """Let time pass, step by step; after each tick do something else."""
        end = self.now + minutes * MINUTE
        while self.now < end:
            self.now += self.step
            self.tick()
            if then is not None:
                then()

    def pass_by(self, *, minutes: float) -> None:
        """Let time pass in which no scheduler runs."""
        self.now += minutes * MINUTE

    def audit(self) -> list[SlotAudit]:
        """Audit what was due since the last time."""
        return selfaudit.audit(now=self.now)

    def faults(self) -> list[tuple[str, UUID, datetime]]:
        """Return all that was found, as kind, task and slot."""
        rows = SlotFault.objects.order_by("kind", "scheduled_for")
        return list(rows.values_list("kind", "task_id", "scheduled_for"))

    def slot_of(self, task: Task, *, minutes_ago: int) -> Execution:
        """Return what was recorded of a minutely task so long ago."""
        rows = Execution.objects.filter(task_id=task.id, scheduled_for__lte=self.now - minutes_ago * MINUTE)
        return rows.order_by("-scheduled_for")[0]


# A second backfill of a task, a slot that has just passed.
REFUSALS = (InvalidInput, BackfillOpen)

DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"mode": "NORMAL"},
    {"mode": "PAUSED"},
    {"mode": "THROTTLED", "maxDispatchPerSecond": 1},
    {"mode": "NORMAL", "queues": {"reports": {"mode": "PAUSED"}}},
    {"mode": "THROTTLED", "maxConcurrency": 2},
)
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"intervalSeconds": 20},
    {"intervalSeconds": 45, "jitterSeconds": 20},
    {"cronExpression": "0 * * * * ?", "flexSeconds": 25},
    {"cronExpression": "*/3 * * * *", "timeZone": "Asia/Kathmandu"},
    {"cronExpression": "15 0/5 * * * ?", "timeZone": "Europe/Berlin"},
    {"intervalSeconds": 30, "intervalMode": "FIXED_DELAY"},
)
POLICIES = ("SKIP", "NEXT_OPEN")
RULES: tuple[dict[str, Any], ...] = (
    {"excludedTimes": [{"from": "12:20", "to": "12:31"}]},
    {"excludedTimes": [{"from": "12:50", "to": "13:05"}]},
    {},
)


class Play:
    """Does one random thing after another, all of which somebody may ask for."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.dice = stage, random.Random(seed)
        rules = {"name": "hours", "rules": RULES[0]}
        self.calendar = calendars.create_calendar(read_new_calendar(rules), actor="edda", namespace=None, now=stage.now)
        self.tasks = [
            stage.create(
                queue=("default", "reports")[number % 2],
                misfirePolicy=("FIRE_ONCE", "FIRE_ALL", "SKIP")[number % 3],
                **({"overlapPolicy": ("QUEUE", "SKIP")[number % 2]} if number % 4 == 0 else {}),
                **({"calendar": "hours", "calendarPolicy": POLICIES[number // 6]} if number % 6 < 5 else {}),
                **SCHEDULES[number % 6],
            )
            for number in range(12)
        ]  # fmt: skip

    def act(self) -> None:
        """Mostly let work go on; now and then do something else."""
        self._work()
        if self.dice.random() < 0.25:
            verbs = (
                self._edit, self._pause, self._resume, self._set_flow, self._calendar, self._backfill, self._trigger,
                self._skip, self._replace,
            )  # fmt: skip
            self.dice.choice(verbs)()
        if self.dice.random() < 0.05:
            self.stage.audit()

    def end(self) -> None:
        """Lift and resume everything, and have all of it audited."""
        self.stage.set_flow(DOCUMENTS[0])
        for task in self._standing("PAUSED"):
            self.stage.resume(task, catchUp=self.dice.random() < 0.5)
        self.stage.run(minutes=6)
        self.stage.audit()

    def _standing(self, *statuses: str) -> list[Task]:
        return list(Task.objects.filter(status__in=statuses).order_by("name"))

    def _one(self, *statuses: str) -> Task | None:
        found = self._standing(*statuses)
        return self.dice.choice(found) if found else None

    def _work(self) -> None:
        now = self.stage.now
        queued = list(Execution.objects.filter(status="QUEUED").order_by("id")[:10])
        for row in self.dice.sample(queued, len(queued) // 2):
            started = transitions.start(
                self.stage.connection, row.id, node_id="node-1", lease_expires_at=now + HOUR, now=now
            )
            assert started is not None
            outcome = Outcome(started.id, started.fence, self.dice.choice((Status.SUCCESS, Status.FAILED)))
            transitions.finish(self.stage.connection, [outcome], now=now)

    def _edit(self) -> None:
        if (task := self._one("ACTIVE", "PAUSED")) is not None:
            changes = [{"jitterSeconds": 0, "flexSeconds": 0} | schedule for schedule in SCHEDULES]
            self.stage.change(task, **self.dice.choice([*changes, {"priority": self.dice.randint(1, 10)}]))

    def _pause(self) -> None:
        if (task := self._one("ACTIVE")) is not None:
            until = {"until": instant(self.stage.now + self.dice.randint(1, 15) * MINUTE)}
            self.stage.pause(task, **self.dice.choice(({}, until)))

    def _resume(self) -> None:
        if (task := self._one("PAUSED")) is not None:
            self.stage.resume(task, catchUp=self.dice.random() < 0.5)

    def _set_flow(self) -> None:
        self.stage.set_flow(self.dice.choice(DOCUMENTS), length=self.dice.choice((None, 4 * MINUTE)))

    def _calendar(self) -> None:
        given = read_calendar_changes({"rules": self.dice.choice(RULES)})
        calendars.change_calendar(self.calendar.id, given, namespace=None, now=self.stage.now)

    def _backfill(self) -> None:
        period = {"from": instant(self.stage.now - 20 * MINUTE), "to": instant(self.stage.now - 5 * MINUTE)}
        if (task := self._one("ACTIVE")) is not None:
            self._try(
                lambda: backfilling.start_backfill(
                    task.id, read_backfill(period), actor="olaf", namespace=None, now=self.stage.now
                )
            )

    def _trigger(self) -> None:
        if (task := self._one("ACTIVE", "PAUSED")) is not None:
            operating.trigger_task(task.id, read_trigger({}), namespace=None, now=self.stage.now)

    def _skip(self) -> None:
        task = self._one("ACTIVE")
        slots = coming(task, after=self.stage.now, count=2) if task is not None else []
        if task is not None and slots:
            given = read_skip({"slot": instant(slots[-1])})
            self._try(lambda: operating.skip_slot(task.id, given, namespace=None, now=self.stage.now))

    def _replace(self) -> None:
        if (task := self._one("ACTIVE", "PAUSED")) is not None:
            services.delete_task(task.id, namespace=None, now=self.stage.now)
            self.stage.create(**self.dice.choice(SCHEDULES))

    def _try(self, verb: Callable[[], object]) -> None:
        """Do what may be refused by then."""
        try:
            verb()
        except REFUSALS:
            pass
