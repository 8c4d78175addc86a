"""Protection."""

from rest_framework import serializers

from scheduler.answers.common import Answer
from scheduler.answers.words import PROTECTION_LEVELS


class ExceededAnswer(Answer):
    signal = serializers.CharField(help_text="What was measured.")
    value = serializers.FloatField(help_text="How much of it.")
    of = serializers.CharField(help_text="Of which node; empty of the database, the broker and the queues.")
    soft = serializers.FloatField(help_text="Above it less is let go.")
    hard = serializers.FloatField(help_text="Above it only what is critical is let go.")


class ProtectionAnswer(Answer):
    level = serializers.ChoiceField(
        PROTECTION_LEVELS,
        help_text="THROTTLED: so many a second go, the most urgent first. CRITICAL: priority 10 only.",
    )
    isOn = serializers.BooleanField(help_text="Whether anything is ever let go less.")
    since = serializers.DateTimeField(allow_null=True, help_text="When it came to this level.")
    decidedAt = serializers.DateTimeField(allow_null=True, help_text="When a scheduler looked last.")
    maxDispatchPerSecond = serializers.FloatField(allow_null=True, help_text="While it is THROTTLED.")
    exceeded = ExceededAnswer(many=True, help_text="Which limits are exceeded, the worst first.")
    measured = serializers.DictField(child=serializers.FloatField(), help_text="What was measured last, by its name.")
    heldCount = serializers.IntegerField(help_text="Executions that wait for it; counted up to 10,000.")
    shedPriority = serializers.IntegerField(
        allow_null=True, help_text="Fresh slots up to this priority are SKIPPED, reason shed; mostly null."
    )
    held = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Executions that wait, by reason, whatever holds them; counted up to 10,000 in all.",
    )
    heldDeliveries = serializers.IntegerField(help_text="Deliveries that wait for the circuit of their webhook's host.")
