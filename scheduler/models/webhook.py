"""Webhooks, what they are told, and the outbox from which that is made."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Webhook(models.Model):
    """Somebody who wants to be told. Its secret is worked out from its id and `secret_version`, and stored nowhere."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.CharField(
        max_length=100, null=True, blank=True, help_text="What it is told of; NULL is every namespace."
    )
    url = models.TextField()
    events = models.JSONField(help_text="Events, families of them, or *.")
    description = models.TextField(null=True, blank=True)
    is_active = models.BooleanField(default=True, db_default=True)
    switched_off_at = models.DateTimeField(null=True, blank=True, help_text="When the platform has switched it off.")
    switched_off_reason = models.TextField(null=True, blank=True)
    failure_count = models.IntegerField(default=0, db_default=0, help_text="Tries that failed in a row.")
    failing_since = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True, help_text="It fails, and is left in peace until then.")
    secret_version = models.IntegerField(default=1, db_default=1)
    secret_changed_at = models.DateTimeField(null=True, blank=True, help_text="Until a day after it both sign.")
    version = models.IntegerField(default=1, db_default=1)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=100, null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_webhooks"
        indexes = [models.Index(fields=["id"], condition=Q(is_active=True), name="scheduler_webhooks_active")]

    def __str__(self) -> str:
        return str(self.id)


class DeliveryStatus(models.TextChoices):
    """PENDING is to be tried, again or for the first time."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class Delivery(models.Model):
    """One message to one webhook. `attempt_count` tells tries apart: only the latest writes how it went."""

    id = models.UUIDField(primary_key=True, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.DO_NOTHING, db_index=False, related_name="deliveries")
    event = models.CharField(max_length=50)
    subject = models.CharField(max_length=100, help_text="What it tells of: an execution, an audit record.")
    body = models.TextField(help_text="As it is sent, with every try alike.")
    status = models.CharField(max_length=20, choices=DeliveryStatus, db_default=DeliveryStatus.PENDING)
    attempt_count = models.IntegerField(default=0, db_default=0)
    tries_left = models.IntegerField(help_text="Of this round; a replay begins another one.")
    next_attempt_at = models.DateTimeField()
    attempts = models.JSONField(default=list, db_default=[], help_text="[{at, status, error, durationMs}], the latest.")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_deliveries"
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["webhook", "next_attempt_at", "id"],
                condition=Q(status=DeliveryStatus.PENDING),
                name="scheduler_deliveries_due",
            ),
            models.Index(fields=["webhook", "-created_at", "id"], name="scheduler_deliveries_newest"),
            models.Index(fields=["created_at"], name="scheduler_deliveries_old"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject}"


class OutboxEntry(models.Model):
    """What somebody who wants to be told has not been told of yet: written in the transaction in which it happened."""

    executions = ArrayField(models.UUIDField(), null=True, blank=True)
    records = ArrayField(models.BigIntegerField(), null=True, blank=True, help_text="Of the audit.")
    breaches = ArrayField(models.BigIntegerField(), null=True, blank=True)

    class Meta:
        db_table = "scheduler_outbox"

    def __str__(self) -> str:
        return str(self.id)
