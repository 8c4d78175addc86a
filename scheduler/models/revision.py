"""Revisions: each version of a definition as it was, with who made it and why. `scheduler.revisions` writes them."""

from django.db import models


class Revision(models.Model):
    """One version of a task's definition. Rows are never changed nor removed, which a trigger sees to.

    Without a foreign key's constraint: making it would lock `scheduler_tasks`, and no row of that is ever removed.
    """

    task = models.ForeignKey(
        "scheduler.Task", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="revisions"
    )
    version = models.IntegerField()
    definition = models.JSONField(help_text="The columns of the definition by their names.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=255, null=True, blank=True, help_text="NULL is not known any more.")
    reason = models.TextField(null=True, blank=True)
    restored_from = models.IntegerField(null=True, blank=True, help_text="The version whose definition came back.")

    class Meta:
        db_table = "scheduler_revisions"
        constraints = [models.UniqueConstraint(fields=["task", "version"], name="scheduler_revisions_once")]

    def __str__(self) -> str:
        return f"{self.task_id} {self.version}"


class CalendarRevision(models.Model):
    """One version of a calendar's rules; never changed nor removed either."""

    calendar = models.ForeignKey(
        "scheduler.Calendar", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="revisions"
    )
    version = models.IntegerField()
    rules = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=255, null=True, blank=True, help_text="NULL is not known any more.")
    reason = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_calendar_revisions"
        constraints = [
            models.UniqueConstraint(fields=["calendar", "version"], name="scheduler_calendar_revisions_once")
        ]

    def __str__(self) -> str:
        return f"{self.calendar_id} {self.version}"
