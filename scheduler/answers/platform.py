"""Handlers, nodes, namespaces and tokens."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, ChannelAnswer, PageAnswer
from scheduler.answers.words import ROLES
from scheduler.models.choices import (
    NodeRole,
)


class HandlerAnswer(Answer):
    taskClass = serializers.CharField()
    description = serializers.CharField()
    schema: Any = serializers.JSONField(help_text="JSON schema of the task data.")
    defaults = serializers.JSONField()
    schedules = serializers.JSONField()
    version = serializers.CharField()
    queues = serializers.ListField(child=serializers.CharField())
    nodeId = serializers.CharField(help_text="Worker that announced it last.")
    seenAt = serializers.DateTimeField()


class NodeAnswer(Answer):
    id = serializers.UUIDField()
    role = serializers.ChoiceField(NodeRole.values)
    hostname = serializers.CharField()
    pid = serializers.IntegerField()
    version = serializers.CharField()
    startedAt = serializers.DateTimeField()
    heartbeatAt = serializers.DateTimeField()
    endedAt = serializers.DateTimeField(allow_null=True, help_text="When it took its leave; null while it is there.")
    load = serializers.JSONField()


class QueueAnswer(Answer):
    queue = serializers.CharField()
    depth = serializers.IntegerField(help_text="Executions QUEUED.")
    isDepthEstimated = serializers.BooleanField(help_text="There are more than that.")
    oldestQueuedAt = serializers.DateTimeField(allow_null=True)
    oldestWaitSeconds = serializers.FloatField()
    running = serializers.IntegerField(help_text="Executions RUNNING.")
    arrivalsPerSecond = serializers.FloatField(help_text="Mean of the last five minutes.")
    servedPerSecond = serializers.FloatField(help_text="Mean of the last five minutes.")
    meanServiceSeconds = serializers.FloatField(allow_null=True, help_text="null where nothing has ended lately.")
    forecastBusy = serializers.FloatField(help_text="Most work forecast within the lead, in seconds a second.")
    workers = serializers.IntegerField(help_text="Live workers that take from it.")
    concurrency = serializers.IntegerField(help_text="Executions that they run at once.")
    suggestedConcurrency = serializers.IntegerField()
    suggestedWorkers = serializers.IntegerField()


class QueuePage(PageAnswer):
    content = QueueAnswer(many=True)


class NamespaceAnswer(Answer):
    name = serializers.CharField()
    weight = serializers.IntegerField(help_text="Its share of a backlog, relative to others; 1 to 100.")
    description = serializers.CharField(allow_null=True)
    secretNames = serializers.ListField(
        child=serializers.CharField(), help_text="Secrets that its tasks may name; without any, SECRET_NAMES says."
    )
    notifyChannel: Any = ChannelAnswer(allow_null=True, help_text="By which people are notified.")
    retentionDays = serializers.IntegerField(
        allow_null=True, help_text="How long its history is kept, where that is shorter than the installation's."
    )
    version = serializers.IntegerField(help_text="Grows with each change; the ETag.")
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField(allow_null=True)
    updatedAt = serializers.DateTimeField()


class TokenAnswer(Answer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    role = serializers.ChoiceField(ROLES)
    namespace = serializers.CharField(allow_null=True, help_text="The only one that it sees; null is every namespace.")
    createdAt = serializers.DateTimeField()
    expiresAt = serializers.DateTimeField(allow_null=True, help_text="null is never.")
    revokedAt = serializers.DateTimeField(allow_null=True)
    lastUsedAt = serializers.DateTimeField(allow_null=True, help_text="Noted once a minute.")


class NewTokenAnswer(TokenAnswer):
    secret = serializers.CharField(help_text="Shown this once: only its hash is kept.")


class HandlerPage(PageAnswer):
    content = HandlerAnswer(many=True)


class NodePage(PageAnswer):
    content = NodeAnswer(many=True)


class NamespacePage(PageAnswer):
    content = NamespaceAnswer(many=True)


class TokenPage(PageAnswer):
    content = TokenAnswer(many=True)
