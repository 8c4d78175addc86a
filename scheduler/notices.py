"""Notices: gathers what people are to be told by channel, so that an outage is one message and not a thousand."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler import claims, outbox, sequels
from scheduler.claims import Untold
from scheduler.connections import as_json
from scheduler.engine import notifications as rules
from scheduler.engine.notifications import Line, Occasion
from scheduler.engine.retry import RETRYABLE, RetryPolicy
from scheduler.engine.schedules.instants import told
from scheduler.engine.states import Status
from scheduler.models.choices import AuditKind, AuditVerb
from scheduler.outgoing import DueMessage

TEXT_LENGTH: Final = 1_000
# 30 s, a minute, two … an hour at most: some five hours, then what waited is dropped, and a warning says so.
MOST_TRIES: Final = 12
IDLE_KEPT: Final = timedelta(days=30)
BACKOFF: Final = RetryPolicy(delay_seconds=30, max_delay_seconds=3600)


@dataclass(frozen=True, slots=True)
class _Notice:
    """One thing that somebody is to be told."""

    key: str
    subject: str
    occasion: str
    task_id: str
    task_name: str
    happened_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class _Told:
    """What has happened to one task, before it is known who is told."""

    occasion: Occasion
    subject: str
    task_id: UUID
    at: datetime
    text: str


# Of successes those of tasks that fail by now, or have failed within the same entry.
_ENDED = """
SELECT h.id, h.task_id, h.status, h.attempt, h.cause, coalesce(h.end_time, h.scheduled_for), h.trigger,
    left(split_part(coalesce(h.error_message, h.reason, ''), E'\\n', 1), %(length)s)
FROM task_execution_history h
WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND (
    h.status IN ('FAILED', 'TIMED_OUT', 'LOST')
    OR h.status = 'SUCCESS' AND (
        EXISTS (SELECT FROM scheduler_failing_tasks f WHERE f.task_id = h.task_id)
        OR h.task_id IN (
            SELECT b.task_id FROM task_execution_history b
            WHERE b.id = ANY(%(ids)s::uuid[]) AND b.id BETWEEN %(low)s AND %(high)s
                AND b.status IN ('FAILED', 'TIMED_OUT', 'LOST')
        )
    )
)
ORDER BY 6, h.id
"""

_HAS_CHANNELS = f"SELECT {outbox.HAS_CHANNELS}"


def gather(connection: psycopg.Connection, untold: Untold, *, now: datetime) -> None:
    """Have people told of an entry of the outbox, in the caller's transaction.

    A slot that has failed for good, a task's first success after one, a promise that was broken, what the platform
    itself has paused, and a webhook that was switched off.
    """
    if connection.execute(_HAS_CHANNELS).fetchone() != (True,):
        return
    told = [
        *_of_executions(connection, untold.executions),
        *_of_records(connection, untold.records),
        *_of_breaches(connection, untold.breaches),
    ]
    notices = [*_addressed(connection, told), *_of_webhooks(connection, untold.records)]
    _store(connection, notices, now=now)


def _of_executions(connection: psycopg.Connection, executions: Sequence[UUID]) -> list[_Told]:
    if not executions:
        return []
    bounds = {"ids": list(executions), "low": min(executions), "high": max(executions), "length": TEXT_LENGTH}
    rows = connection.execute(_ENDED, bounds).fetchall()
    recorded = sequels.recorded(connection, [_sequel(row) for row in rows if row[2] in RETRYABLE])
    final = [row for row in rows if row[2] == Status.SUCCESS or _sequel(row) not in recorded]
    return list(_turns(connection, final))


def _sequel(row: Sequence[Any]) -> UUID:
    return sequels.sequel_of(row[0], task_id=row[1], cause=row[4], attempt=row[3])


_FAILING = "SELECT task_id, failed_at FROM scheduler_failing_tasks WHERE task_id = ANY(%s)"

_FAIL = """
INSERT INTO scheduler_failing_tasks AS f (task_id, failed_at)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[])
ON CONFLICT (task_id) DO UPDATE SET failed_at = greatest(f.failed_at, excluded.failed_at)
"""

_RECOVER = "DELETE FROM scheduler_failing_tasks WHERE task_id = ANY(%s)"


def _turns(connection: psycopg.Connection, final: Sequence[Sequence[Any]]) -> Iterator[_Told]:
    """Yield the failures, and the successes that follow one, in order of their ends; keep which tasks are failing."""
    tasks = list({row[1] for row in final})
    was: dict[UUID, datetime] = dict(connection.execute(_FAILING, (tasks,)).fetchall())
    failing = dict(was)
    for execution, task_id, status, _, _, at, _, text in final:
        if status != Status.SUCCESS:
            failing[task_id] = at
            yield _Told(Occasion.FAILURE, f"execution:{execution}", task_id, at, f"{status} {text}".strip())
        elif task_id in failing and failing[task_id] <= at:
            del failing[task_id]
            yield _Told(Occasion.RECOVERY, f"execution:{execution}", task_id, at, "")
    connection.execute(_FAIL, (list(failing), list(failing.values())))
    connection.execute(_RECOVER, ([task_id for task_id in was if task_id not in failing],))


# A bulk action is the platform's work too, but somebody's doing.
_PAUSED = """
SELECT a.id, a.object_id::uuid, a.recorded_at, coalesce(a.after ->> 'pauseReason', '') FROM scheduler_audit a
WHERE a.id = ANY(%s) AND a.kind = %s AND a.verb = %s AND a.via = 'PLATFORM' AND a.reason IS NULL ORDER BY a.id
"""


def _of_records(connection: psycopg.Connection, records: Sequence[int]) -> list[_Told]:
    rows = connection.execute(_PAUSED, (list(records), AuditKind.TASK, AuditVerb.PAUSE)).fetchall() if records else []
    return [_Told(Occasion.AUTO_PAUSE, f"record:{row[0]}", row[1], row[2], row[3]) for row in rows]


_BROKEN = """
SELECT b.id, b.task_id, b.broken_at, b.promise, b.scheduled_for FROM scheduler_sla_breaches b
WHERE b.id = ANY(%s) ORDER BY b.id
"""


def _of_breaches(connection: psycopg.Connection, breaches: Sequence[int]) -> list[_Told]:
    rows = connection.execute(_BROKEN, (list(breaches),)).fetchall() if breaches else []
    return [
        _Told(Occasion.SLA_BREACH, f"breach:{number}", task_id, at, f"{promise} of the slot {told(slot)}")
        for number, task_id, at, promise, slot in rows
    ]


_TASKS = """
SELECT t.id, t.name, t.namespace, t.notify_on::text, n.notify_channel::text
FROM scheduler_tasks t LEFT JOIN scheduler_namespaces n ON n.name = t.namespace WHERE t.id = ANY(%s)
"""

_Addressed = tuple[_Notice, str, dict[str, Any]]


def _addressed(connection: psycopg.Connection, told: Sequence[_Told]) -> Iterator[_Addressed]:
    """Yield what is told by whose channel."""
    rows = connection.execute(_TASKS, (list({one.task_id for one in told}),)).fetchall() if told else []
    tasks = {row[0]: row[1:] for row in rows}
    for one in told:
        if one.task_id not in tasks:
            continue
        name, namespace, notify_on, of_namespace = tasks[one.task_id]
        for channel in rules.channels(_read(notify_on), _read(of_namespace), one.occasion):
            key = rules.channel_key(namespace, channel)
            yield (
                _Notice(key, one.subject, one.occasion, str(one.task_id), name, one.at, one.text), namespace, channel
            )  # fmt: skip


def _read(value: str | None) -> Any:
    return json.loads(value) if value is not None else None


_SWITCHED_OFF = """
SELECT a.id, a.object_id, coalesce(a.object_name, a.object_id), a.recorded_at,
    coalesce(a.after ->> 'switchedOffReason', ''), n.name, n.notify_channel::text
FROM scheduler_audit a JOIN scheduler_namespaces n ON n.name = coalesce(a.namespace, 'default')
WHERE a.id = ANY(%s) AND a.verb = %s AND n.notify_channel IS NOT NULL ORDER BY a.id
"""


def _of_webhooks(connection: psycopg.Connection, records: Sequence[int]) -> Iterator[_Addressed]:
    """Yield the webhooks that were switched off, for their namespace's people; of all namespaces, for the default's."""
    if not records:
        return
    for row in connection.execute(_SWITCHED_OFF, (list(records), AuditVerb.SWITCH_OFF)).fetchall():
        number, webhook, name, at, text, namespace, channel = row
        told = json.loads(channel)
        key = rules.channel_key(namespace, told)
        yield _Notice(key, f"record:{number}", rules.WEBHOOK_OFF, webhook, name, at, text), namespace, told


@dataclass(frozen=True, slots=True)
class FaultyTask:
    """A task of which the self-audit has found something: how many of its slots, and the first of them."""

    task_id: UUID
    kind: str
    first_slot: datetime
    slot_count: int


_NAMED = """
SELECT t.id, t.name, n.name, n.notify_channel::text
FROM scheduler_tasks t JOIN scheduler_namespaces n ON n.name = t.namespace
WHERE t.id = ANY(%s) AND n.notify_channel IS NOT NULL
"""


def tell_of_faults(connection: psycopg.Connection, faults: Sequence[FaultyTask], *, now: datetime) -> None:
    """Have the people of the tasks' namespaces told of what the self-audit has found, in the caller's transaction.

    Whatever the tasks' own `notifyOn` says: it is no doing of theirs.
    """
    rows = connection.execute(_NAMED, (list({one.task_id for one in faults}),)).fetchall() if faults else []
    tasks = {row[0]: row for row in rows}
    _store(connection, [_of_fault(one, tasks[one.task_id], now=now) for one in faults if one.task_id in tasks], now=now)


def _of_fault(fault: FaultyTask, row: Sequence[Any], *, now: datetime) -> _Addressed:
    _, name, namespace, text_of_channel = row
    channel = json.loads(text_of_channel)
    subject = f"slots:{fault.task_id}:{fault.kind}:{int(fault.first_slot.timestamp())}"
    slots = "slot" if fault.slot_count == 1 else f"{fault.slot_count:,} slots, the first"
    text = f"{fault.kind} {slots} {told(fault.first_slot)}"
    key = rules.channel_key(namespace, channel)
    notice = _Notice(key, subject, rules.SLOT_FAULT, str(fault.task_id), name, now, text)
    return notice, namespace, channel


_STORE = """
INSERT INTO scheduler_notices (channel_key, subject, occasion, task_id, task_name, happened_at, text)
SELECT * FROM json_to_recordset(%s::json) AS u (
    key text, subject text, occasion text, task_id text, task_name text, happened_at timestamptz, text text
)
ON CONFLICT (channel_key, subject) DO NOTHING
"""

_SCHEDULE = """
INSERT INTO scheduler_channels AS c (key, namespace, channel, next_at)
VALUES (%(key)s, %(namespace)s, %(channel)s::jsonb, %(gathered)s)
ON CONFLICT (key) DO UPDATE
SET next_at = coalesce(c.next_at, greatest(%(gathered)s, c.last_sent_at + %(silence)s))
"""


def _store(connection: psycopg.Connection, notices: Sequence[_Addressed], *, now: datetime) -> None:
    """Have the notices wait, and say when each channel's next message goes out, unless one is to go out anyway.

    The channels' rows are locked first, in order of their keys: the notices of a channel get their numbers in the order
    of the commits, so that whoever takes it and sees the last one has seen all before it.
    """
    if not notices:
        return
    channels = {notice.key: (namespace, channel) for notice, namespace, channel in notices}
    for key, (namespace, channel) in sorted(channels.items()):
        connection.execute(
            _SCHEDULE,
            {
                "key": key, "namespace": namespace, "channel": json.dumps(channel), "silence": rules.SILENT_FOR,
                "gathered": now + rules.GATHERED_FOR,
            },
        )  # fmt: skip
    connection.execute(_STORE, (as_json([notice for notice, _, _ in notices]),))


_COUNTS = """
SELECT occasion, count(DISTINCT task_id) FROM scheduler_notices
WHERE channel_key = %(key)s AND id <= %(last)s GROUP BY occasion
"""

_LINES = """
SELECT occasion, max(task_name), count(*), max(happened_at), (array_agg(text ORDER BY happened_at DESC, id DESC))[1]
FROM scheduler_notices WHERE channel_key = %(key)s AND id <= %(last)s
GROUP BY occasion, task_id ORDER BY max(happened_at) DESC, task_id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Message:
    """What one message says: tasks by occasion, and the first of them with what happened."""

    namespace: str
    counts: Mapping[str, int]
    lines: Sequence[Line]

    @property
    def title(self) -> str:
        """The whole in one line."""
        return rules.title(self.namespace, self.counts)

    @property
    def text(self) -> str:
        """The whole, for people."""
        return rules.text(self.namespace, self.counts, self.lines)


def compose(connection: psycopg.Connection, due: DueMessage) -> Message | None:
    """Return the message of all that waits; None where nothing does any more."""
    parameters = {"key": due.key, "last": due.last_notice, "limit": rules.TASKS_NAMED}
    counts: dict[str, int] = dict(connection.execute(_COUNTS, parameters).fetchall())
    lines = [Line(*row) for row in connection.execute(_LINES, parameters)]
    return Message(due.namespace, counts, lines) if counts else None


def take(connection: psycopg.Connection, *, now: datetime, until: datetime) -> DueMessage | None:
    """Take a channel whose message is due, as one more try; one that nobody reports on is due again at `until`."""
    return claims.due_message(connection, now=now, until=until)


_SENT = """
UPDATE scheduler_channels SET last_sent_at = %(now)s, failure_count = 0, last_error = NULL, next_at = CASE
    WHEN EXISTS (SELECT FROM scheduler_notices WHERE channel_key = %(key)s AND id > %(last)s)
    THEN %(now)s::timestamptz + %(silence)s END
WHERE key = %(key)s AND attempt_count = %(count)s
"""

_FORGET = "DELETE FROM scheduler_notices WHERE channel_key = %(key)s AND id <= %(last)s"

_FAILED = """
UPDATE scheduler_channels SET failure_count = failure_count + 1, last_error = %(error)s, next_at = %(next)s
WHERE key = %(key)s AND attempt_count = %(count)s
"""


def sent(connection: psycopg.Connection, due: DueMessage, *, now: datetime) -> None:
    """Forget what the message has told; what came meanwhile waits for the next one. Inside a transaction of its own.

    Whoever was overtaken, because his try took longer than it may, writes nothing.
    """
    parameters: dict[str, Any] = {"key": due.key, "last": due.last_notice, "count": due.attempt_count, "now": now}
    with connection.transaction():
        if connection.execute(_SENT, parameters | {"silence": rules.SILENT_FOR}).rowcount:
            connection.execute(_FORGET, parameters)


def failed(connection: psycopg.Connection, due: DueMessage, error: str, *, now: datetime) -> bool:
    """Have the message tried again later; False where it was the last try, and what waited is dropped."""
    tries = due.failure_count + 1
    if tries >= MOST_TRIES:
        sent(connection, due, now=now)
        return False
    wait: timedelta = BACKOFF.delay(attempt=tries, execution=UUID(due.key[:32]))
    parameters = {"key": due.key, "count": due.attempt_count, "error": error, "next": now + wait}
    connection.execute(_FAILED, parameters)
    return True


_FORGET_IDLE = "DELETE FROM scheduler_channels WHERE next_at IS NULL AND last_sent_at < %s"

_FORGET_DELETED = """
DELETE FROM scheduler_failing_tasks f USING scheduler_tasks t WHERE t.id = f.task_id AND t.status = 'DELETED'
"""


def forget(connection: psycopg.Connection, *, now: datetime) -> None:
    """Delete channels by which nobody has been told anything for a month, and what is known of deleted tasks."""
    connection.execute(_FORGET_IDLE, (now - IDLE_KEPT,))
    connection.execute(_FORGET_DELETED)
