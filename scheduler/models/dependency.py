"""Dependencies between tasks, and the ends of slots that have yet to reach whoever depends on them."""

from django.db import models

from scheduler.engine.workflows import Condition
from scheduler.models.choices import choices
from scheduler.models.task import Task


class Dependency(models.Model):
    """One arrow of a workflow: `task` waits for `upstream`. Register writes them, one editor at a time."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, db_index=False, related_name="dependencies")
    upstream = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="dependents")
    condition = models.CharField(max_length=20, choices=choices(Condition))
    position = models.IntegerField(help_text="Its place in the list that was given.")

    class Meta:
        db_table = "scheduler_dependencies"
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["task", "upstream"], name="scheduler_dependencies_once")]

    def __str__(self) -> str:
        return f"{self.task_id} waits for {self.upstream_id}: {self.condition}"


class UpstreamEnd(models.Model):
    """A slot that has come to its end and whose dependents have not been looked at since; there are few at a time.

    Written by the transaction that makes the slot final, deleted by the one that records its dependents.
    """

    task_id = models.UUIDField()
    run_id = models.UUIDField(db_index=True)
    scheduled_for = models.DateTimeField()

    class Meta:
        db_table = "scheduler_upstream_ends"

    def __str__(self) -> str:
        return f"{self.task_id} in {self.run_id}"
