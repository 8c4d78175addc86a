"""The shapes of the API's answers, for its OpenAPI document; `scheduler.representations` fills them."""

from typing import Any

from rest_framework import serializers

from scheduler.engine.calendars import CalendarPolicy
from scheduler.engine.explanations import Outcome
from scheduler.engine.retry import BACKOFFS, RETRYABLE
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.models.choices import (
    IntervalMode,
    MisfirePolicy,
    NodeRole,
    OperationKind,
    OperationStatus,
    OverlapPolicy,
    Role,
)

TASK_STATUSES = [status.value for status in TaskStatus]
EXECUTION_STATUSES = [status.value for status in Status]
OVERLAP_POLICIES = OverlapPolicy.values
CALENDAR_POLICIES = [policy.value for policy in CalendarPolicy]
ROLES = Role.values


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
    intervalMode = serializers.ChoiceField(IntervalMode.values)
    runAt = serializers.DateTimeField(allow_null=True)
    startAt = serializers.DateTimeField(allow_null=True)
    endAt = serializers.DateTimeField(allow_null=True)
    jitterSeconds = serializers.IntegerField(help_text="Each slot is due later by a stable share of it.")
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


class PercentilesAnswer(Answer):
    """null where nothing was measured."""

    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class TrendAnswer(Answer):
    """This window's number less that of the window before; null where either has none."""

    successRate = serializers.FloatField(allow_null=True)
    retries = serializers.IntegerField(allow_null=True)
    throughputPerHour = serializers.FloatField(allow_null=True)
    durationP95Ms = serializers.FloatField(allow_null=True)
    latenessP95Ms = serializers.FloatField(allow_null=True)


class PeriodMetricsAnswer(Answer):
    counts: Any = serializers.DictField(
        child=serializers.IntegerField(), help_text="By status; range rows count with all their slots."
    )
    successRate = serializers.FloatField(
        allow_null=True, help_text="SUCCESS among SUCCESS, FAILED, TIMED_OUT and LOST; 0 to 1."
    )
    retries = serializers.IntegerField(help_text="Attempts after the first.")
    throughputPerHour = serializers.FloatField(help_text="What ran to an end, an hour.")
    durationMs = PercentilesAnswer(help_text="Of SUCCESS, FAILED and TIMED_OUT.")
    latenessMs = PercentilesAnswer(help_text="Of first attempts.")
    isSampled = serializers.BooleanField(help_text="Above 100,000 executions the newest are measured.")

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(),
            **super().get_fields(),
        }


class MetricsAnswer(PeriodMetricsAnswer):
    taskId = serializers.UUIDField()
    window = serializers.CharField()
    previous = PeriodMetricsAnswer(help_text="The window before.")
    trend = TrendAnswer()


class UpcomingAnswer(Answer):
    taskId = serializers.UUIDField()
    status = serializers.ChoiceField(TASK_STATUSES)
    timeZone = serializers.CharField()
    next = serializers.ListField(child=serializers.DateTimeField())


class StepAnswer(Answer):
    at = serializers.DateTimeField(allow_null=True, help_text="null where its time is not known.")
    code = serializers.CharField(help_text="The cause, for programs.")
    message = serializers.CharField(help_text="The cause, for people.")
    data: Any = serializers.JSONField(help_text="Its facts.")


class ExplanationAnswer(Answer):
    taskId = serializers.UUIDField()
    taskName = serializers.CharField()
    executionId = serializers.UUIDField(allow_null=True, help_text="null where no execution has been recorded.")
    scheduledFor = serializers.DateTimeField(allow_null=True, help_text="The slot, null where there is none.")
    outcome = serializers.ChoiceField([outcome.value for outcome in Outcome])
    summary = serializers.CharField(help_text="All of it in one sentence.")
    steps: Any = StepAnswer(many=True, help_text="Oldest first, as far as their times are known.")


class SlotExplanationAnswer(ExplanationAnswer):
    at = serializers.DateTimeField(help_text="The instant that was asked for.")
    slotBefore = serializers.DateTimeField(allow_null=True, help_text="The slot before it, by today's definition.")
    slotAfter = serializers.DateTimeField(allow_null=True, help_text="The slot after it, by today's definition.")


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


class CalendarAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField(allow_null=True, help_text="null is shared by all.")
    description = serializers.CharField(allow_null=True)
    rules: Any = serializers.JSONField(help_text="What it excludes, sorted, as it is stored.")
    version = serializers.IntegerField(help_text="Grows with each change of the rules; the ETag.")
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField(allow_null=True)
    updatedAt = serializers.DateTimeField()
    taskCount = serializers.IntegerField(help_text="Tasks that use it and are not deleted, those of the caller.")
    pendingTaskCount = serializers.IntegerField(help_text="Those of them that its latest rules have not moved yet.")


class ClosedDayAnswer(Answer):
    date = serializers.DateField()
    reason = serializers.CharField()


class RangeAnswer(Answer):
    """Both ends as they are written; of times the second one is not included."""

    def get_fields(self) -> Any:
        """Return `from`, which is a word of Python, and `to`."""
        return {"from": serializers.CharField(), "to": serializers.CharField()}


class ClosedDaysAnswer(RangeAnswer):
    """Days from one to the other, both included."""

    def get_fields(self) -> Any:
        """Return the fields."""
        days = {"from": serializers.DateField(), "to": serializers.DateField()}
        return days | {
            "timeZone": serializers.CharField(help_text="Whose days they are."),
            "openTimes": RangeAnswer(many=True, help_text="What is open on the other days."),
            "closed": ClosedDayAnswer(many=True),
        }


class CalendarMoveAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField()
    status = serializers.ChoiceField(TASK_STATUSES)
    before = serializers.DateTimeField(allow_null=True, help_text="When it fires next.")
    after = serializers.DateTimeField(allow_null=True, help_text="When it would fire next.")


class CalendarEffectAnswer(Answer):
    """What a change would do; nothing was stored."""

    id = serializers.UUIDField()
    version = serializers.IntegerField()
    changesRules = serializers.BooleanField()
    taskCount = serializers.IntegerField()
    tasks = CalendarMoveAnswer(many=True, help_text="Up to 20 of them, the next first.")


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


class NamespaceAnswer(Answer):
    name = serializers.CharField()
    weight = serializers.IntegerField(help_text="Its share of a backlog, relative to others; 1 to 100.")
    description = serializers.CharField(allow_null=True)
    secretNames = serializers.ListField(
        child=serializers.CharField(), help_text="Secrets that its tasks may name; without any, SECRET_NAMES says."
    )
    notifyChannel = serializers.JSONField(allow_null=True, help_text="Always null in this version.")
    retentionDays = serializers.IntegerField(allow_null=True, help_text="Always null in this version.")
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


class LogAnswer(Answer):
    executionId = serializers.UUIDField()
    head = serializers.CharField(help_text="The first 64 KiB; written when the execution ends.")
    tail = serializers.CharField(help_text="The last 64 KiB of what did not fit into the head.")
    droppedBytes = serializers.IntegerField(help_text="What was left out between the two.")


class OperationArgumentsAnswer(Answer):
    to = serializers.DateTimeField()
    maxParallel = serializers.IntegerField()
    rerun = serializers.BooleanField()

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class OperationCountsAnswer(Answer):
    """Slots, each by its latest attempt."""

    total = serializers.IntegerField()
    done = serializers.IntegerField(help_text="SUCCESS.")
    failed = serializers.IntegerField(help_text="Ended, and not as a SUCCESS.")
    skipped = serializers.IntegerField(help_text="Left out: they had a SUCCESS, were open, or were to be skipped.")
    running = serializers.IntegerField(help_text="Queued, held, running or about to be tried again.")


class OperationErrorAnswer(Answer):
    slot = serializers.DateTimeField(allow_null=True, help_text="null where it is about the whole.")
    status = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)


class OperationAnswer(Answer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(OperationKind.values)
    status = serializers.ChoiceField(OperationStatus.values)
    namespace = serializers.CharField(allow_null=True)
    taskId = serializers.UUIDField(allow_null=True)
    taskName = serializers.CharField(allow_null=True)
    arguments = OperationArgumentsAnswer()
    counts = OperationCountsAnswer()
    progress = serializers.FloatField(help_text="0 to 1.")
    estimatedEndAt = serializers.DateTimeField(allow_null=True)
    errors: Any = OperationErrorAnswer(many=True, help_text="The first 20.")
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField(allow_null=True)
    startedAt = serializers.DateTimeField(allow_null=True)
    endedAt = serializers.DateTimeField(allow_null=True)
    abortRequestedAt = serializers.DateTimeField(allow_null=True)


class PageAnswer(Answer):
    page = serializers.IntegerField(allow_null=True, help_text="null for what follows a cursor.")
    size = serializers.IntegerField()
    totalElements = serializers.IntegerField()
    totalPages = serializers.IntegerField()
    isTotalEstimated = serializers.BooleanField(help_text="Totals above 10,000 are estimated.")
    nextCursor = serializers.CharField(allow_null=True, help_text="null where nothing follows.")


class TaskPage(PageAnswer):
    content = TaskAnswer(many=True)


class ExecutionPage(PageAnswer):
    content = ExecutionAnswer(many=True)


class CalendarPage(PageAnswer):
    content = CalendarAnswer(many=True)


class HandlerPage(PageAnswer):
    content = HandlerAnswer(many=True)


class NodePage(PageAnswer):
    content = NodeAnswer(many=True)


class NamespacePage(PageAnswer):
    content = NamespaceAnswer(many=True)


class TokenPage(PageAnswer):
    content = TokenAnswer(many=True)


class OperationPage(PageAnswer):
    content = OperationAnswer(many=True)


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
