"""Notifications: what people are to be told, gathered by channel until a message is sent."""

from django.db import models
from django.db.models import Q


class Channel(models.Model):
    """A channel that has something to tell, or had; `next_at` says when a message goes out, NULL that nothing waits."""

    key = models.CharField(max_length=64, primary_key=True)
    namespace = models.CharField(max_length=100)
    channel = models.JSONField()
    next_at = models.DateTimeField(null=True, blank=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    attempt_count = models.IntegerField(default=0, db_default=0, help_text="Tells tries apart.")
    failure_count = models.IntegerField(default=0, db_default=0, help_text="Tries that failed in a row.")
    last_error = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_channels"
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="scheduler_channels_due"),
        ]

    def __str__(self) -> str:
        return self.key


class Notice(models.Model):
    """One thing that waits to be told by a channel; `subject` says it apart, so that it waits once."""

    channel_key = models.CharField(max_length=64)
    subject = models.CharField(max_length=100)
    occasion = models.CharField(max_length=20)
    task_id = models.CharField(max_length=36)
    task_name = models.CharField(max_length=255)
    happened_at = models.DateTimeField()
    text = models.TextField(blank=True)

    class Meta:
        db_table = "scheduler_notices"
        constraints = [
            models.UniqueConstraint(fields=["channel_key", "subject"], name="scheduler_notices_once"),
        ]

    def __str__(self) -> str:
        return f"{self.occasion} {self.task_name}"


class FailingTask(models.Model):
    """A task whose latest final slot has failed, as far as has been looked: its next success is a recovery."""

    task_id = models.UUIDField(primary_key=True)
    failed_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_failing_tasks"

    def __str__(self) -> str:
        return str(self.task_id)
