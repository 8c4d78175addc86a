"""The self-audit: what it has looked through, what it will look at, what it has found (`scheduler.selfaudit`)."""

from django.db import models

from scheduler.engine.slotaudit import SlotFault as Kind
from scheduler.models.choices import choices
from scheduler.models.task import Task


class SlotAudit(models.Model):
    """One look at all slots that were due after `begin` and not after `until`; the counts grow page by page."""

    begin = models.DateTimeField()
    until = models.DateTimeField()
    started_at = models.DateTimeField()
    gathered_at = models.DateTimeField(null=True, blank=True, help_text="When it was known which tasks to look at.")
    finished_at = models.DateTimeField(null=True, blank=True)
    tasks = models.BigIntegerField(default=0, db_default=0, help_text="Tasks that were looked at.")
    expected = models.BigIntegerField(default=0, db_default=0, help_text="Slots that were due.")
    missed = models.BigIntegerField(default=0, db_default=0)
    doubled = models.BigIntegerField(default=0, db_default=0)
    late = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "scheduler_slot_audits"

    def __str__(self) -> str:
        return f"{self.begin} to {self.until}"


class SlotAuditTask(models.Model):
    """A task that is to be looked at once what was due at `due_at` is: noted before it is due, and forgotten after."""

    pk = models.CompositePrimaryKey("task_id", "due_at")
    task_id = models.UUIDField()
    due_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_slot_audit_tasks"

    def __str__(self) -> str:
        return f"{self.task_id} {self.due_at}"


class SlotFault(models.Model):
    """A slot that is missed, doubled or late; each is told once."""

    # Without a constraint: tasks are never deleted, and each row would lock a hot one.
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    namespace = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=choices(Kind))
    scheduled_for = models.DateTimeField(help_text="The slot.")
    late_seconds = models.FloatField(null=True, blank=True, help_text="How late it was recorded, or was when found.")
    found_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_slot_faults"
        constraints = [
            models.UniqueConstraint(fields=["task", "scheduled_for", "kind"], name="scheduler_slot_faults_once")
        ]
        indexes = [models.Index(fields=["found_at"], name="scheduler_slot_faults_age")]

    def __str__(self) -> str:
        return f"{self.kind} {self.task_id} {self.scheduled_for}"
