"""Every read of templates and of the tasks made of them. `namespace` None sees them all."""

from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet

from register.errors import TemplateNotFound
from scheduler.engine.states import TaskStatus
from scheduler.models import Instance, Template, TemplateRevision


def visible(*, namespace: str | None) -> QuerySet[Template]:
    """Return the templates that a caller may use: those of its namespace and the shared ones."""
    templates = Template.objects.filter(deleted_at=None)
    return templates if namespace is None else templates.filter(Q(namespace=namespace) | Q(namespace=None))


def listed(*, namespace: str | None) -> QuerySet[Any]:
    """Return the templates that the caller may see, each with the number of its tasks that the caller may see.

    `task_count` leaves deleted tasks out; of the rest, `pending_count` have not got the latest version yet.
    """
    mine = ~Q(instances__task__status=TaskStatus.DELETED)
    if namespace is not None:
        mine &= Q(instances__task__namespace=namespace)
    pending = mine & Q(instances__version__lt=F("version"))
    return visible(namespace=namespace).annotate(
        task_count=Count("instances", filter=mine), pending_count=Count("instances", filter=pending)
    )


def find(template_id: UUID, *, namespace: str | None) -> Any:
    """Return one template with the numbers of its tasks. Raises TemplateNotFound."""
    template = listed(namespace=namespace).filter(id=template_id).first()
    if template is None:
        raise TemplateNotFound
    return template


def versions_of(template: Template) -> QuerySet[TemplateRevision]:
    """Return the versions of a template."""
    return TemplateRevision.objects.filter(template=template)


def living(template: Template) -> QuerySet[Instance]:
    """Return the tasks that were made of a template and are not deleted, by their ids."""
    instances = Instance.objects.filter(template=template).exclude(task__status=TaskStatus.DELETED)
    return instances.select_related("task", "task__calendar").order_by("task_id")
