"""How everything stands right now: one service for the API and the dashboard, kept for two seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Exists, OuterRef

from query import queues, selectors
from query.cache import Cache
from query.numbers import ALWAYS, EXECUTIONS, NODES, Number, count_executions, count_tasks, link
from query.queues import Queue
from scheduler import connections, ended
from scheduler.engine.explanations import CLAIM_LATE_AFTER
from scheduler.engine.states import OPEN, Status, TaskStatus
from scheduler.models import Handler, Node, Task
from scheduler.models.choices import NodeRole
from scheduler.models.search import TaskSearch
from scheduler.nodes import ANNOUNCED_WITHIN, SHOWN_FOR, SILENT_AFTER
from scheduler.standing import FlowStanding, flow_standing

KEPT_SECONDS: Final = 2.0
NEXT_FIRES: Final = 10
MOST_NODES: Final = 10_000
MOST_CLASSES: Final = 10
# So long nothing is said of what waits: what the publisher misses the sweep publishes after 5 s, and workers restart.
PATIENCE: Final = timedelta(seconds=15)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """What ended of the slots since an instant; failed is FAILED, TIMED_OUT and LOST."""

    begin: datetime
    succeeded: Number
    failed: Number

    @property
    def success_rate(self) -> float | None:
        """The share of what succeeded among both; None where nothing ended."""
        count = self.succeeded.count + self.failed.count
        return self.succeeded.count / count if count else None


@dataclass(frozen=True, slots=True)
class Fleet:
    """The nodes of one role that beat, those that have fallen silent within a day, and what the first can run."""

    alive: Number
    silent: Number
    slots: int
    last_heartbeat_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stood at `at`, in one namespace or in all."""

    at: datetime
    namespace: str | None
    tasks: Mapping[str, Number]
    late: Number
    executions: Mapping[str, Number]
    last_hour: Period
    last_day: Period
    due_within_hour: Number
    next_fires: tuple[Task, ...]
    schedulers: Fleet
    workers: Fleet
    missing_classes: tuple[str, ...]
    queues: tuple[Queue, ...]
    flow: FlowStanding

    @property
    def oldest_due_at(self) -> datetime | None:
        """When the task that waits longest for a scheduler was due; None where nothing is due."""
        first = self.next_fires[0].claim_at if self.next_fires else None
        return first if first is not None and first <= self.at else None

    @property
    def is_scheduler_healthy(self) -> bool:
        """Tell whether some scheduler beats, and nothing has been due for more than 5 s unless all is stopped."""
        oldest = self.oldest_due_at
        is_idle = oldest is None or self.flow.is_stopped or self.at - oldest <= CLAIM_LATE_AFTER
        return self.schedulers.alive.count > 0 and is_idle

    @property
    def broker_silent_since(self) -> datetime | None:
        """Since when executions wait for the broker, where they have for longer than publishing takes; else None."""
        waiting = [queue.oldest_unpublished_at for queue in self.queues if queue.oldest_unpublished_at is not None]
        oldest = min(waiting, default=None)
        return oldest if oldest is not None and self.at - oldest > PATIENCE else None

    @property
    def unserved_queues(self) -> list[str]:
        """Return the queues from which no worker takes, and where something waits for longer than one restarts."""
        waiting = [queue for queue in self.queues if self.at - queue.oldest_queued_at > PATIENCE]
        return [queue.name for queue in waiting if not queue.is_served]


kept: Cache[Overview] = Cache(KEPT_SECONDS)


def overview(*, namespace: str | None, now: datetime) -> Overview:
    """Return how everything stands, or stood up to two seconds ago."""
    # What a copy of the database shows is not shown to whoever reads the primary.
    return kept.get((connection.alias, namespace), lambda: _overview(namespace, now))


def _overview(namespace: str | None, now: datetime) -> Overview:
    due = selectors.visible_tasks(namespace=namespace).filter(claim_at__isnull=False)
    here = Node.objects.filter(ended_at__isnull=True, heartbeat_at__gt=now - SHOWN_FOR)
    nodes = list(here.order_by("-heartbeat_at", "id")[:MOST_NODES])
    workers = _fleet(nodes, NodeRole.WORKER, now)
    return Overview(
        at=now,
        namespace=namespace,
        tasks={status: count_tasks(namespace=namespace, now=now, status=status) for status in TaskStatus},
        late=count_tasks(namespace=namespace, now=now, late="true"),
        executions={
            status: count_executions(namespace=namespace, now=now, status=status, startDate=ALWAYS)
            for status in sorted(OPEN)
        },
        last_hour=_period(namespace, now - ended.HOUR),
        last_day=_period(namespace, now - _DAY),
        due_within_hour=count_tasks(namespace=namespace, now=now, nextBefore=now + ended.HOUR),
        next_fires=tuple(due.order_by("claim_at", "id")[:NEXT_FIRES]),
        schedulers=_fleet(nodes, NodeRole.SCHEDULER, now),
        workers=workers,
        missing_classes=_missing_classes(namespace, now) if workers.alive.count else (),
        queues=queues.waiting(namespace=namespace, served=_served(nodes, now), now=now),
        flow=flow_standing(now=now),
    )


def _period(namespace: str | None, instant: datetime) -> Period:
    begin = ended.minute_of(instant)
    counts = ended.since(connections.current(), begin, namespace=namespace)

    def number(*statuses: Status) -> Number:
        shown = link(EXECUTIONS, status=",".join(statuses), startDate=begin)
        return Number(sum(counts[status] for status in statuses), shown)

    return Period(begin, number(Status.SUCCESS), number(Status.FAILED, Status.TIMED_OUT, Status.LOST))


def _served(nodes: list[Node], now: datetime) -> set[str]:
    """Return the queues that workers which beat take from, and not only what is critical."""
    alive = [node for node in nodes if node.role == NodeRole.WORKER and node.heartbeat_at > now - SILENT_AFTER]
    return {queue for node in alive if not node.load.get("criticalOnly") for queue in node.load.get("queues", ())}


def _missing_classes(namespace: str | None, now: datetime) -> tuple[str, ...]:
    """Return the classes of active tasks that some worker had once, and that none announces any more."""
    tasks = TaskSearch.objects.filter(task_class=OuterRef("task_class"), status=TaskStatus.ACTIVE)
    if namespace is not None:
        tasks = tasks.filter(namespace=namespace)
    gone = Handler.objects.filter(Exists(tasks), seen_at__lt=now - ANNOUNCED_WITHIN)
    return tuple(gone.order_by("task_class").values_list("task_class", flat=True)[:MOST_CLASSES])


def _fleet(nodes: list[Node], role: NodeRole, now: datetime) -> Fleet:
    heard = [node for node in nodes if node.role == role]
    alive = [node for node in heard if node.heartbeat_at > now - SILENT_AFTER]
    return Fleet(
        alive=Number(len(alive), link(NODES, role=role.value, silent="false")),
        silent=Number(len(heard) - len(alive), link(NODES, role=role.value, silent="true")),
        slots=sum(node.load.get("concurrency", 0) for node in alive),
        last_heartbeat_at=heard[0].heartbeat_at if heard else None,
    )
