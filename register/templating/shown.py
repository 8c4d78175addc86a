"""How templates and their versions are shown."""

from typing import Any

from scheduler.models import TemplateRevision
from scheduler.representations import Json, instant


def template_as_json(template: Any) -> Json:
    """Return a template that was read with the numbers of its tasks, `task_count` and `pending_count`."""
    return {
        "id": str(template.id),
        "name": template.name,
        "namespace": template.namespace,
        "description": template.description,
        "parameters": template.parameters,
        "definition": template.definition,
        "version": template.version,
        "createdAt": instant(template.created_at),
        "createdBy": template.created_by,
        "updatedAt": instant(template.updated_at),
        "taskCount": template.task_count,
        "pendingTaskCount": template.pending_count,
    }


def template_revision_as_json(revision: TemplateRevision) -> Json:
    """Return one version of a template."""
    return {
        "version": revision.version,
        "parameters": revision.parameters,
        "definition": revision.definition,
        "createdAt": instant(revision.created_at),
        "createdBy": revision.created_by,
        "reason": revision.reason,
    }
