"""The platform itself: who runs, who beats, what waits for whom, what the self-audit says."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Count

from platform_scheduler.doctor.finding import Finding, error, ok, warning
from scheduler import clock
from scheduler.engine.schedules.instants import told
from scheduler.engine.states import TaskStatus
from scheduler.models import Execution, Handler, Lease, Node, SlotAudit, Task
from scheduler.nodes import ANNOUNCED_WITHIN, SILENT_AFTER

WAITS_LONG: Final = timedelta(minutes=5)
AUDIT_BEHIND: Final = timedelta(minutes=30)
CLAIM_LATE: Final = timedelta(seconds=60)
QUEUES_SHOWN: Final = 5
CLASSES_SHOWN: Final = 5

_OVERDUE = "SELECT min(claim_at) FROM scheduler_tasks WHERE claim_at IS NOT NULL"


def check() -> Iterator[Finding]:
    """Look at nodes, lease, queues, slots and the self-audit; nothing where the tables are not there yet."""
    if "scheduler_slot_audits" not in connection.introspection.table_names():
        return
    now = clock.now()
    alive = Node.objects.filter(heartbeat_at__gt=now - SILENT_AFTER, ended_at__isnull=True)
    roles = Counter(alive.values_list("role", flat=True))
    yield _schedulers(roles["scheduler"])
    yield _workers(roles["worker"])
    if roles["worker"]:
        yield _handlers(now)
    yield _versions(sorted(set(alive.values_list("version", flat=True))))
    yield _lease(now, has_schedulers=bool(roles["scheduler"]))
    yield _claims(now)
    yield _queues(now)
    yield _audit(now)


def _schedulers(count: int) -> Finding:
    if not count:
        return error(
            "platform.schedulers", "No scheduler runs: no slot is recorded.", "Start one: make scheduler, or make up."
        )
    if count == 1:
        return warning(
            "platform.schedulers",
            "One scheduler runs: while it restarts, slots are late.",
            "Start a second one; none is special.",
        )
    return ok("platform.schedulers", f"{count} schedulers run.")


def _workers(count: int) -> Finding:
    if not count:
        return error(
            "platform.workers",
            "No worker runs: executions wait, and no housekeeping is done.",
            "Start one: make worker. Where one ended by itself, its log says why.",
        )
    handlers = Handler.objects.count()
    if not handlers:
        return error("platform.workers", "No worker has announced a handler.", "See the worker's log.")
    return ok("platform.workers", f"Workers that run: {count}; handlers that are announced: {handlers}.")


def _handlers(now: datetime) -> Finding:
    """Tell of the classes of tasks that no worker announces any more: what is due of them fails."""
    announced = Handler.objects.filter(seen_at__gte=now - ANNOUNCED_WITHIN).values("task_class")
    orphans = Task.objects.filter(status=TaskStatus.ACTIVE).exclude(task_class__in=announced)
    counts = orphans.values_list("task_class").annotate(count=Count("*")).order_by("-count", "task_class")
    if found := counts[:CLASSES_SHOWN]:
        shown = ", ".join(f"{task_class} ({count:,})" for task_class, count in found)
        return warning(
            "platform.handlers",
            f"No worker announces the handlers of active tasks: {shown}.",
            "Each slot of these fails for good: deploy the handler (HANDLER_MODULES), or pause the tasks.",
        )
    return ok("platform.handlers", "Workers announce the handlers of all active tasks.")


def _versions(versions: list[str]) -> Finding:
    if len(versions) > 1:
        return warning(
            "platform.versions",
            f"Nodes of different versions run: {', '.join(versions)}.",
            "Finish the upgrade: restart those of the older one.",
        )
    return ok("platform.versions", "All nodes are of one version.")


def _lease(now: datetime, *, has_schedulers: bool) -> Finding:
    lease = Lease.objects.filter(expires_at__gt=now, holder__isnull=False).first()
    if lease is None and has_schedulers:
        return error(
            "platform.beat", "Nobody holds the beat lease: no housekeeping is sent.", "See the schedulers' logs."
        )
    return ok("platform.beat", "Housekeeping is sent." if lease else "Nobody beats, for nobody runs.")


def _claims(now: datetime) -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE)
        [first] = cursor.fetchone()
    if first is not None and first < now - CLAIM_LATE:
        return error(
            "platform.claims",
            f"A task is due since {told(first)} and nobody has claimed it.",
            "See claimTrouble in the schedulers' /health/ready; add schedulers where all are busy.",
        )
    return ok("platform.claims", "No task waits for the claim.")


def _queues(now: datetime) -> Finding:
    waiting = Execution.objects.filter(status="QUEUED", published_at__lt=now - WAITS_LONG)
    counts = Counter(waiting.order_by("published_at").values_list("queue", flat=True)[:10_000])
    if counts:
        shown = ", ".join(f"{queue} ({count:,})" for queue, count in counts.most_common(QUEUES_SHOWN))
        return warning(
            "platform.queues",
            f"Executions wait for more than five minutes in: {shown}.",
            "Start workers that consume these queues (QUEUES=…), or more of them.",
        )
    return ok("platform.queues", "No execution waits for a worker for long.")


def _audit(now: datetime) -> Finding:
    name = "platform.self_audit"
    last = SlotAudit.objects.filter(finished_at__isnull=False).order_by("-id").first()
    if last is None or last.until < now - AUDIT_BEHIND:
        since = f"since {told(last.until)}" if last else "yet"
        return warning(
            name,
            f"Nobody has audited the slots {since}.",
            "A worker that consumes the queue platform does; see the chore Audit the slots under Housekeeping.",
        )
    recent = SlotAudit.objects.filter(finished_at__gt=now - timedelta(hours=24))
    missed, doubled, late = (sum(recent.values_list(kind, flat=True)) for kind in ("missed", "doubled", "late"))
    remedy = "GET /api/v1/stats/slot-faults names them; see docs/operations.md, The self-audit."
    if missed or doubled:
        return error(name, f"Within a day {missed:,} slots were missed and {doubled:,} doubled.", remedy)
    if late:
        return warning(name, f"Within a day {late:,} slots were recorded late.", remedy)
    return ok(name, "Every slot of the last day was recorded once and in time.")
