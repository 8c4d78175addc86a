"""Executions, what they logged, measured and why they ran."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.answers.words import EXECUTION_STATUSES, EXPLAINED_OUTCOMES, PROMISES
from scheduler.engine.states import Trigger


class OwnBreachAnswer(Answer):
    promise = serializers.ChoiceField(PROMISES)
    brokenAt = serializers.DateTimeField()


class ExecutionSlaAnswer(Answer):
    """As its task had it when the slot was recorded."""

    maxLatenessSeconds = serializers.IntegerField(allow_null=True)
    maxDurationSeconds = serializers.IntegerField(allow_null=True)
    deadlineAt = serializers.DateTimeField(allow_null=True, help_text="By when the slot is to have succeeded.")
    breaches: Any = OwnBreachAnswer(many=True, help_text="Lateness and deadline stand with the first attempt.")


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
    sla = ExecutionSlaAnswer(allow_null=True, help_text="null where nothing was promised.")


class PercentilesAnswer(Answer):
    """Off by 2 % at most, the mean by nothing; null where nothing was measured."""

    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)


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

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(),
            **super().get_fields(),
        }


class BusyHourAnswer(Answer):
    hour = serializers.IntegerField(help_text="Of the day in the task's zone, 0 to 23.")
    executions = serializers.IntegerField(help_text="What ran in it, on all days of the window.")


class MetricsAnswer(PeriodMetricsAnswer):
    taskId = serializers.UUIDField()
    window = serializers.CharField()
    busiestHours: Any = BusyHourAnswer(many=True, help_text="Up to three, the busiest first.")
    previous = PeriodMetricsAnswer(help_text="The window before.")
    trend = TrendAnswer()


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
    outcome = serializers.ChoiceField(EXPLAINED_OUTCOMES)
    summary = serializers.CharField(help_text="All of it in one sentence.")
    steps: Any = StepAnswer(many=True, help_text="Oldest first, as far as their times are known.")


class SlotExplanationAnswer(ExplanationAnswer):
    at = serializers.DateTimeField(help_text="The instant that was asked for.")
    slotBefore = serializers.DateTimeField(allow_null=True, help_text="The slot before it, by today's definition.")
    slotAfter = serializers.DateTimeField(allow_null=True, help_text="The slot after it, by today's definition.")


class LogAnswer(Answer):
    executionId = serializers.UUIDField()
    head = serializers.CharField(help_text="The first 64 KiB; written when the execution ends.")
    tail = serializers.CharField(help_text="The last 64 KiB of what did not fit into the head.")
    droppedBytes = serializers.IntegerField(help_text="What was left out between the two.")


class ExecutionPage(PageAnswer):
    content = ExecutionAnswer(many=True)
