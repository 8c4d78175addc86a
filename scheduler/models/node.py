"""Nodes: running processes, known by a UUID and a heartbeat. Each node writes its own row only."""

from django.db import models

from scheduler.models.choices import NodeRole


class Node(models.Model):
    id = models.UUIDField(primary_key=True, editable=False)
    role = models.CharField(max_length=20, choices=NodeRole)
    hostname = models.CharField(max_length=255)
    pid = models.IntegerField()
    version = models.CharField(max_length=100, blank=True)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When it took its leave; one that dies takes none."
    )
    load = models.JSONField(default=dict, help_text="Last sample: what it runs, its CPU and its memory.")

    class Meta:
        db_table = "scheduler_nodes"
        indexes = [models.Index(fields=["-heartbeat_at"], name="scheduler_nodes_heartbeat")]

    def __str__(self) -> str:
        return f"{self.role} {self.hostname}:{self.pid}"
