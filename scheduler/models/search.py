"""What lists of tasks are searched by, beside the hot table. Only a trigger of the database writes it."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q

from scheduler.engine.states import TaskStatus
from scheduler.models.task import Task


class TaskSearch(models.Model):
    """Parts of a definition that a firing leaves alone.

    Every index of `scheduler_tasks` is written by every claim; those here only when somebody changes a task. Where the
    extension pg_trgm is at hand, `name` has an index of trigrams too.
    """

    task = models.OneToOneField(
        Task, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+"
    )
    name = models.TextField(help_text="In upper case.")
    task_class = models.CharField(max_length=255)
    labels = models.JSONField()
    status = models.CharField(max_length=50)

    class Meta:
        db_table = "scheduler_task_search"
        indexes = [
            models.Index(fields=["task_class", "task"], name="scheduler_task_search_class"),
            models.Index(
                fields=["status", "task"], condition=~Q(status=TaskStatus.ACTIVE), name="scheduler_search_status"
            ),
            GinIndex(OpClass("labels", name="jsonb_path_ops"), name="scheduler_search_labels"),
        ]

    def __str__(self) -> str:
        return self.name
