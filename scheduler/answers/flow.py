"""Flow control."""

from rest_framework import serializers

from scheduler.answers.common import Answer
from scheduler.engine.flow import FlowMode

FLOW_MODES = [mode.value for mode in FlowMode]


class FlowLimitAnswer(Answer):
    mode = serializers.ChoiceField(FLOW_MODES)
    maxDispatchPerSecond = serializers.FloatField(allow_null=True)
    maxConcurrency = serializers.IntegerField(allow_null=True)


class FlowSettingsAnswer(FlowLimitAnswer):
    queues = serializers.DictField(child=FlowLimitAnswer())
    taskClasses = serializers.DictField(child=FlowLimitAnswer())
    namespaces = serializers.DictField(child=FlowLimitAnswer(), help_text="Of a bound token its own only.")
    reason = serializers.CharField(allow_null=True)
    startsAt = serializers.DateTimeField(allow_null=True, help_text="null where nobody has asked for anything yet.")
    expiresAt = serializers.DateTimeField(allow_null=True)
    id = serializers.IntegerField(allow_null=True)
    createdAt = serializers.DateTimeField(allow_null=True)
    createdBy = serializers.CharField(allow_null=True)


class FlowControlAnswer(FlowSettingsAnswer):
    version = serializers.IntegerField(help_text="Grows with each change; the ETag.")
    covered = FlowSettingsAnswer(many=True, help_text="What is in force again at expiresAt, the first one first.")
    planned = FlowSettingsAnswer(many=True, help_text="What begins later, the next one first.")
