"""What became of many records."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, FaultAnswer
from scheduler.answers.words import RECORD_OUTCOMES


class RecordAnswer(Answer):
    index = serializers.IntegerField(help_text="In the request's list, from 0.")
    id = serializers.UUIDField(allow_null=True, help_text="null where it failed.")
    outcome = serializers.ChoiceField(RECORD_OUTCOMES)
    errors: Any = FaultAnswer(many=True, help_text="Of a record that failed; fields as tasks[17].cronExpression.")


class ActedOnAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField(help_text="Of the task.")
    namespace = serializers.CharField()
    status = serializers.CharField()


class ActionPlanAnswer(Answer):
    """What a bulk action would be about."""

    action = serializers.CharField()
    on = serializers.ChoiceField(["tasks", "executions"])
    total = serializers.IntegerField()
    sample: Any = ActedOnAnswer(many=True, help_text="The first 20 by id.")


class BulkAnswer(Answer):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    failed = serializers.IntegerField()
    results: Any = RecordAnswer(many=True, help_text="In the request's order.")
