"""Messages: what Celery and kombu make of an execution, and the same made once a kind for Redis, with holes for ids."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from kombu import Producer, Queue

from scheduler.records import Ready

# Above this an execution is acknowledged before it runs: RabbitMQ closes channels after 30 min without an
# acknowledgement, Redis delivers again after an hour. Row, lease and sweep cover what the broker then forgets.
LATE_ACKNOWLEDGEMENT_MAX_SECONDS = 1_500

# Stands for the execution's id in a message that is kept as a pattern.
_HOLE = UUID("6f0b1d5c-5a5e-4d0c-9c0e-2f6d1a7b3c4d")
_BODY, _TAG = "@body@", "@tag@"


def broker_priority(priority: int, *, transport: str) -> int:
    """Return the broker's number for our 1-10: on AMQP the largest is the most urgent, on Redis 0 is."""
    return priority if transport == "amqp" else 10 - priority


def publish(producer: Producer, bundle: Sequence[Ready], *, transport: str, mandatory: bool = False) -> None:
    """Send executions of one kind in one message, which goes by the first one's id.

    Its queue has been declared where the broker wants that, or `mandatory` makes it an error.
    """
    item = bundle[0]
    execution = str(item.id)
    headers, embed = _envelope(_task_name(item))
    producer.publish(
        (tuple(str(one.id) for one in bundle), {}, embed),
        exchange="",
        routing_key=item.queue,
        serializer="json",
        headers={**headers, "id": execution, "root_id": execution, "argsrepr": execution},
        priority=broker_priority(item.priority, transport=transport),
        delivery_mode=2,
        mandatory=mandatory,
        correlation_id=execution,
    )


@lru_cache(maxsize=1_000)
def queue(name: str) -> Queue:
    """Return the queue of a name as all nodes declare it."""
    declared: Queue = current_app.amqp.queues[name]
    return declared


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What kombu pushes for one kind of message: into which list, and the texts around and inside its body."""

    key: str
    outer: str
    inner: str

    def text(self, executions: Sequence[str], tag: str) -> str:
        body = b64encode(self.inner.replace(str(_HOLE), '", "'.join(executions)).encode()).decode()
        return self.outer.replace(_BODY, body).replace(_TAG, tag).replace(str(_HOLE), executions[0])


@dataclass(slots=True)
class RedisPublisher:
    """Pushes batches in one round trip each; of every kind of message kombu makes one, the others are filled in.

    A message of kombu's own costs 94 µs, one filled in 12 (docs/performance.md); tests hold both against each other.
    """

    channel: Any
    _patterns: dict[tuple[str, int, bool], _Pattern] = field(default_factory=dict)
    _tags: "count[int]" = field(default_factory=count)

    def publish(self, bundles: Sequence[Sequence[Ready]], *, is_ahead: bool = False) -> None:
        """Push a message for each, in their order; with `is_ahead` they go before all that wait in their queues."""
        pushes: dict[str, list[str]] = {}
        for bundle in bundles:
            pattern = self._pattern(bundle[0])
            executions = [str(one.id) for one in bundle]
            # Unique among messages: the same execution may be published again while its first one is on its way.
            pushes.setdefault(pattern.key, []).append(pattern.text(executions, f"{executions[0]}.{next(self._tags)}"))
        pipeline = self.channel.client.pipeline(transaction=False)
        for key, texts in pushes.items():
            # Workers take from the right.
            if is_ahead:
                pipeline.rpush(key, *reversed(texts))
            else:
                pipeline.lpush(key, *texts)
        pipeline.execute()

    def _pattern(self, item: Ready) -> _Pattern:
        kind = (item.queue, item.priority, _is_long(item))
        found = self._patterns.get(kind)
        if found is None:
            found = self._patterns[kind] = self._made(Ready(_HOLE, item.queue, item.priority, item.timeout_seconds))
        return found

    def _made(self, item: Ready) -> _Pattern:
        """Have kombu make the message of an execution whose id is a hole, and take it instead of the broker."""
        capture = _Capture(self.channel)
        self.channel.create_publish_batch = lambda max_size: capture
        try:
            producer: Any = Producer(self.channel)  # its stubs do not know batch()
            with producer.batch():
                publish(producer, [item], transport="redis")
        finally:
            del self.channel.create_publish_batch
        ((_, key, text),) = capture.commands
        message: dict[str, Any] = json.loads(text)
        inner = b64decode(message["body"]).decode()
        message["body"], message["properties"]["delivery_tag"] = _BODY, _TAG
        return _Pattern(key, json.dumps(message), inner)


class _Capture:
    """A publish batch of kombu's that keeps its commands."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.commands: list[tuple[str, str, str]] = []

    def publish(self, message: Any, **arguments: Any) -> Any:
        return self.channel.basic_publish(message, _publish_batch=self, **arguments)

    def add(self, name: str, key: str, text: Any) -> None:
        self.commands.append((name, key, text if isinstance(text, str) else bytes(text).decode()))

    def flush(self) -> None:
        """Keep them."""

    def close(self) -> None:
        """Keep them."""


def _is_long(item: Ready) -> bool:
    return item.timeout_seconds > LATE_ACKNOWLEDGEMENT_MAX_SECONDS


def _task_name(item: Ready) -> str:
    name: str = settings.EXECUTE_LONG_TASK_NAME if _is_long(item) else settings.EXECUTE_TASK_NAME
    return name


@lru_cache
def _envelope(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Build a message the way Celery does, once a task name: only ids differ from one to the next."""
    message = current_app.amqp.as_task_v2("", name, args=(), kwargs={}, ignore_result=True)
    return message.headers, message.body[2]
