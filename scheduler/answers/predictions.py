"""What is predicted of a task, and of the load to come."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer
from scheduler.answers.words import EXECUTION_STATUSES, PROMISES


class QuantilesAnswer(Answer):
    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class AccuracyAnswer(Answer):
    runs = serializers.IntegerField(help_text="Runs that were judged, each by what was known before it.")
    medianError = serializers.FloatField(help_text="Half of them were off by so much at most: |p50 - took| / took.")
    withinP90 = serializers.FloatField(help_text="The share that took no longer than the p90 said.")


class RiskAnswer(Answer):
    promise = serializers.ChoiceField(PROMISES)
    limit = serializers.DateTimeField(help_text="The instant that it is to be kept by.")
    chanceToMiss = serializers.FloatField(help_text="0 to 1.")
    willMiss = serializers.BooleanField(help_text="More likely missed than kept.")


class PredictedRunAnswer(Answer):
    executionId = serializers.UUIDField(allow_null=True, help_text="null of the next slot.")
    scheduledFor = serializers.DateTimeField()
    status = serializers.ChoiceField(EXECUTION_STATUSES, allow_null=True)
    begin = serializers.DateTimeField(help_text="Its start, or the earliest that it may start.")
    expectedEndAt = serializers.DateTimeField(help_text="As likely before as after.")
    latestEndAt = serializers.DateTimeField(help_text="Nine of ten by then.")
    isLongerThanKnown = serializers.BooleanField(help_text="It has run for longer than any run of the sample.")
    willMissDeadline = serializers.BooleanField(allow_null=True, help_text="null without a deadline.")
    risks = RiskAnswer(many=True)


class PredictionAnswer(Answer):
    taskId = serializers.UUIDField()
    at = serializers.DateTimeField()
    sampleSize = serializers.IntegerField(help_text="Successes that it rests on.")
    sampledFrom = serializers.DateTimeField(allow_null=True, help_text="The slot of the oldest of them.")
    durationMs = QuantilesAnswer(help_text="Of the next run; null of fewer than five.")
    accuracy = AccuracyAnswer(allow_null=True, help_text="How past predictions went; null where none can be judged.")
    open = PredictedRunAnswer(many=True)
    next = PredictedRunAnswer(allow_null=True)


class LoadAnswer(Answer):
    slots = serializers.IntegerField()
    slotsOfUnknownDuration = serializers.IntegerField(help_text="Of tasks that never ran: they add no time.")
    expectedBusySeconds = serializers.FloatField(help_text="Slots times expected duration, of one worker slot.")


class QueueLoadAnswer(LoadAnswer):
    queue = serializers.CharField()


class ForecastIntervalAnswer(LoadAnswer):
    """One hour."""

    queues = QueueLoadAnswer(many=True)

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        ends = {"from": serializers.DateTimeField(), "to": serializers.DateTimeField()}
        return {**ends, **super().get_fields()}


class PeakAnswer(QueueLoadAnswer):
    """The busiest hour of a queue."""

    timesMean = serializers.FloatField(help_text="How many times the queue's mean hour.")
    message = serializers.CharField()

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class ForecastAnswer(LoadAnswer):
    at = serializers.DateTimeField()
    namespace = serializers.CharField(allow_null=True)
    workedOutAt = serializers.DateTimeField(allow_null=True, help_text="null where nothing has been worked out yet.")
    intervals = ForecastIntervalAnswer(many=True)
    peaks = PeakAnswer(many=True)

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        ends = {"from": serializers.DateTimeField(), "to": serializers.DateTimeField()}
        return {**ends, **super().get_fields()}
