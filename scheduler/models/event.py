"""Events: what somebody has told the platform of, and how far the tasks that listen for it have been started."""

import uuid

from django.db import models
from django.db.models import Q


class Event(models.Model):
    """One event. Its id and `received_at` are what the ids of the executions that it starts are worked out from.

    Tasks are started in order of their ids; `position` is the last that was looked at.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    namespace = models.CharField(
        max_length=100, null=True, blank=True, help_text="Whose tasks hear of it; NULL is every namespace."
    )
    payload = models.TextField(help_text="A JSON object, as text.")
    received_at = models.DateTimeField()
    created_by = models.CharField(max_length=100, null=True, blank=True)
    position = models.UUIDField(null=True, blank=True)
    started_count = models.IntegerField(default=0, db_default=0)
    skipped_count = models.IntegerField(default=0, db_default=0)
    failed_count = models.IntegerField(default=0, db_default=0)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_events"
        indexes = [
            models.Index(fields=["id"], condition=Q(completed_at__isnull=True), name="scheduler_events_open"),
            models.Index(fields=["-received_at", "id"], name="scheduler_events_newest"),
            models.Index(fields=["namespace", "-received_at", "id"], name="scheduler_events_namespace"),
        ]

    def __str__(self) -> str:
        return self.name
