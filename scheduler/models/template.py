"""Templates: definitions with parameters, of which tasks are made; `register.templates` writes them."""

import uuid

from django.db import models
from django.db.models import Q


class Template(models.Model):
    """`definition` holds fields of the API with `${parameters}`, `parameters` the JSON schema of their values."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    namespace = models.CharField(
        max_length=100, null=True, blank=True, help_text="The one namespace that may use it; NULL is shared by all."
    )
    description = models.TextField(null=True, blank=True)
    parameters = models.JSONField()
    definition = models.JSONField()
    version = models.IntegerField(default=1, db_default=1)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=255, null=True, blank=True)
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_templates"
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "name"],
                condition=Q(deleted_at__isnull=True),
                nulls_distinct=False,
                name="scheduler_templates_name_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateRevision(models.Model):
    """One version of a template; never changed nor removed."""

    template = models.ForeignKey(Template, on_delete=models.DO_NOTHING, db_index=False, related_name="revisions")
    version = models.IntegerField()
    parameters = models.JSONField()
    definition = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=255)
    reason = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_template_revisions"
        constraints = [
            models.UniqueConstraint(fields=["template", "version"], name="scheduler_template_revisions_once")
        ]

    def __str__(self) -> str:
        return f"{self.template_id} {self.version}"


class Instance(models.Model):
    """A task that was made of a template: with which values, and which version it has by now.

    Without a foreign key's constraint on the task: making it would lock `scheduler_tasks`.
    """

    task = models.OneToOneField(
        "scheduler.Task", primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    template = models.ForeignKey(Template, on_delete=models.DO_NOTHING, db_index=False, related_name="instances")
    version = models.IntegerField()
    values = models.JSONField()

    class Meta:
        db_table = "scheduler_instances"
        indexes = [models.Index(fields=["template", "task"], name="scheduler_instances_template")]

    def __str__(self) -> str:
        return str(self.task_id)
