"""Operations and how they stand."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.models.choices import (
    OperationKind,
    OperationStatus,
)


class OperationCountsAnswer(Answer):
    """Of a backfill slots, each by its latest attempt; of a bulk action tasks or executions."""

    total = serializers.IntegerField()
    done = serializers.IntegerField(help_text="SUCCESS; the verb was done.")
    failed = serializers.IntegerField(help_text="Ended, and not as a SUCCESS; refused.")
    skipped = serializers.IntegerField(help_text="Left out: nothing was to be done.")
    running = serializers.IntegerField(help_text="Queued, held, running or about to be tried again.")


class OperationErrorAnswer(Answer):
    id = serializers.UUIDField(allow_null=True, help_text="The task or execution of a bulk action.")
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
    arguments: Any = serializers.DictField(
        help_text="Of a BACKFILL from, to, maxParallel, rerun; of a BULK_ACTION on, action, arguments, filter."
    )
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
