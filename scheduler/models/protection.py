"""Protection: how much the platform lets go by what it measures of itself. `scheduler.protection` writes it."""

from django.db import models

from scheduler.engine.protection import Level
from scheduler.models.choices import choices


class Protection(models.Model):
    """The one row of what is decided; nodes take turns at deciding."""

    id = models.IntegerField(primary_key=True, default=1)
    level = models.CharField(max_length=20, choices=choices(Level), default=Level.NORMAL.value)
    since = models.DateTimeField(help_text="When it came to this level.")
    rate = models.FloatField(null=True, blank=True, help_text="So many a second go, while it is THROTTLED.")
    usual = models.FloatField(null=True, blank=True, help_text="So many a second went before.")
    decided_at = models.DateTimeField(null=True, blank=True)
    exceeded = models.JSONField(default=list, help_text="Which limits are exceeded, the worst first, and by whom.")
    measured = models.JSONField(default=dict, help_text="What was measured of database, broker and queues last.")

    class Meta:
        db_table = "scheduler_protection"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="scheduler_protection_one")]

    def __str__(self) -> str:
        return self.level
