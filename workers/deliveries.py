"""Deliveries: sends webhooks what they want to be told of, through the same guard as `platform.http`.

One worker at a time sends; each delivery is taken before it is sent, and noted after it. Where the worker dies in
between, it is sent again a minute later, under the same id: at least once.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import psycopg
from celery import shared_task
from django.conf import settings

from scheduler import advisory, clock, hosts, webhooks
from scheduler.connections import current
from scheduler.engine import urls
from scheduler.engine import webhooks as rules
from scheduler.outgoing import DueDelivery
from scheduler.webhooks import Tried
from workers import notifying
from workers.addresses import Deadline
from workers.errors import ExpectedFailure, PermanentFailure
from workers.exchange import exchange, read_url
from workers.handlers.http import guard

logger = logging.getLogger(__name__)

# Any number that no other advisory lock of the project has.
_ADVISORY_KEY: Final = 0x5C4ED006

ANSWER_SECONDS: Final = rules.ANSWER_SECONDS
LEASE: Final = timedelta(seconds=60)
AT_ONCE: Final = 16
OF_EACH: Final = 4
# A child of the worker is taken from the users' tasks for as long.
PASS_SECONDS: Final = 20
BODY_BYTES: Final = 1024
ERROR_LENGTH: Final = 500


@shared_task(name="workers.deliver", ignore_result=True)
def deliver() -> None:
    """Tell webhooks and people what has happened, as far as it is due, until nothing is or 20 s have passed."""
    work_off(current())


def work_off(connection: psycopg.Connection) -> None:
    """Do so on this connection, whose session holds a lock meanwhile."""
    with advisory.alone(connection, _ADVISORY_KEY) as is_alone:
        if not is_alone:
            return
        until = clock.monotonic() + PASS_SECONDS
        while clock.monotonic() < until:
            told = webhooks.fan_out(connection, now=clock.read(connection))
            notified = notifying.send_one(connection)
            if not send_due(connection) and not told and not notified:
                return


def send_due(connection: psycopg.Connection) -> int:
    """Send the deliveries that are due and may go, a few of each webhook, all at once; return how many were tried."""
    now = clock.read(connection)
    due = hosts.due_deliveries(connection, now=now, until=now + LEASE, of_each=OF_EACH, limit=AT_ONCE)
    if not due:
        return 0
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="delivery") as pool:
        for tried in pool.map(partial(send, now=now), due):
            webhooks.note(connection, tried, now=clock.read(connection))
    return len(due)


def send(delivery: DueDelivery, *, now: datetime) -> Tried:
    """Send one delivery and tell how that went; whatever goes wrong is the try's, not ours."""
    began = clock.monotonic()
    status, error = None, None
    try:
        status = _post(delivery, now=now)
        if not 200 <= status < 300:
            error = f"It answered {status}."
    except (ExpectedFailure, PermanentFailure) as failure:
        error = _nameable(str(failure), delivery.url)[:ERROR_LENGTH]
    except Exception as failure:  # one delivery may not hold up all others
        logger.exception("Delivery %s cannot be sent.", delivery.id)
        error = _nameable(repr(failure), delivery.url)[:ERROR_LENGTH]
    return Tried(delivery, now, round((clock.monotonic() - began) * 1000), status, error)


def _nameable(text: str, url: str) -> str:
    """Return what is said of a failure without the query of the url, which may hold a key.

    The log, the audit and other webhooks are told why one is switched off.
    """
    try:
        address = urls.read_url(url)
    except urls.InvalidUrl:
        return text
    return text.replace(address.text, address.without_query)


def _post(delivery: DueDelivery, *, now: datetime) -> int:
    body = delivery.body.encode()
    timestamp = int(now.timestamp())
    signature = rules.signature(_secrets(delivery, now=now), delivery=delivery.id, timestamp=timestamp, body=body)
    headers = {
        "User-Agent": "platform-scheduler",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "Connection": "close",
        "webhook-id": str(delivery.id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
    answer = exchange(
        "POST",
        read_url(delivery.url),
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        content=body,
        guard=guard(tuple(settings.HTTP_ALLOWED_ADDRESSES)),
        deadline=Deadline(ANSWER_SECONDS),
        authorities=settings.HTTP_CA_FILE,
        body_bytes=BODY_BYTES,
    )
    return answer.status


def _secrets(delivery: DueDelivery, *, now: datetime) -> list[str]:
    """Return the secret, and the one before it for as long as receivers may not have heard of the new one."""
    versions = [delivery.secret_version]
    changed_at = delivery.secret_changed_at
    if changed_at is not None and now < changed_at + rules.OLD_SECRET_SIGNS_FOR:
        versions.append(delivery.secret_version - 1)
    return [rules.secret(settings.SECRET_KEY, delivery.webhook_id, version) for version in versions]
