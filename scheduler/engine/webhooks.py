"""Webhooks by their rules: which events there are, who wants which, how a delivery is signed and when tried again."""

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid5

from scheduler.engine.retry import RetryPolicy
from scheduler.engine.states import Status

EXECUTION_EVENTS: Final = {
    Status.SUCCESS: "execution.succeeded",
    Status.FAILED: "execution.failed",
    Status.TIMED_OUT: "execution.timed_out",
    Status.CANCELLED: "execution.cancelled",
    Status.LOST: "execution.lost",
    Status.SKIPPED: "execution.skipped",
}
# By the verbs of the audit.
TASK_EVENTS: Final = {
    "create": "task.created",
    "change": "task.changed",
    "restore": "task.restored",
    "delete": "task.deleted",
    "pause": "task.paused",
    "resume": "task.resumed",
}
SLA_BROKEN: Final = "sla.broken"
SWITCHED_OFF: Final = "webhook.switched_off"
# Sent to whoever asks for it, and to nobody else.
TEST: Final = "webhook.test"
# Sent to the webhooks that channels of notifications name.
NOTIFICATION: Final = "notification"
EVENTS: Final = (*EXECUTION_EVENTS.values(), *TASK_EVENTS.values(), SLA_BROKEN, SWITCHED_OFF)
FAMILIES: Final = ("*", "execution.*", "task.*", "sla.*", "webhook.*")

# 10 s, 20 s, 40 s … at most six hours: nearly a day in all.
MOST_TRIES: Final = 14
BACKOFF: Final = RetryPolicy(delay_seconds=10, max_delay_seconds=6 * 3600)
# Between two tries of one that fails, whatever waits for it: each takes a worker for as long as it does not answer.
PEACE: Final = RetryPolicy(delay_seconds=5, max_delay_seconds=600, jitter=False)
# Nothing got through for so long, and not for want of trying.
GIVEN_UP_AFTER: Final = timedelta(hours=24)
GIVEN_UP_AFTER_FAILURES: Final = 20
GONE: Final = 410
TOO_MANY: Final = 429
# For the whole exchange: a receiver takes a message, and works on it afterwards.
ANSWER_SECONDS: Final = 10

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a prefix, not a secret
# A receiver has so long to learn of a new secret: until then both sign.
OLD_SECRET_SIGNS_FOR: Final = timedelta(hours=24)


def wants(events: Iterable[str], event: str) -> bool:
    """Tell whether a webhook with these `events` gets one: each is an event, `task.*` or the like, or `*`."""
    family = event.partition(".")[0] + ".*"
    return any(one in (event, family, "*") for one in events)


def delivery_id(webhook: UUID, subject: str) -> UUID:
    """Return the id of what a webhook is told of a subject, such as an execution's end: one, for ever."""
    return uuid5(webhook, subject)


def secret(key: str, webhook: UUID, version: int) -> str:
    """Return a webhook's secret, which is worked out and stored nowhere; `key` is the installation's own."""
    derived = hmac.digest(key.encode(), f"webhook|{webhook}|{version}".encode(), hashlib.sha256)
    return SECRET_PREFIX + base64.b64encode(derived).decode()


def signature(secrets: Collection[str], *, delivery: UUID | str, timestamp: int, body: bytes) -> str:
    """Return the header `webhook-signature` as Standard Webhooks has it: HMAC-SHA256 over id, timestamp and body.

    One signature a secret, with spaces between; `timestamp` are seconds since 1970.
    """
    signed = f"{delivery}.{timestamp}.".encode() + body
    keys = (base64.b64decode(one.removeprefix(SECRET_PREFIX)) for one in secrets)
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)


def wait(tries: int, *, delivery: UUID) -> timedelta | None:
    """Return how long to wait after so many tries that have failed; None where there is no further one."""
    return BACKOFF.delay(attempt=tries, execution=delivery) if tries < MOST_TRIES else None


def peace(failures: int, *, webhook: UUID) -> timedelta:
    """Return for how long a webhook is left in peace after so many tries in a row that have failed."""
    return PEACE.delay(attempt=failures, execution=webhook)


def has_host_failed(status: int | None) -> bool:
    """Tell whether a try tells against the host, by the status of its answer, None where there was none.

    Another refusal is that of one path: the host is well.
    """
    return status is None or status >= 500 or status == TOO_MANY


def is_given_up(*, failures: int, failing_for: timedelta) -> bool:
    """Tell whether a webhook is switched off after so many failures in a row, over so long a time."""
    return failures >= GIVEN_UP_AFTER_FAILURES and failing_for >= GIVEN_UP_AFTER
