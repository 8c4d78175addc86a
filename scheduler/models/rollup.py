"""Roll-ups: what has ended, counted by hour and minute. Only `scheduler.rollups` writes them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from scheduler.models.task import Task


class Ending(models.Model):
    """Executions on their way into the roll-ups: written with the rows' own end, removed when they are counted.

    So none is counted twice, and none missed whose transaction commits late.
    """

    executions = ArrayField(models.UUIDField())

    class Meta:
        db_table = "scheduler_endings"

    def __str__(self) -> str:
        return str(self.pk)


class Counts(models.Model):
    """How many ended, by status."""

    success = models.IntegerField(db_default=0, default=0)
    failed = models.IntegerField(db_default=0, default=0)
    timed_out = models.IntegerField(db_default=0, default=0)
    cancelled = models.IntegerField(db_default=0, default=0)
    lost = models.IntegerField(db_default=0, default=0)
    skipped = models.BigIntegerField(db_default=0, default=0)

    class Meta:
        abstract = True


class TaskRollUp(Counts):
    """A task's executions whose ids begin in one hour; a range row counts with all its slots."""

    pk = models.CompositePrimaryKey("task_id", "hour")
    # Without a constraint: tasks are never deleted, and each row would be checked against a hot table.
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    hour = models.DateTimeField()
    retries = models.IntegerField(db_default=0, default=0, help_text="Attempts after the first.")
    duration_sum_ms = models.BigIntegerField(db_default=0, default=0)
    lateness_sum_ms = models.BigIntegerField(db_default=0, default=0)
    # Counts by number of bucket (`scheduler.engine.histograms`).
    durations = models.JSONField(default=dict, db_default={})
    lateness = models.JSONField(default=dict, db_default={})

    class Meta:
        db_table = "scheduler_task_rollups"
        indexes = [models.Index(fields=["hour"], name="scheduler_task_rollups_hour")]

    def __str__(self) -> str:
        return f"{self.task_id} {self.hour}"


class NamespaceRollUp(Counts):
    """The executions of a namespace, or of all (`namespace` empty), whose slots lie in one minute or hour.

    A range row counts once, as it does in lists.
    """

    pk = models.CompositePrimaryKey("span", "namespace", "begin")
    span = models.CharField(max_length=6, help_text="minute or hour.")
    namespace = models.CharField(max_length=100)
    begin = models.DateTimeField()

    class Meta:
        db_table = "scheduler_namespace_rollups"
        indexes = [models.Index(fields=["span", "begin"], name="scheduler_ns_rollups_begin")]

    def __str__(self) -> str:
        return f"{self.span} {self.begin} {self.namespace}"
