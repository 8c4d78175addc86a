"""Circuits: how the services stand that tasks use. `scheduler.circuits` writes them."""

from django.db import models
from django.db.models import Q

from scheduler.engine.circuits import State
from scheduler.models.choices import choices


class Circuit(models.Model):
    """`name` is a service as tasks name it in `uses`, or `host:` and the host of webhooks.

    A row is there once something has been called. While it is not CLOSED, or has just closed, the permit of its key
    (`scheduler.permits`) holds what would call a service.
    """

    name = models.CharField(max_length=300, primary_key=True)
    state = models.CharField(max_length=20, choices=choices(State), default=State.CLOSED.value)
    since = models.DateTimeField(help_text="When it came to this state.")
    buckets = models.JSONField(default=list, help_text="The last calls, counted: [[second, calls, failures, slow]].")
    trip_count = models.IntegerField(default=0, db_default=0, help_text="How often it opened since it closed last.")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="When an open one lets a probe go.")
    probe = models.UUIDField(null=True, blank=True, help_text="The execution that tries it.")
    cause = models.TextField(null=True, blank=True, help_text="Why it opened last.")
    look_at = models.DateTimeField(null=True, blank=True, help_text="When a node looks at it next.")

    class Meta:
        db_table = "scheduler_circuits"
        indexes = [
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="scheduler_circuits_look"),
        ]

    def __str__(self) -> str:
        return self.name


class CircuitCall(models.Model):
    """How calls went that no circuit has counted yet: one row a transaction (`scheduler.circuits.note`)."""

    id = models.BigAutoField(primary_key=True)
    calls = models.JSONField()

    class Meta:
        db_table = "scheduler_circuit_calls"

    def __str__(self) -> str:
        return str(self.id)
