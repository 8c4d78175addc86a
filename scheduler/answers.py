"""The shapes of the API's answers, for its OpenAPI document; `scheduler.representations` fills them."""

from typing import Any

from rest_framework import serializers

from scheduler.engine.retry import BACKOFFS, RETRYABLE
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.models.choices import MisfirePolicy, NodeRole, OverlapPolicy

TASK_STATUSES = [status.value for status in TaskStatus]
EXECUTION_STATUSES = [status.value for status in Status]


class Answer(serializers.Serializer[Any]):
    """An object of an answer; all its fields are always there."""


class RetryPolicyAnswer(Answer):
    backoff = serializers.ChoiceField(BACKOFFS)
    delaySeconds = serializers.FloatField()
    maxDelaySeconds = serializers.FloatField()
    jitter = serializers.BooleanField()


class TaskAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    taskClass = serializers.CharField(help_text="Public name of a handler.")
    taskData = serializers.CharField(allow_null=True, help_text="A JSON object, as text.")
    cronExpression = serializers.CharField(allow_null=True)
    timeZone = serializers.CharField()
    intervalSeconds = serializers.IntegerField(allow_null=True)
    runAt = serializers.DateTimeField(allow_null=True)
    startAt = serializers.DateTimeField(allow_null=True)
    endAt = serializers.DateTimeField(allow_null=True)
    misfirePolicy = serializers.ChoiceField(MisfirePolicy.values)
    misfireGraceSeconds = serializers.IntegerField()
    catchUpLimit = serializers.IntegerField()
    overlapPolicy = serializers.ChoiceField(OverlapPolicy.values)
    priority = serializers.IntegerField(help_text="1 to 10, larger first.")
    queue = serializers.CharField()
    timeoutSeconds = serializers.IntegerField()
    maxRetryCount = serializers.IntegerField()
    retryPolicy = RetryPolicyAnswer()
    retryOn = serializers.ListField(child=serializers.ChoiceField(sorted(RETRYABLE)))
    labels: Any = serializers.DictField(child=serializers.CharField())
    owner = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(TASK_STATUSES)
    version = serializers.IntegerField(help_text="Grows with each change of the definition; the ETag.")
    retryCount = serializers.IntegerField(help_text="Retries used by the latest slot.")
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField(allow_null=True)
    updatedAt = serializers.DateTimeField(help_text="When the definition last changed.")
    lastExecutedAt = serializers.DateTimeField(allow_null=True)
    nextExecutionTime = serializers.DateTimeField(allow_null=True)
    pauseReason = serializers.CharField(allow_null=True)
    pausedUntil = serializers.DateTimeField(allow_null=True)


class ExecutionAnswer(Answer):
    id = serializers.UUIDField()
    taskId = serializers.UUIDField()
    taskName = serializers.CharField()
    namespace = serializers.CharField()
    queue = serializers.CharField()
    priority = serializers.IntegerField()
    scheduledFor = serializers.DateTimeField(help_text="The slot.")
    scheduledUntil = serializers.DateTimeField(allow_null=True, help_text="Last slot of a range row.")
    slotCount = serializers.IntegerField(allow_null=True, help_text="Slots of a range row.")
    status = serializers.ChoiceField(EXECUTION_STATUSES)
    reason = serializers.CharField(allow_null=True)
    attempt = serializers.IntegerField()
    trigger = serializers.ChoiceField([trigger.value for trigger in Trigger])
    queuedAt = serializers.DateTimeField(allow_null=True)
    notBefore = serializers.DateTimeField(allow_null=True)
    startTime = serializers.DateTimeField(allow_null=True)
    endTime = serializers.DateTimeField(allow_null=True)
    executionTimeMs = serializers.IntegerField(allow_null=True)
    latenessMs = serializers.IntegerField(allow_null=True)
    result = serializers.CharField(allow_null=True)
    errorMessage = serializers.CharField(allow_null=True)
    nodeId = serializers.CharField(allow_null=True)
    fence = serializers.IntegerField(allow_null=True)
    revision = serializers.IntegerField(allow_null=True, help_text="The task's version that ran.")
    runId = serializers.UUIDField(allow_null=True)
    cancelRequestedAt = serializers.DateTimeField(allow_null=True)


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
    load = serializers.JSONField()


class PageAnswer(Answer):
    page = serializers.IntegerField()
    size = serializers.IntegerField()
    totalElements = serializers.IntegerField()
    totalPages = serializers.IntegerField()
    isTotalEstimated = serializers.BooleanField()
    nextCursor = serializers.CharField(allow_null=True)


class TaskPage(PageAnswer):
    content = TaskAnswer(many=True)


class ExecutionPage(PageAnswer):
    content = ExecutionAnswer(many=True)


class HandlerPage(PageAnswer):
    content = HandlerAnswer(many=True)


class NodePage(PageAnswer):
    content = NodeAnswer(many=True)


class FaultAnswer(Answer):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemAnswer(Answer):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors: Any = FaultAnswer(many=True, required=False)
