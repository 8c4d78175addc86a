"""The catalogue: task classes that workers have announced; register and the admin validate against it."""

import json
from functools import cached_property

from django.db import models


class Handler(models.Model):
    task_class = models.CharField(max_length=255, primary_key=True)
    description = models.TextField(blank=True)
    schema = models.JSONField(default=dict, help_text="JSON schema of the task data.")
    defaults = models.JSONField(default=dict, help_text="Task fields used where a registration leaves them out.")
    schedules = models.JSONField(default=list, help_text="Schedules declared beside the handler in code.")
    version = models.CharField(max_length=100, blank=True)
    queues = models.JSONField(default=list, help_text="Queues of the worker that announced it last.")
    node_id = models.CharField(max_length=100)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_handlers"

    def __str__(self) -> str:
        return self.task_class

    @cached_property
    def schema_text(self) -> str:
        """The schema as text: what checks by it is remembered under this, one for thousands of tasks."""
        return json.dumps(self.schema)
