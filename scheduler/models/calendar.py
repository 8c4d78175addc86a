"""A calendar: named, shared rules that keep slots of many tasks from running, or move them."""

import json
import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Calendar(models.Model):
    """`rules` is the document that `scheduler.engine.calendars.read_calendar` takes; it was checked when stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    namespace = models.CharField(
        max_length=100, null=True, blank=True, help_text="The one namespace that may use it; NULL is shared by all."
    )
    description = models.TextField(null=True, blank=True)
    rules = models.JSONField(default=dict, db_default={})
    version = models.IntegerField(default=1, db_default=1)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=100, null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(
        null=True, blank=True, help_text="The row stays: deleted tasks show by it what they were."
    )

    class Meta:
        db_table = "scheduler_calendars"
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "name"],
                condition=Q(deleted_at__isnull=True),
                nulls_distinct=False,
                name="scheduler_calendars_name_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rules_text(self) -> str:
        """The rules as the claim reads them from PostgreSQL: one text, by which worked-out calendars are cached."""
        return json.dumps(self.rules)
