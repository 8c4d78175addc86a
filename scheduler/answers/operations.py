"""Operations and how they stand."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.models.choices import (
    OperationKind,
    OperationStatus,
)


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


class OperationPage(PageAnswer):
    content = OperationAnswer(many=True)
