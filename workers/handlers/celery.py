"""`platform.celery`: sends a task to a Celery application that the deployment names, and may wait for its result."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import celery
from celery import states
from celery.app import backends
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from jsonschema import Draft202012Validator
from kombu import Connection, Producer
from kombu.exceptions import KombuError

from scheduler import clock
from scheduler.engine.suggestions import did_you_mean
from workers.context import Context
from workers.errors import ExpectedFailure, PermanentFailure
from workers.registry import Data, handler

TIMEOUT_SECONDS = 5
FIRST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 2.0
KEY_VALUE_SCHEMES = ("redis", "rediss", "valkey", "sentinel")

SCHEMA = {
    "type": "object",
    "properties": {
        "target": {"type": "string", "minLength": 1, "maxLength": 100, "description": "A name of CELERY_TARGETS."},
        "task": {"type": "string", "minLength": 1, "maxLength": 255, "description": "The task's name there."},
        "args": {"type": "array", "default": []},
        "kwargs": {"type": "object", "default": {}},
        "queue": {"type": "string", "minLength": 1, "maxLength": 255, "description": "Instead of the target's own."},
        "waitSeconds": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 86_400,
            "description": "Wait so long for the result, and end as it does. Without it, sent is success.",
        },
    },
    "required": ["target", "task"],
    "additionalProperties": False,
}

_TARGETS_SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {
            "broker": {"type": "string", "minLength": 1},
            "tasks": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            "queues": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            "queue": {"type": "string", "minLength": 1},
            "resultBackend": {"type": "string", "minLength": 1},
        },
        "required": ["broker", "tasks"],
        "additionalProperties": False,
    },
}


class TargetRefused(PermanentFailure):
    """The deployment does not allow this application, task or queue."""


class NotSent(ExpectedFailure):
    """The application's broker did not take the message."""


class NoResult(ExpectedFailure):
    """The task was sent, and its result did not come in time."""


class RemoteFailure(ExpectedFailure):
    """The task ran in its application and failed there."""


@dataclass(frozen=True, slots=True)
class Target:
    """An application that may be sent to: patterns are those of file names (`billing.*`)."""

    broker: str
    tasks: tuple[str, ...]
    queues: tuple[str, ...]
    queue: str
    result_backend: str | None


@handler("platform.celery", schema=SCHEMA, fills_templates=True)
def send(data: Data, context: Context) -> dict[str, Any]:
    """Send a task to an existing Celery application (setting CELERY_TARGETS) and succeed when its broker has it.

    The message's task id is the execution's. With `waitSeconds` it waits for the result and ends as the task does.
    """
    name, target = data["task"], _target(data)
    task_id = str(context.execution_id)
    queue = data.get("queue", target.queue)
    _publish(target, data, queue=queue, headers={"x-fence": str(context.fence)}, task_id=task_id)
    context.log.info("Sent %s to %s, queue %s.", name, data["target"], queue)
    sent = {"taskId": task_id, "queue": queue}
    if "waitSeconds" not in data:
        return sent
    return sent | {"result": _result(target, name, task_id, seconds=data["waitSeconds"])}


def read_targets(setting: Mapping[str, Any]) -> dict[str, Target]:
    """Return CELERY_TARGETS by name. Raises ImproperlyConfigured, which repeats no password."""
    for error in Draft202012Validator(_TARGETS_SCHEMA).iter_errors(setting):
        place = error.json_path.removeprefix("$.")
        raise ImproperlyConfigured(
            f"CELERY_TARGETS: {place} breaks the rule {error.validator}: {error.validator_value}."
        )
    return {
        name: Target(
            broker=fields["broker"],
            tasks=tuple(fields["tasks"]),
            queues=tuple(fields.get("queues", ["*"])),
            queue=fields.get("queue", "celery"),
            result_backend=fields.get("resultBackend"),
        )
        for name, fields in setting.items()
    }


def _target(data: Data) -> Target:
    targets = read_targets(settings.CELERY_TARGETS)
    name, task, queue = data["target"], data["task"], data.get("queue")
    if name not in targets:
        raise TargetRefused(f"This worker knows no Celery application {name!r}.{did_you_mean(name, targets)}")
    target = targets[name]
    if not _matches(task, target.tasks):
        raise TargetRefused(f"Tasks may not send {task!r} to {name}: allowed are {', '.join(target.tasks)}.")
    if queue is not None and not _matches(queue, target.queues):
        raise TargetRefused(f"Tasks may not use the queue {queue!r} of {name}: allowed are {', '.join(target.queues)}.")
    if "waitSeconds" in data and target.result_backend is None:
        raise TargetRefused(f"{name} has no resultBackend in CELERY_TARGETS, so nothing can be waited for.")
    return target


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _publish(target: Target, data: Data, *, queue: str, headers: dict[str, str], task_id: str) -> None:
    with _application() as app, _connection(target.broker) as connection:
        failures: Any = (*connection.connection_errors, *connection.channel_errors, KombuError, OSError)
        message = app.amqp.as_task_v2(task_id, data["task"], args=data.get("args", []), kwargs=data.get("kwargs", {}))
        try:
            if connection.transport.driver_type == "amqp":
                # A queue that nobody has declared would swallow the message without a word.
                channel: Any = connection.default_channel
                channel.queue_declare(queue, passive=True)
            # Nothing is declared: the queue's arguments are the application's own affair.
            app.amqp.send_task_message(
                Producer(connection), data["task"], message, queue=queue, declare=[], retry=False, headers=headers
            )
        except failures as error:
            raise NotSent(f"The broker of {data['target']} did not take {data['task']}: {error}") from None


def _connection(url: str) -> Connection:
    options: dict[str, Any] = {"max_retries": 0}
    if url.partition(":")[0] in KEY_VALUE_SCHEMES:
        options |= {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    else:
        options |= {"confirm_publish": True, "read_timeout": TIMEOUT_SECONDS, "write_timeout": TIMEOUT_SECONDS}
    return Connection(url, connect_timeout=TIMEOUT_SECONDS, transport_options=options)


@contextmanager
def _application() -> Iterator[celery.Celery]:
    """Lend an application of its own, which shares nothing with the platform's and understands JSON only."""
    app = celery.Celery("platform.celery", set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_serializer="json",
        result_accept_content=["json"],
        redis_socket_timeout=TIMEOUT_SECONDS,
        redis_socket_connect_timeout=TIMEOUT_SECONDS,
    )
    try:
        yield app
    finally:
        app.close()


def _result(target: Target, name: str, task_id: str, *, seconds: float) -> Any:
    """Ask the result backend until the task has ended: asking leaves nothing behind, unlike a subscription."""
    deadline, pause = clock.monotonic() + seconds, FIRST_POLL_SECONDS
    with _application() as app:
        # Not through the application: there CELERY_RESULT_BACKEND of the environment would come first.
        found: Any = backends.by_url(target.result_backend, app.loader)  # its stubs do not know the address
        backend = found[0](app=app, url=found[1])
        try:
            while (meta := backend.get_task_meta(task_id, cache=False))["status"] not in states.READY_STATES:
                left = deadline - clock.monotonic()
                if left <= 0:
                    raise NoResult(f"{name} was sent as {task_id}, and had not ended after {seconds:g} s.")
                time.sleep(min(pause, left))
                pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        finally:
            _close(backend)
    if meta["status"] == states.SUCCESS:
        return meta["result"]
    error, trace = meta["result"], meta.get("traceback") or ""
    raise RemoteFailure(f"{name} ended as {meta['status']}: {type(error).__name__}: {error}\n{trace}".strip())


def _close(backend: Any) -> None:
    pool = getattr(getattr(backend, "client", None), "connection_pool", None)
    if pool is not None:
        pool.disconnect()


read_targets(settings.CELERY_TARGETS)  # a setting that cannot be read stops the worker, not the first task
