"""The stream of changes while somebody listens; only `scheduler.changes` reads and writes it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Change(models.Model):
    """Executions whose statuses one statement has changed; kept for a minute."""

    executions = ArrayField(models.UUIDField())
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_changes"

    def __str__(self) -> str:
        return str(self.pk)


class Listener(models.Model):
    """One row: until when changes are to be written down."""

    until = models.DateTimeField()

    class Meta:
        db_table = "scheduler_listeners"

    def __str__(self) -> str:
        return str(self.until)
