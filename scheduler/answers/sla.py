"""How well tasks keep their SLA, and what was broken."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.answers.words import PROMISES


class ComplianceAnswer(Answer):
    slots = serializers.IntegerField(help_text="Under an SLA and decided; a range row counts with all its slots.")
    kept = serializers.IntegerField()
    broken = serializers.IntegerField(help_text="Slots that broke any promise.")
    compliance = serializers.FloatField(allow_null=True, help_text="Kept / slots, 0 to 1; null without slots.")
    breaches: Any = serializers.DictField(child=serializers.IntegerField(), help_text="Slots by promise broken.")


class ComplianceLineAnswer(ComplianceAnswer):
    key = serializers.CharField(help_text="The namespace, the task's id, key:value of a label, or a week's Monday.")
    taskName = serializers.CharField(allow_null=True)
    namespace = serializers.CharField(allow_null=True)


class SlaReportAnswer(PageAnswer):
    by = serializers.CharField()
    total = ComplianceAnswer(help_text="Of all tasks that were asked for, each slot once.")
    content = ComplianceLineAnswer(many=True)

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {"from": serializers.DateField(), "to": serializers.DateField(), **super().get_fields()}


class BreachAnswer(Answer):
    id = serializers.IntegerField()
    taskId = serializers.UUIDField()
    taskName = serializers.CharField()
    namespace = serializers.CharField()
    promise = serializers.ChoiceField(PROMISES)
    executionId = serializers.UUIDField(help_text="Of lateness and deadline the slot's first attempt.")
    scheduledFor = serializers.DateTimeField(help_text="The slot.")
    brokenAt = serializers.DateTimeField(help_text="The instant by which it was to be kept.")
    detectedAt = serializers.DateTimeField()


class BreachPage(PageAnswer):
    content = BreachAnswer(many=True)
