"""A batch on its way to the broker: written with the rows that a claim queues, removed when they are published."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Batch(models.Model):
    """One row a claim instead of a note on each of its executions, which would write all their indexes anew.

    What is still here after some seconds lost its publisher: the sweep publishes those executions.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    claimed_at = models.DateTimeField()
    executions = ArrayField(models.UUIDField())

    class Meta:
        db_table = "scheduler_batches"

    def __str__(self) -> str:
        return str(self.id)
