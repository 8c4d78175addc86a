"""What lists of tasks are searched and sorted by, beside the hot table. Only a trigger of the database writes it."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models

from scheduler.models.task import Task


class TaskSearch(models.Model):
    """Parts of a definition that a firing leaves alone.

    Every index of `scheduler_tasks` is written by every claim; those here only when somebody changes a task. Where the
    extension pg_trgm is at hand, `name` has an index of trigrams too.
    """

    task = models.OneToOneField(
        Task, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="search"
    )
    name = models.TextField(help_text="In upper case.")
    task_class = models.CharField(max_length=255)
    labels = models.JSONField()
    status = models.CharField(max_length=50)
    # NULL only until the migration that added them has filled them in.
    own_name = models.CharField(max_length=255, null=True, help_text="As it was given.")
    namespace = models.CharField(max_length=100, null=True)
    queue = models.CharField(max_length=100, null=True)
    priority = models.IntegerField(null=True)
    created_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "scheduler_task_search"
        indexes = [
            models.Index(fields=["status", "task"], name="scheduler_search_by_status"),
            models.Index(fields=["own_name", "task"], name="scheduler_search_own_name"),
            models.Index(fields=["priority", "task"], name="scheduler_search_priority"),
            models.Index(fields=["updated_at", "task"], name="scheduler_search_updated"),
            models.Index(fields=["-created_at", "task"], name="scheduler_search_newest"),
            models.Index(fields=["namespace", "-created_at", "task"], name="scheduler_search_namespace"),
            models.Index(fields=["queue", "-created_at", "task"], name="scheduler_search_queue"),
            models.Index(fields=["task_class", "-created_at", "task"], name="scheduler_search_class_new"),
            GinIndex(OpClass("labels", name="jsonb_path_ops"), name="scheduler_search_labels"),
        ]

    def __str__(self) -> str:
        return self.name
