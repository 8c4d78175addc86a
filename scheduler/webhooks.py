"""Webhooks: turns what has happened into deliveries for whoever wants them, and notes how each try went."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler import audit, circuits, claims, notices, outbox
from scheduler.audit import Entry
from scheduler.claims import Untold
from scheduler.engine import webhooks as rules
from scheduler.engine.circuits import Call
from scheduler.engine.schedules.instants import told, written
from scheduler.halving import in_halves
from scheduler.models.choices import AuditKind, AuditVerb
from scheduler.news import News, news_of
from scheduler.outgoing import DueDelivery

logger = logging.getLogger(__name__)

ENTRIES_PER_PASS: Final = 20
ATTEMPTS_SHOWN: Final = 50
DELIVERIES_KEPT: Final = timedelta(days=30)
FORGET_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Hook:
    """A webhook as deliveries are made for it."""

    id: UUID
    namespace: str | None
    events: tuple[str, ...]

    def wants(self, news: News) -> bool:
        return self.namespace in (None, news.namespace) and rules.wants(self.events, news.event)


@dataclass(frozen=True, slots=True)
class Tried:
    """How one try went: with the status of the answer, or why there was none."""

    delivery: DueDelivery
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None

    @property
    def is_delivered(self) -> bool:
        """Tell whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300


_HOOKS = "SELECT id, namespace, events::text FROM scheduler_webhooks WHERE is_active"


def fan_out(connection: psycopg.Connection, *, now: datetime) -> int:
    """Make the deliveries and notices of a few entries of the outbox, in one transaction; return how many entries.

    A second copy takes others; where the process dies before the commit the entries are there for another, and what
    is made twice meets the primary key. An entry that cannot be told stays, and holds up no other.
    """

    def put_back(entry: Untold, error: Exception) -> int:
        logger.error("What has happened cannot be told: %s", entry, exc_info=error)
        outbox.put_back(connection, entry)
        return 0

    with connection.transaction():
        entries = claims.outbox(connection, limit=ENTRIES_PER_PASS)
        rows = connection.execute(_HOOKS).fetchall() if entries else []
        hooks = [_Hook(row[0], row[1], tuple(json.loads(row[2]))) for row in rows]
        return sum(in_halves(connection, entries, partial(_tell, connection, hooks=hooks, now=now), put_back))


def _tell(connection: psycopg.Connection, entries: Sequence[Untold], *, hooks: Sequence[_Hook], now: datetime) -> int:
    # Entry by entry: the executions of one lie in one day, so that a statement reads one partition.
    for entry in entries:
        notices.gather(connection, entry, now=now)
        if hooks:
            news = news_of(connection, entry, partial(_is_wanted, hooks))
            _write(connection, [(hook, one) for one in news for hook in hooks if hook.wants(one)], now=now)
    return len(entries)


def _is_wanted(hooks: Sequence[_Hook], event: str) -> bool:
    return any(rules.wants(hook.events, event) for hook in hooks)


_WRITE = """
INSERT INTO scheduler_deliveries (
    id, webhook_id, event, subject, body, tries_left, next_attempt_at, created_at
)
SELECT u.id, u.webhook_id, u.event, u.subject, u.body, %(tries)s, %(now)s, %(now)s
FROM unnest(%(id)s::uuid[], %(webhook)s::uuid[], %(event)s::text[], %(subject)s::text[], %(body)s::text[])
    AS u (id, webhook_id, event, subject, body)
ON CONFLICT (id) DO NOTHING
"""


def _write(connection: psycopg.Connection, messages: Iterable[tuple[_Hook, News]], *, now: datetime) -> None:
    told = [(hook, news, rules.delivery_id(hook.id, news.subject)) for hook, news in messages]
    if not told:
        return
    columns: dict[str, Any] = {
        "id": [delivery for _, _, delivery in told],
        "webhook": [hook.id for hook, _, _ in told],
        "event": [news.event for _, news, _ in told],
        "subject": [news.subject for _, news, _ in told],
        "body": [_body(news, delivery) for _, news, delivery in told],
    }
    connection.execute(_WRITE, columns | {"tries": rules.MOST_TRIES, "now": now})


def _body(news: News, delivery: UUID) -> str:
    message = {
        "id": str(delivery),
        "type": news.event,
        "occurredAt": written(news.at),
        "namespace": news.namespace,
        "data": news.data,
    }
    return json.dumps(message, ensure_ascii=False)


def send_test(connection: psycopg.Connection, webhook: UUID, namespace: str | None, *, now: datetime) -> UUID:
    """Make a delivery that says nothing, inside the caller's transaction; return its id. Each time it is another."""
    news = News(rules.TEST, f"test:{now.isoformat()}", namespace, now, {})
    _write(connection, [(_Hook(webhook, namespace, ()), news)], now=now)
    return rules.delivery_id(webhook, news.subject)


_TRY_NOW = "UPDATE scheduler_webhooks SET not_before = NULL WHERE id = %s AND not_before IS NOT NULL"


def try_now(connection: psycopg.Connection, webhook: UUID) -> None:
    """Leave a webhook that fails in peace no longer: somebody who knows of it asks. A further failure begins anew."""
    connection.execute(_TRY_NOW, (webhook,))


_OF_NAMESPACE = """
SELECT namespace FROM scheduler_webhooks WHERE id = %s AND is_active AND (namespace IS NULL OR namespace = %s)
"""


def notify(
    connection: psycopg.Connection, webhook: UUID, subject: str, data: dict[str, Any], *, namespace: str, now: datetime
) -> bool:
    """Have a notification of a namespace sent to a webhook, once a subject, inside the caller's transaction.

    False where there is no such webhook that is switched on, or it is another namespace's.
    """
    row = connection.execute(_OF_NAMESPACE, (webhook, namespace)).fetchone()
    if row is None:
        return False
    news = News(rules.NOTIFICATION, subject, namespace, now, data)
    _write(connection, [(_Hook(webhook, row[0], ()), news)], now=now)
    return True


_REPLAY = """
UPDATE scheduler_deliveries SET status = 'PENDING', tries_left = %(tries)s, next_attempt_at = %(now)s, ended_at = NULL
WHERE id = %(id)s
"""


def replay(connection: psycopg.Connection, delivery: UUID, *, now: datetime) -> None:
    """Send a delivery that the caller has locked once more, under its own id, with as many tries as the first time."""
    connection.execute(_REPLAY, {"id": delivery, "tries": rules.MOST_TRIES, "now": now})


# In order of what happened, as far as somebody may ask at once; whoever asks holds the webhook.
_REPLAY_MANY = """
UPDATE scheduler_deliveries SET status = 'PENDING', tries_left = %(tries)s, next_attempt_at = %(now)s, ended_at = NULL
WHERE status <> 'PENDING' AND id = ANY (ARRAY(
    SELECT id FROM scheduler_deliveries
    WHERE webhook_id = %(webhook)s AND status = %(status)s
        AND created_at >= coalesce(%(begin)s::timestamptz, '-infinity')
        AND created_at < coalesce(%(end)s::timestamptz, 'infinity')
        AND (%(event)s::text IS NULL OR event = %(event)s)
    ORDER BY created_at, id LIMIT %(limit)s
))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Deliveries of a webhook that have come to their end: with this status, made in begin <= instant < end."""

    status: str
    event: str | None = None
    begin: datetime | None = None
    end: datetime | None = None


def replay_many(connection: psycopg.Connection, webhook: UUID, which: Which, *, limit: int, now: datetime) -> int:
    """Send up to `limit` deliveries of a webhook that the caller has locked once more, the oldest; return how many."""
    parameters = asdict(which) | {"webhook": webhook, "limit": limit, "tries": rules.MOST_TRIES, "now": now}
    return connection.execute(_REPLAY_MANY, parameters).rowcount


_NOTE = """
UPDATE scheduler_deliveries SET status = %(status)s::text, next_attempt_at = coalesce(%(next)s, next_attempt_at),
    ended_at = CASE WHEN %(status)s::text <> 'PENDING' THEN %(now)s::timestamptz END,
    attempts = CASE WHEN jsonb_array_length(attempts) >= %(shown)s THEN attempts - 0 ELSE attempts END
        || %(attempt)s::jsonb
WHERE id = %(id)s AND status = 'PENDING' AND attempt_count = %(count)s
"""

_WORKS = """
UPDATE scheduler_webhooks SET failure_count = 0, failing_since = NULL, not_before = NULL
WHERE id = %s AND failure_count > 0
"""

_FAILS = """
UPDATE scheduler_webhooks SET failure_count = failure_count + 1, failing_since = coalesce(failing_since, %s)
WHERE id = %s RETURNING failure_count, failing_since
"""


_LEAVE = "UPDATE scheduler_webhooks SET not_before = %s WHERE id = %s"


def note(connection: psycopg.Connection, tried: Tried, *, now: datetime) -> None:
    """Write down how a try went, and when the next one is; a webhook that has failed for long is switched off.

    Whoever was overtaken, because his try took longer than it may, writes nothing.
    """
    delivery = tried.delivery
    wait = rules.wait(rules.MOST_TRIES - delivery.tries_left, delivery=delivery.id)
    status = "DELIVERED" if tried.is_delivered else "FAILED" if wait is None else "PENDING"
    attempt = {
        "at": written(tried.at), "status": tried.status, "error": tried.error, "durationMs": tried.duration_ms,
    }  # fmt: skip
    parameters = {
        "id": delivery.id, "count": delivery.attempt_count, "status": status, "now": now, "shown": ATTEMPTS_SHOWN,
        "next": now + wait if wait is not None else None, "attempt": json.dumps([attempt]),
    }  # fmt: skip
    with connection.transaction():
        if not connection.execute(_NOTE, parameters).rowcount:
            return
        circuits.note_call(connection, delivery.host, _as_call(tried))
        if tried.is_delivered:
            connection.execute(_WORKS, (delivery.webhook_id,))
        else:
            _count_failure(connection, tried, now=now)


def _as_call(tried: Tried) -> Call:
    ended_at = tried.at + timedelta(milliseconds=tried.duration_ms)
    return Call(
        tried.delivery.id, tried.at, ended_at, rules.has_host_failed(tried.status),
        timedelta(seconds=rules.ANSWER_SECONDS),
    )  # fmt: skip


def _count_failure(connection: psycopg.Connection, tried: Tried, *, now: datetime) -> None:
    row = connection.execute(_FAILS, (now, tried.delivery.webhook_id)).fetchone()
    assert row is not None  # noqa: S101 - webhooks are marked deleted, never removed
    failures, since = row
    rest_until = now + rules.peace(failures, webhook=tried.delivery.webhook_id)
    connection.execute(_LEAVE, (rest_until, tried.delivery.webhook_id))
    if tried.status == rules.GONE:
        _switch_off(connection, tried.delivery.webhook_id, "It answered 410: there is nobody any more.", now=now)
    elif rules.is_given_up(failures=failures, failing_for=now - since):
        reason = f"{failures} tries in a row have failed since {told(since)}; the last: {tried.error}"
        _switch_off(connection, tried.delivery.webhook_id, reason, now=now)


_SWITCH_OFF = """
UPDATE scheduler_webhooks SET is_active = false, switched_off_at = %s, switched_off_reason = %s, updated_at = %s,
    version = version + 1
WHERE id = %s AND is_active RETURNING namespace, description
"""


def _switch_off(connection: psycopg.Connection, webhook: UUID, reason: str, *, now: datetime) -> None:
    """Send a webhook nothing more, and give notice: in the log, in the audit, and to those webhooks that want it."""
    row = connection.execute(_SWITCH_OFF, (now, reason, now, webhook)).fetchone()
    if row is None:
        return
    logger.error("Webhook %s is switched off: %s", webhook, reason)
    entry = Entry(
        verb=AuditVerb.SWITCH_OFF,
        kind=AuditKind.WEBHOOK,
        object_id=str(webhook),
        object_name=row[1] and row[1][: audit.NAME_LENGTH],
        namespace=row[0],
        after={"isActive": False, "switchedOffReason": reason},
    )
    audit.record(connection, [entry], now=now)


_FORGET = """
DELETE FROM scheduler_deliveries WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler_deliveries WHERE created_at < %s ORDER BY created_at, id LIMIT %s
))
"""


def forget(connection: psycopg.Connection, *, now: datetime, limit: int = FORGET_BATCH) -> int:
    """Delete up to `limit` deliveries that are older than they are kept; return how many."""
    return connection.execute(_FORGET, (now - DELIVERIES_KEPT, limit)).rowcount
