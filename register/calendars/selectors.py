"""Every read of calendars. `namespace` is the one that the caller is bound to, None sees them all."""

from typing import Any
from uuid import UUID

from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from register.calendars import naming
from register.errors import CalendarNotFound
from scheduler.engine.states import TaskStatus
from scheduler.models import Calendar, Task


def listed(*, namespace: str | None) -> QuerySet[Any]:
    """Return the calendars that the caller may see, each with the number of its tasks that the caller may see.

    `task_count` leaves deleted tasks out; of the rest, `pending_count` have not been moved by the latest rules yet.
    """
    tasks = using(OuterRef("pk"), namespace=namespace)
    pending = tasks.filter(calendar_version__lt=OuterRef("version"))
    return naming.visible(namespace=namespace).annotate(task_count=_counted(tasks), pending_count=_counted(pending))


def find(calendar_id: UUID, *, namespace: str | None) -> Any:
    """Return one calendar with the numbers of its tasks. Raises CalendarNotFound."""
    calendar = listed(namespace=namespace).filter(id=calendar_id).first()
    if calendar is None:
        raise CalendarNotFound
    return calendar


def using(calendar: Any, *, namespace: str | None = None) -> QuerySet[Task]:
    """Return the tasks that use a calendar and are not deleted."""
    tasks = Task.objects.filter(calendar=calendar).exclude(status=TaskStatus.DELETED)
    return tasks if namespace is None else tasks.filter(namespace=namespace)


def soonest(calendar: Calendar, *, count: int) -> list[Task]:
    """Return the tasks that use a calendar and fire next."""
    tasks = using(calendar).select_related("calendar")
    return list(tasks.order_by(F("next_execution_time").asc(nulls_last=True), "id")[:count])


def _counted(tasks: QuerySet[Task]) -> Coalesce:
    counted = tasks.order_by().values("calendar").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())
