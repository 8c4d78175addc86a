"""Events, and what they have started."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.answers.words import EXECUTION_STATUSES


class EventCountsAnswer(Answer):
    """Of the tasks that listened, as far as the event has been carried on."""

    started = serializers.IntegerField(help_text="QUEUED, or held for a reason that is not the task's pause.")
    skipped = serializers.IntegerField(help_text="SKIPPED: the task is paused, or may not overlap.")
    failed = serializers.IntegerField(help_text="Could not be recorded.")


class EventAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField(allow_null=True, help_text="Whose tasks hear of it; null is every namespace.")
    payload: Any = serializers.DictField()
    receivedAt = serializers.DateTimeField(help_text="The slot of what it starts.")
    createdBy = serializers.CharField(allow_null=True)
    counts = EventCountsAnswer()
    completedAt = serializers.DateTimeField(allow_null=True, help_text="null while listeners are still to be started.")


class StartedAnswer(Answer):
    id = serializers.UUIDField(help_text="The execution.")
    taskId = serializers.UUIDField()
    taskName = serializers.CharField()
    namespace = serializers.CharField()
    status = serializers.ChoiceField(EXECUTION_STATUSES)
    reason = serializers.CharField(allow_null=True)


class WholeEventAnswer(EventAnswer):
    executions: Any = StartedAnswer(many=True, help_text="First attempts, at most 100.")


class EventPage(PageAnswer):
    content = EventAnswer(many=True)
