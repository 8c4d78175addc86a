"""Housekeeping that may be late: Celery tasks that beat sends to the queue `platform`, each idempotent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

from celery import shared_task
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore

from scheduler import (
    audit,
    breaches,
    clock,
    events,
    failing,
    flow,
    forecasts,
    idempotency,
    namespace_retention,
    nodes,
    notices,
    retention,
    rollups,
    selfaudit,
    signs,
    webhooks,
)
from scheduler.connections import current

QUEUE = "platform"
NODES_KEPT = timedelta(days=1)
KEYS_AT_ONCE = 1_000
RECORDS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Chore:
    """A periodic task as it is first registered; operators may change its interval and switch it off.

    With `expires_seconds` a message that no worker has taken by then is dropped: there are newer ones. By the clocks of
    two machines, which may differ by a minute. Without its `sign`, an SQL condition, a chore that is due is not sent.
    """

    name: str
    task: str
    every_seconds: int
    expires_seconds: int | None = None
    sign: LiteralString = "true"


@shared_task(name="scheduler.forget_nodes", ignore_result=True)
def forget_nodes() -> None:
    """Delete the rows of nodes that have been silent for a day."""
    nodes.forget(current(), before=clock.now() - NODES_KEPT)


@shared_task(name="scheduler.forget_idempotency_keys", ignore_result=True)
def forget_idempotency_keys() -> None:
    """Delete the idempotency keys that have expired, with their answers, some at a time."""
    now = clock.now()
    while idempotency.forget(current(), now=now, limit=KEYS_AT_ONCE) == KEYS_AT_ONCE:
        pass


@shared_task(name="scheduler.prune_history", ignore_result=True)
def prune_history() -> None:
    """Remove partitions of history that are older than it is kept, or make it too large."""
    limits = retention.Limits(settings.HISTORY_KEPT_DAYS, settings.HISTORY_MAX_BYTES)
    retention.prune(current(), limits, now=clock.now())


@shared_task(name="scheduler.prune_namespaces", ignore_result=True)
def prune_namespaces() -> None:
    """Remove what namespaces keep for less than the installation does, in its quiet hours."""
    now = clock.now()
    if namespace_retention.is_quiet(settings.QUIET_HOURS, now=now):
        namespace_retention.prune(current(), now=now)


@shared_task(name="scheduler.prune_audit", ignore_result=True)
def prune_audit() -> None:
    """Delete the audit records, and what flow control was, that are older than AUDIT_KEPT_DAYS, some at a time."""
    before = clock.now() - timedelta(days=settings.AUDIT_KEPT_DAYS)
    while audit.prune(current(), before=before, limit=RECORDS_AT_ONCE) == RECORDS_AT_ONCE:
        pass
    while flow.prune(current(), before=before, limit=RECORDS_AT_ONCE) == RECORDS_AT_ONCE:
        pass


@shared_task(name="scheduler.forget_rollups", ignore_result=True)
def forget_rollups() -> None:
    """Delete roll-ups and SLA breaches that are older than they are kept, some at a time, and streaks of nothing."""
    now = clock.now()
    failing.forget(current())
    while rollups.forget(current(), now=now) == rollups.FORGET_BATCH:
        pass
    while breaches.forget(current(), now=now) == breaches.FORGET_BATCH:
        pass


@shared_task(name="scheduler.forget_events", ignore_result=True)
def forget_events() -> None:
    """Delete events that no execution of the history that is kept can ask for any more, some at a time."""
    kept = timedelta(days=settings.HISTORY_KEPT_DAYS) + events.KEPT_BEYOND_HISTORY
    before = clock.now() - kept
    while events.forget(current(), before=before) == events.FORGET_BATCH:
        pass


@shared_task(name="scheduler.forget_deliveries", ignore_result=True)
def forget_deliveries() -> None:
    """Delete messages to webhooks that are older than they are kept, some at a time, and channels that are idle."""
    now = clock.now()
    while webhooks.forget(current(), now=now) == webhooks.FORGET_BATCH:
        pass
    notices.forget(current(), now=now)


@shared_task(name="scheduler.work_out_forecast", ignore_result=True)
def work_out_forecast() -> None:
    """Go on with the forecast of the coming load, for some thousands of tasks."""
    forecasts.work_out(now=clock.now())


@shared_task(name="scheduler.forget_sessions", ignore_result=True)
def forget_sessions() -> None:
    """Delete the sessions of the dashboard that have ended by themselves."""
    SessionStore.clear_expired()


@shared_task(name="scheduler.audit_slots", ignore_result=True)
def audit_slots() -> None:
    """Hold history against the slots that were due since the last time; raise the alarm where they differ."""
    selfaudit.audit(now=clock.now())


CHORES: tuple[Chore, ...] = (
    Chore("Forget silent nodes", "scheduler.forget_nodes", 3600),
    Chore("Forget expired idempotency keys", "scheduler.forget_idempotency_keys", 900),
    Chore("Prune history", "scheduler.prune_history", 3600),
    Chore("Prune namespaces", "scheduler.prune_namespaces", 900, expires_seconds=600),
    Chore("Prune the audit", "scheduler.prune_audit", 86_400),
    Chore("Forget old roll-ups", "scheduler.forget_rollups", 3600),
    Chore("Forget old events", "scheduler.forget_events", 3600),
    Chore("Deliver webhooks", "workers.deliver", 2, expires_seconds=300, sign=signs.ARE_MESSAGES),
    Chore("Forget old deliveries", "scheduler.forget_deliveries", 3600),
    Chore("Work out the forecast", "scheduler.work_out_forecast", 30, expires_seconds=300),
    Chore("Forget expired sessions", "scheduler.forget_sessions", 86_400),
    Chore("Audit the slots", "scheduler.audit_slots", 300, expires_seconds=600),
)
TASKS: tuple[Callable[[], None], ...] = (
    forget_nodes,
    forget_idempotency_keys,
    prune_history,
    prune_namespaces,
    prune_audit,
    forget_rollups,
    forget_events,
    forget_deliveries,
    work_out_forecast,
    forget_sessions,
    audit_slots,
)
