"""Circuits."""

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.answers.words import CIRCUIT_STATES


class CircuitAnswer(Answer):
    name = serializers.CharField(help_text="A service as tasks name it in uses, or host:… of webhooks.")
    state = serializers.ChoiceField(CIRCUIT_STATES, help_text="OPEN: nothing calls it. HALF_OPEN: one probe does.")
    since = serializers.DateTimeField(help_text="When it came to this state.")
    cause = serializers.CharField(allow_null=True, help_text="Why it opened last; null where it never did.")
    retryAt = serializers.DateTimeField(allow_null=True, help_text="When an open one lets a probe go.")
    probeId = serializers.UUIDField(allow_null=True, help_text="The execution that tries it, or the message.")
    tripCount = serializers.IntegerField(help_text="How often it opened since it closed last.")
    callCount = serializers.IntegerField(help_text="Calls of the last minute, or the last ten of an hour.")
    failureCount = serializers.IntegerField(help_text="Those of them that failed.")
    slowCount = serializers.IntegerField(help_text="Those of them that took too long.")
    heldCount = serializers.IntegerField(help_text="Executions that wait for it, or deliveries; counted up to 10,000.")


class CircuitPage(PageAnswer):
    content = CircuitAnswer(many=True)
