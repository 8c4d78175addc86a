"""What is predicted of a task."""

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
