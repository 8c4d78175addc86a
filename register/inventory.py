"""What the platform consists of right now: the handlers that were announced and the nodes that beat."""

from datetime import datetime, timedelta

from scheduler.models import Handler, Node

# A node that has been silent for longer is history, and each restart makes a new one.
SHOWN_FOR = timedelta(days=1)
MOST_SHOWN = 10_000


def handlers() -> list[Handler]:
    """Return the catalogue, by name."""
    return list(Handler.objects.order_by("task_class")[:MOST_SHOWN])


def nodes(*, now: datetime) -> list[Node]:
    """Return the nodes that have been heard of within a day, the latest first."""
    heard = Node.objects.filter(heartbeat_at__gt=now - SHOWN_FOR)
    return list(heard.order_by("-heartbeat_at", "id")[:MOST_SHOWN])
