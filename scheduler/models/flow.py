"""Flow control: what somebody has asked for, and which of it is in force. `scheduler.flow` writes both."""

from django.db import models
from django.db.models import Q

from scheduler.engine.schedules.instants import told


class FlowControl(models.Model):
    """One thing asked for; it holds from `starts_at` until `expires_at`, or until another one begins."""

    id = models.BigAutoField(primary_key=True)
    document = models.JSONField(help_text="Mode, limits, queues, task classes and namespaces, as the API has them.")
    reason = models.TextField(null=True, blank=True)
    starts_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=100, null=True, blank=True)
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was called off, was replaced for good, or ended."
    )

    class Meta:
        db_table = "scheduler_flow_control"
        verbose_name = "flow control"
        verbose_name_plural = "flow control"
        indexes = [
            models.Index(fields=["-starts_at", "-id"], name="scheduler_flow_control_newest"),
            models.Index(
                fields=["starts_at", "id"], condition=Q(withdrawn_at__isnull=True), name="scheduler_flow_control_alive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document.get('mode')} from {told(self.starts_at)}"


class FlowState(models.Model):
    """The one row that says what is in force, and when somebody has to look again."""

    id = models.IntegerField(primary_key=True, default=1)
    version = models.IntegerField(default=1, db_default=1, help_text="Grows with whatever is asked for or withdrawn.")
    in_force = models.BigIntegerField(null=True, blank=True, help_text="The FlowControl whose limits are set.")
    next_change_at = models.DateTimeField(null=True, blank=True, help_text="When one begins or ends next.")

    class Meta:
        db_table = "scheduler_flow_state"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="scheduler_flow_state_one")]

    def __str__(self) -> str:
        return f"version {self.version}"
