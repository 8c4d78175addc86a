"""Tasks, and what their schedules come to."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, ChannelAnswer, PageAnswer
from scheduler.answers.words import (
    CALENDAR_POLICIES,
    CIRCUIT_POLICIES,
    CONDITIONS,
    DEPENDENCY_MODES,
    OCCASIONS,
    OVERLAP_POLICIES,
    TASK_STATUSES,
)
from scheduler.engine.retry import BACKOFFS, RETRYABLE
from scheduler.models.choices import (
    IntervalMode,
    MisfirePolicy,
)


class RetryPolicyAnswer(Answer):
    backoff = serializers.ChoiceField(BACKOFFS)
    delaySeconds = serializers.FloatField()
    maxDelaySeconds = serializers.FloatField()
    jitter = serializers.BooleanField()


class DependencyAnswer(Answer):
    taskId = serializers.UUIDField()
    name = serializers.CharField(allow_null=True, help_text="null of a task in another namespace.")
    condition = serializers.ChoiceField(CONDITIONS)


class SlaAnswer(Answer):
    maxLatenessSeconds = serializers.IntegerField(allow_null=True)
    maxDurationSeconds = serializers.IntegerField(allow_null=True)
    deadlineAt = serializers.CharField(allow_null=True, help_text="HH:MM in timeZone.")


class ListenerAnswer(Answer):
    event = serializers.CharField(help_text="Name of an event.")
    match: Any = serializers.DictField(help_text="What its payload has to hold; {} is any.")


class NotifyAnswer(Answer):
    outcomes = serializers.ListField(child=serializers.ChoiceField(OCCASIONS))
    channel: Any = ChannelAnswer(allow_null=True, help_text="null is the namespace's.")


class DefinitionAnswer(Answer):
    name = serializers.CharField()
    namespace = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    taskClass = serializers.CharField(help_text="Public name of a handler.")
    taskData = serializers.CharField(allow_null=True, help_text="A JSON object, as text.")
    cronExpression = serializers.CharField(allow_null=True)
    timeZone = serializers.CharField()
    intervalSeconds = serializers.IntegerField(allow_null=True)
    intervalMode = serializers.ChoiceField(IntervalMode.values)
    runAt = serializers.DateTimeField(allow_null=True)
    startAt = serializers.DateTimeField(allow_null=True)
    endAt = serializers.DateTimeField(allow_null=True)
    jitterSeconds = serializers.IntegerField(help_text="Each slot is due later by a stable share of it.")
    flexSeconds = serializers.IntegerField(help_text="Each slot is due where its window behind the slot has room.")
    calendar = serializers.CharField(allow_null=True, help_text="Name of a calendar.")
    calendarPolicy = serializers.ChoiceField(CALENDAR_POLICIES)
    misfirePolicy = serializers.ChoiceField(MisfirePolicy.values)
    misfireGraceSeconds = serializers.IntegerField()
    catchUpLimit = serializers.IntegerField()
    overlapPolicy = serializers.ChoiceField(OVERLAP_POLICIES)
    maxConcurrency = serializers.IntegerField(allow_null=True, help_text="Its executions QUEUED or RUNNING at once.")
    autoPauseAfterFailures = serializers.IntegerField(allow_null=True, help_text="Slots failed in a row.")
    priority = serializers.IntegerField(help_text="1 to 10, larger first.")
    queue = serializers.CharField()
    dependencies = DependencyAnswer(many=True, help_text="Tasks that it waits for.")
    dependencyMode = serializers.ChoiceField(DEPENDENCY_MODES)
    listensTo: Any = ListenerAnswer(many=True, help_text="Events that start it.")
    uses = serializers.ListField(child=serializers.CharField(), help_text="Services that it calls.")
    circuitPolicy = serializers.ChoiceField(CIRCUIT_POLICIES)
    timeoutSeconds = serializers.IntegerField()
    maxRetryCount = serializers.IntegerField()
    retryPolicy = RetryPolicyAnswer()
    retryOn = serializers.ListField(child=serializers.ChoiceField(sorted(RETRYABLE)))
    sla = SlaAnswer(allow_null=True, help_text="What it promises of its slots.")
    labels: Any = serializers.DictField(child=serializers.CharField())
    owner = serializers.CharField(allow_null=True)
    notifyOn: Any = NotifyAnswer(many=True, allow_null=True, help_text="null is the namespace's channel, on failure.")


class TaskAnswer(DefinitionAnswer):
    id = serializers.UUIDField()
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
    template = serializers.CharField(allow_null=True, help_text="Name of the template that it was made of.")


class UpcomingAnswer(Answer):
    taskId = serializers.UUIDField()
    status = serializers.ChoiceField(TASK_STATUSES)
    timeZone = serializers.CharField()
    next = serializers.ListField(child=serializers.DateTimeField())


class WarningAnswer(Answer):
    code = serializers.CharField()
    message = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True, help_text="The slot that it is about, if it is about one.")


class PreviewAnswer(Answer):
    description = serializers.CharField(help_text="The schedule in plain words.")
    next = serializers.ListField(child=serializers.DateTimeField(), help_text="Slots that will run, before jitter.")
    nextLocal = serializers.ListField(child=serializers.DateTimeField(), help_text="The same in timeZone.")
    timeZone = serializers.CharField()
    isEstimated = serializers.BooleanField(help_text="Of a fixed delay one slot is known at most.")
    warnings = WarningAnswer(many=True)


class FieldChangeAnswer(Answer):
    field = serializers.CharField()
    old: Any = serializers.JSONField()
    new: Any = serializers.JSONField()


class EditAnswer(Answer):
    taskId = serializers.UUIDField()
    version = serializers.IntegerField(help_text="The version that would be changed, for If-Match.")
    fields: Any = FieldChangeAnswer(many=True)
    slotsAdded = serializers.ListField(child=serializers.DateTimeField(), help_text="The first 100.")
    slotsRemoved = serializers.ListField(child=serializers.DateTimeField(), help_text="The first 100.")
    addedCount = serializers.IntegerField()
    removedCount = serializers.IntegerField()
    until = serializers.DateTimeField(help_text="The counts hold for the slots before it: 30 days, unless bounded.")
    isCountBounded = serializers.BooleanField()


class CandidateAnswer(TaskAnswer):
    id = serializers.UUIDField(allow_null=True, help_text="null of a new task.")


class ValidateAnswer(PreviewAnswer):
    valid = serializers.BooleanField(help_text="Always true: faults are answered as POST and PATCH answer them.")
    task = CandidateAnswer(help_text="As it would be stored.")
    change = EditAnswer(allow_null=True, help_text="null of a new task.")


class TaskPage(PageAnswer):
    content = TaskAnswer(many=True)
