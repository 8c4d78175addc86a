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


class LastRun(models.Model):
    """When the latest of a task's executions began that has ended and been counted: what lists are sorted by.

    An index of `scheduler_tasks.last_executed_at` would be written by every end, and all others of its row with it.
    """

    task = models.OneToOneField(
        Task, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="last_run"
    )
    began_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_last_runs"
        indexes = [
            models.Index(fields=["began_at", "task"], name="scheduler_last_runs_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} {self.began_at}"


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


class QueueRollUp(models.Model):
    """What has come to a queue in one minute, and what has ended in it of what it ran.

    What was queued counts once it has ended: until then its row is open, and counted there.
    """

    pk = models.CompositePrimaryKey("queue", "minute")
    queue = models.CharField(max_length=100)
    minute = models.DateTimeField()
    arrived = models.IntegerField(db_default=0, default=0)
    ended = models.IntegerField(db_default=0, default=0)
    busy_ms = models.BigIntegerField(db_default=0, default=0)

    class Meta:
        db_table = "scheduler_queue_rollups"
        indexes = [models.Index(fields=["minute"], name="scheduler_queue_rollups_minute")]

    def __str__(self) -> str:
        return f"{self.queue} {self.minute}"


class Failing(models.Model):
    """A task or a task class whose last executions have all failed; gone with the first that succeeds."""

    key = models.CharField(max_length=300, primary_key=True, help_text="task:<id> or class:<name>.")
    failure_count = models.IntegerField()
    task_id = models.UUIDField(help_text="Whose execution failed last.")
    is_shared = models.BooleanField(help_text="They were of more than one task.")

    class Meta:
        db_table = "scheduler_failing"

    def __str__(self) -> str:
        return f"{self.key} {self.failure_count}"
