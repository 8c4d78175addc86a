"""What the self-audit has found wrong with slots. `namespace` is the one that the caller is bound to."""

from datetime import datetime

from django.db.models import QuerySet

from scheduler.models import SlotFault
from scheduler.selfaudit.shown import SHOWN

MOST_COUNTED = 1_000


def visible_faults(*, namespace: str | None) -> QuerySet[SlotFault]:
    """Return the faults that the caller may see, with their tasks."""
    faults = SlotFault.objects.select_related("task")
    return faults if namespace is None else faults.filter(namespace=namespace)


def count_recent(*, namespace: str | None, now: datetime) -> int:
    """Return how many were found within the hour for which metrics tell of them too; at most 1,000."""
    recent = visible_faults(namespace=namespace).filter(found_at__gt=now - SHOWN)
    return recent[:MOST_COUNTED].count()
