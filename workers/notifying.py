"""Notifications: sends what has been gathered for people, by e-mail, to a chat, or to a webhook.

Taken and committed before it is sent, forgotten after it: where the worker dies in between it is sent again, but to a
webhook, whose deliveries have a log of their own.
"""

import json
import logging
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from django.conf import settings
from django.core.mail import EmailMessage

from scheduler import clock, namespaces, notices, webhooks
from scheduler.engine.notifications import Kind
from scheduler.engine.placeholders import SECRET
from scheduler.notices import Message
from scheduler.outgoing import DueMessage
from scheduler.representations import instant
from workers import secrets
from workers.addresses import Deadline
from workers.errors import ExpectedFailure, PermanentFailure
from workers.exchange import Address, exchange, read_url
from workers.handlers.http import guard

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
ANSWER_SECONDS: Final = 10
BODY_BYTES: Final = 1024
ERROR_LENGTH: Final = 500


class NotSent(ExpectedFailure):
    """The channel has not taken the message."""


def send_one(connection: psycopg.Connection) -> bool:
    """Send the message of the channel that has waited longest, if one is due; return whether there was one."""
    now = clock.read(connection)
    due = notices.take(connection, now=now, until=now + LEASE)
    if due is None:
        return False
    message = notices.compose(connection, due)
    if message is None:
        notices.sent(connection, due, now=now)
        return True
    try:
        _send(connection, due, message)
    except psycopg.OperationalError:
        raise
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is the channel's, and holds up no other
        _note_failure(connection, due, failure)
    return True


def _note_failure(connection: psycopg.Connection, due: DueMessage, failure: Exception) -> None:
    error = str(failure)[:ERROR_LENGTH] or type(failure).__name__
    goes_on = notices.failed(connection, due, error, now=clock.read(connection))
    logger.warning(
        "People of the namespace %s were not notified by %s: %s%s",
        due.namespace, due.channel.get("kind"), error, "" if goes_on else " What waited is dropped.",
    )  # fmt: skip


def _send(connection: psycopg.Connection, due: DueMessage, message: Message) -> None:
    """Send a message and forget what it has told; a webhook's is written in the transaction that forgets it."""
    kind = Kind(due.channel["kind"])
    if kind is Kind.WEBHOOK:
        with connection.transaction():
            _tell_webhook(connection, due, message)
            notices.sent(connection, due, now=clock.read(connection))
        return
    if kind is Kind.EMAIL:
        _mail(due, message)
    else:
        _chat(connection, due, message)
    notices.sent(connection, due, now=clock.read(connection))


def _mail(due: DueMessage, message: Message) -> None:
    if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend") and not settings.EMAIL_HOST:
        raise NotSent("E-mail is not set up: set EMAIL_HOST for the workers.")
    EmailMessage(message.title, message.text, settings.DEFAULT_FROM_EMAIL, due.channel["to"]).send()


def _chat(connection: psycopg.Connection, due: DueMessage, message: Message) -> None:
    """Post `{"text": …}`, which Slack, Mattermost, Rocket.Chat, Google Chat and Teams' workflows all take."""
    address = read_url(_url(connection, due))
    try:
        status = _post(address, message)
    except (ExpectedFailure, PermanentFailure) as failure:
        # Whoever reads logs is not meant to know where a chat listens.
        raise NotSent(str(failure).replace(address.text, "the chat")) from None
    if not 200 <= status < 300:
        raise NotSent(f"The chat answered {status}.")


def _post(address: Address, message: Message) -> int:
    answer = exchange(
        "POST",
        address,
        headers=[
            (b"User-Agent", b"platform-scheduler"),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"identity"),
            (b"Content-Type", b"application/json"),
            (b"Connection", b"close"),
        ],
        content=json.dumps({"text": message.text}, ensure_ascii=False).encode(),
        guard=guard(tuple(settings.HTTP_ALLOWED_ADDRESSES)),
        deadline=Deadline(ANSWER_SECONDS),
        authorities=settings.HTTP_CA_FILE,
        body_bytes=BODY_BYTES,
    )
    return answer.status


def _url(connection: psycopg.Connection, due: DueMessage) -> str:
    """Return where a chat listens: what the channel says, or the secret that it names."""
    url: Any = due.channel["url"]
    if isinstance(url, str):
        return url
    names = namespaces.secret_names(connection, due.namespace)
    return secrets.read(url[SECRET], namespace=due.namespace, names=names)


def _tell_webhook(connection: psycopg.Connection, due: DueMessage, message: Message) -> None:
    data = {
        "title": message.title,
        "text": message.text,
        "counts": dict(message.counts),
        "tasks": [
            {"occasion": line.occasion, "taskName": line.task_name, "count": line.count, "at": instant(line.at),
             "text": line.text}
            for line in message.lines
        ],
    }  # fmt: skip
    webhook, subject = UUID(due.channel["webhookId"]), f"notice:{due.key[:32]}:{due.last_notice}"
    now = clock.read(connection)
    if not webhooks.notify(connection, webhook, subject, data, namespace=due.namespace, now=now):
        raise PermanentFailure("There is no such webhook in the namespace, or it is switched off.")
