"""What the platform consists of right now: the handlers that were announced, the nodes that beat, the queues."""

from datetime import datetime

from scheduler import connections
from scheduler.models import Handler, Node
from scheduler.nodes import SHOWN_FOR, SILENT_AFTER
from scheduler.queues import Queue, measured

MOST_SHOWN = 10_000


def handlers() -> list[Handler]:
    """Return the catalogue, by name."""
    return list(Handler.objects.order_by("task_class")[:MOST_SHOWN])


def queues(*, namespace: str | None, now: datetime) -> list[Queue]:
    """Return the queues that have work, workers or a forecast; of one namespace only its executions are counted."""
    return measured(connections.current(), now=now, namespace=namespace)


def nodes(*, now: datetime, role: str | None = None, is_silent: bool | None = None) -> list[Node]:
    """Return the nodes that have been heard of within a day, the latest first; of one role, silent or not.

    Who has ended is neither silent nor not.
    """
    heard = Node.objects.filter(heartbeat_at__gt=now - SHOWN_FOR)
    if role is not None:
        heard = heard.filter(role=role)
    if is_silent is not None:
        since = now - SILENT_AFTER
        heard = heard.filter(ended_at__isnull=True)
        heard = heard.filter(heartbeat_at__lte=since) if is_silent else heard.filter(heartbeat_at__gt=since)
    return list(heard.order_by("-heartbeat_at", "id")[:MOST_SHOWN])
