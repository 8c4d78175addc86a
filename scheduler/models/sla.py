"""SLA: which promises of slots were broken, and how many were kept. Only `scheduler.breaches` writes them."""

from django.db import models

from scheduler.engine.sla import Promise
from scheduler.models.choices import choices
from scheduler.models.task import Task


class Breach(models.Model):
    """One promise of one slot that was broken; each is told once, whichever attempt broke it."""

    # Without a constraint: tasks are never deleted, and each row would lock a hot one.
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    namespace = models.CharField(max_length=100)
    cause = models.CharField(max_length=255, help_text="What the attempts at the slot share.")
    promise = models.CharField(max_length=10, choices=choices(Promise))
    execution_id = models.UUIDField(help_text="The attempt that broke it, of lateness and deadline the first.")
    scheduled_for = models.DateTimeField(help_text="The slot.")
    broken_at = models.DateTimeField(help_text="The instant that it was to be kept by.")
    detected_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_sla_breaches"
        verbose_name = "SLA breach"
        verbose_name_plural = "SLA breaches"
        constraints = [models.UniqueConstraint(fields=["task", "cause", "promise"], name="scheduler_sla_breach_once")]
        indexes = [
            models.Index(fields=["task", "-id"], name="scheduler_sla_breach_task"),
            models.Index(fields=["namespace", "-id"], name="scheduler_sla_breach_ns"),
            models.Index(fields=["detected_at"], name="scheduler_sla_breach_age"),
        ]

    def __str__(self) -> str:
        return f"{self.promise} {self.task_id} {self.scheduled_for}"


class SlaCounts(models.Model):
    """Slots under an SLA, and of them those that broke it."""

    slots = models.BigIntegerField(db_default=0, default=0)
    broken = models.BigIntegerField(db_default=0, default=0, help_text="Slots that broke any promise.")
    lateness = models.BigIntegerField(db_default=0, default=0, help_text="Slots that broke this one.")
    duration = models.BigIntegerField(db_default=0, default=0, help_text="Slots that broke this one.")
    deadline = models.BigIntegerField(db_default=0, default=0, help_text="Slots that broke this one.")

    class Meta:
        abstract = True


class SlaRollUp(SlaCounts):
    """A task's slots under an SLA on one day (UTC) of which all is known, or that have broken a promise already."""

    pk = models.CompositePrimaryKey("task_id", "day")
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    day = models.DateField()
    namespace = models.CharField(max_length=100)

    class Meta:
        db_table = "scheduler_sla_rollups"
        indexes = [models.Index(fields=["day", "namespace"], name="scheduler_sla_rollups_day")]

    def __str__(self) -> str:
        return f"{self.task_id} {self.day}"


class SlaWeek(SlaCounts):
    """The days of one week added up. Only a trigger of the database writes it."""

    pk = models.CompositePrimaryKey("task_id", "week")
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    week = models.DateField(help_text="Its Monday.")
    namespace = models.CharField(max_length=100)

    class Meta:
        db_table = "scheduler_sla_weeks"
        indexes = [models.Index(fields=["week"], name="scheduler_sla_weeks_week")]

    def __str__(self) -> str:
        return f"{self.task_id} {self.week}"
