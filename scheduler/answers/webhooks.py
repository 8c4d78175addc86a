"""Webhooks, and what they are told."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.answers.words import DELIVERY_STATUSES
from scheduler.engine.webhooks import EVENTS, FAMILIES, NOTIFICATION, TEST


class WebhookAnswer(Answer):
    id = serializers.UUIDField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField([*EVENTS, *FAMILIES]))
    namespace = serializers.CharField(allow_null=True, help_text="What it is told of; null is every namespace.")
    description = serializers.CharField(allow_null=True)
    isActive = serializers.BooleanField()
    switchedOffAt = serializers.DateTimeField(allow_null=True, help_text="When the platform has switched it off.")
    switchedOffReason = serializers.CharField(allow_null=True)
    failureCount = serializers.IntegerField(help_text="Tries that failed in a row.")
    failingSince = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField(help_text="Grows with each change; the ETag.")
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField(allow_null=True)
    updatedAt = serializers.DateTimeField()


class NewWebhookAnswer(WebhookAnswer):
    secret = serializers.CharField(help_text="Shown this once; deliveries are signed with it.")


class TryAnswer(Answer):
    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True, help_text="Of the answer; null where there was none.")
    error = serializers.CharField(allow_null=True)
    durationMs = serializers.IntegerField()


class DeliveryAnswer(Answer):
    id = serializers.UUIDField(help_text="The header webhook-id of every try.")
    webhookId = serializers.UUIDField()
    event = serializers.ChoiceField([*EVENTS, TEST, NOTIFICATION])
    status = serializers.ChoiceField(DELIVERY_STATUSES)
    body: Any = serializers.DictField(help_text="What is sent.")
    attemptCount = serializers.IntegerField()
    attempts: Any = TryAnswer(many=True, help_text="The latest 50 tries.")
    nextAttemptAt = serializers.DateTimeField(allow_null=True, help_text="null where it has come to its end.")
    createdAt = serializers.DateTimeField()
    endedAt = serializers.DateTimeField(allow_null=True)


class ReplayedAnswer(Answer):
    replayed = serializers.IntegerField(help_text="How many deliveries are on their way again.")
    mayBeMore = serializers.BooleanField(help_text="As many as one request may ask for: ask again for the others.")


class WebhookPage(PageAnswer):
    content = WebhookAnswer(many=True)


class DeliveryPage(PageAnswer):
    content = DeliveryAnswer(many=True)
