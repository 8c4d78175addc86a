"""A namespace: the unit of access control and of fair sharing; one that has no row has the defaults."""

from django.db import models
from django.db.models.functions import Now


class Namespace(models.Model):
    name = models.CharField(max_length=100, primary_key=True)
    weight = models.IntegerField(default=1, db_default=1, help_text="Its share of a backlog, relative to others.")
    description = models.TextField(null=True, blank=True)
    secret_names = models.JSONField(
        default=list, db_default=[], help_text="Secrets that its tasks may name; without any, SECRET_NAMES says."
    )
    notify_channel = models.JSONField(null=True, blank=True, help_text="Where failures of its tasks are told.")
    retention_days = models.IntegerField(null=True, blank=True, help_text="How long its history is kept.")
    pruned_until = models.DateTimeField(null=True, blank=True, help_text="What began before has been removed, or some.")
    version = models.IntegerField(default=1, db_default=1)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=100, null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "scheduler_namespaces"
        constraints = [
            models.CheckConstraint(condition=models.Q(weight__range=(1, 100)), name="scheduler_namespaces_weight"),
        ]

    def __str__(self) -> str:
        return self.name
