"""History: one row an attempt at one slot. Only `scheduler.transitions` inserts rows and changes their status."""

from django.db import models
from django.db.models import Q

from scheduler.engine.states import GATED, OPEN, Reason, Status, Trigger
from scheduler.models.choices import choices
from scheduler.models.task import Task

# What operators look for among what went well; so few rows that an index of them costs the hot path nothing.
TROUBLES = frozenset({Status.FAILED, Status.TIMED_OUT, Status.LOST, Status.CANCELLED})
UNUSUAL = TROUBLES | {Status.SKIPPED}


class Execution(models.Model):
    """Partitioned by ranges of `id`, which begins with the slot's milliseconds (`scheduler.partitions`).

    No foreign key points here: dropping a partition would fail on it. Names up to `execution_time_ms` are those of the
    first design.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, db_index=False, related_name="executions")
    start_time = models.DateTimeField(null=True, blank=True)
    end_time = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=50, choices=choices(Status))
    result = models.TextField(null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    node_id = models.CharField(max_length=100, null=True, blank=True)
    execution_time_ms = models.BigIntegerField(null=True, blank=True)

    scheduled_for = models.DateTimeField(help_text="The slot.")
    due_at = models.DateTimeField(help_text="The slot with its jitter: lateness counts from here.")
    scheduled_until = models.DateTimeField(null=True, blank=True, help_text="Last slot of a range row.")
    slot_count = models.IntegerField(null=True, blank=True, help_text="Slots of a range row.")
    attempt = models.IntegerField(default=1, db_default=1)
    trigger = models.CharField(max_length=20, choices=choices(Trigger))
    cause = models.CharField(max_length=255, help_text="What the id was worked out from; attempts share it.")
    reason = models.CharField(max_length=255, null=True, blank=True)
    namespace = models.CharField(max_length=100)
    queue = models.CharField(max_length=100)
    priority = models.IntegerField()
    timeout_seconds = models.IntegerField()
    task_data = models.TextField(null=True, blank=True, help_text="Overrides the task's own for this execution.")
    revision = models.IntegerField(null=True, blank=True, help_text="The task's version that ran.")
    run_id = models.UUIDField(null=True, blank=True)

    queued_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    publish_count = models.IntegerField(default=0, db_default=0)
    handed_back_count = models.IntegerField(default=0, db_default=0, help_text="How often it was won and not begun.")
    lacked_by = models.CharField(max_length=100, null=True, blank=True, help_text="A node that has no such handler.")
    held_by = models.CharField(
        max_length=300, null=True, blank=True, help_text="The key that holds it (scheduler.permits), or left it out."
    )
    fence = models.BigIntegerField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    sla = models.JSONField(null=True, blank=True, help_text="Its SLA as its task had it, and what of it is broken.")
    sla_look_at = models.DateTimeField(null=True, blank=True, help_text="When the sweep looks whether it is kept.")

    class Meta:
        db_table = "task_execution_history"
        indexes = [
            models.Index(fields=["task", "-id"], name="history_task"),
            models.Index(fields=["published_at", "id"], condition=Q(status=Status.QUEUED), name="history_queued"),
            models.Index(fields=["not_before", "id"], condition=Q(status=Status.SCHEDULED), name="history_scheduled"),
            models.Index(
                fields=["held_by", "-priority", "due_at", "id"],
                condition=Q(status=Status.SCHEDULED, reason=Reason.FLOW),
                name="history_flow",  # nodes of the version before look by it
            ),
            models.Index(
                fields=["held_by", "-priority", "due_at", "id"],
                condition=Q(status=Status.SCHEDULED, reason__in=sorted(GATED)),
                name="history_gated",
            ),
            models.Index(
                fields=["held_by", "-priority", "due_at", "id"],
                condition=Q(status=Status.SCHEDULED, reason=Reason.CATCH_UP),
                name="history_catch_up",
            ),
            models.Index(fields=["lease_expires_at", "id"], condition=Q(status=Status.RUNNING), name="history_running"),
            models.Index(
                fields=["id"],
                condition=Q(scheduled_until__isnull=False, slot_count__isnull=True),
                name="history_uncounted",
            ),
            models.Index(fields=["task"], condition=Q(status__in=sorted(OPEN)), name="history_open"),
            models.Index(fields=["-id"], condition=Q(status__in=sorted(TROUBLES)), name="history_troubles"),
            # What lists are filtered by, in their order. Only the first three are written for every execution.
            # A namespace's with what else every execution has: several filters together are met within it.
            models.Index(fields=["namespace", "-id"], include=["queue", "node_id"], name="history_within_namespace"),
            models.Index(fields=["queue", "-id"], name="history_queue"),
            models.Index(fields=["node_id", "-id"], condition=Q(node_id__isnull=False), name="history_node"),
            models.Index(fields=["run_id", "-id"], condition=Q(run_id__isnull=False), name="history_run"),
            models.Index(fields=["trigger", "-id"], condition=~Q(trigger=Trigger.SCHEDULE), name="history_trigger"),
            # With all that they are filtered by besides: whatever is combined with a status is found in the index.
            models.Index(
                fields=["status", "-id", "namespace", "queue", "trigger", "node_id", "task", "scheduled_for"],
                condition=Q(status__in=sorted(UNUSUAL)),
                name="history_unusual",
            ),
            models.Index(
                fields=["task", "-id", "status", "scheduled_for"],
                condition=Q(status__in=sorted(UNUSUAL)),
                name="history_task_unusual",
            ),
            # Their ids hold the instant of the request, not that of the slot.
            models.Index(
                fields=["task", "scheduled_for"], condition=Q(cause__startswith="backfill:"), name="history_backfills"
            ),
            models.Index(fields=["sla_look_at", "id"], condition=Q(sla_look_at__isnull=False), name="history_sla"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_open(self) -> bool:
        """Tell whether it waits or runs."""
        return self.status in OPEN


class ExecutionLog(models.Model):
    """What a handler logged: the first and the last 64 KiB. Partitioned like history, under the same id."""

    id = models.UUIDField(primary_key=True, editable=False, help_text="The execution's id.")
    head = models.TextField()
    tail = models.TextField(blank=True)
    dropped_bytes = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "execution_log"

    def __str__(self) -> str:
        return str(self.id)
