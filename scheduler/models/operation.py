"""An operation: work on many slots or tasks that somebody asked for, carried out behind the answer."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now

from scheduler.models.choices import OperationKind, OperationStatus
from scheduler.models.task import Task

UNFINISHED = (OperationStatus.PENDING, OperationStatus.RUNNING)
# A catch-up may also wait for somebody to approve it.
GOES_ON = (*UNFINISHED, OperationStatus.HELD)


class Operation(models.Model):
    """Its progress is committed with each step, so that another node goes on where one has died.

    Operations are kept: whether slots of a period were backfilled is told by them (`scheduler.periods`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40, choices=OperationKind)
    status = models.CharField(
        max_length=20, choices=OperationStatus, default=OperationStatus.PENDING, db_default=OperationStatus.PENDING
    )
    namespace = models.CharField(max_length=100, null=True, blank=True, help_text="NULL is every namespace.")
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="operations")
    arguments = models.JSONField(default=dict, db_default={})
    position = models.DateTimeField(null=True, blank=True, help_text="Where it goes on: the next slot to look at.")
    total_count = models.IntegerField(null=True, blank=True)
    done_count = models.IntegerField(default=0, db_default=0)
    failed_count = models.IntegerField(default=0, db_default=0)
    skipped_count = models.IntegerField(default=0, db_default=0)
    errors = models.JSONField(default=list, db_default=[])
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=100, null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    abort_requested_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_operations"
        constraints = [
            # Of two claims that find the same outage the second waits, and joins the catch-up of the first.
            models.UniqueConstraint(
                KeyTextTransform("group", "arguments"),
                condition=Q(kind=OperationKind.CATCH_UP, status__in=GOES_ON),
                name="scheduler_operations_one_catch_up",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at", "id"], condition=Q(status__in=UNFINISHED), name="scheduler_operations_open"
            ),
            # Whether a period was ever backfilled is asked by lists, more often than it was.
            models.Index(
                fields=["created_at"],
                condition=Q(kind=OperationKind.BACKFILL),
                name="scheduler_operations_backfills",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class OperationItem(models.Model):
    """What a bulk action is about: tasks or executions, numbered in order of their ids; gone once it has ended."""

    pk = models.CompositePrimaryKey("operation_id", "number")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, db_index=False, related_name="items")
    number = models.IntegerField()
    item_id = models.UUIDField()

    class Meta:
        db_table = "scheduler_operation_items"

    def __str__(self) -> str:
        return str(self.item_id)
