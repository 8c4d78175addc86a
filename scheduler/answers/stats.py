"""How everything stands, and what was, is and comes along a timeline."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.engine.flow import FlowMode
from scheduler.engine.slotaudit import SlotFault


class NumberAnswer(Answer):
    count = serializers.IntegerField()
    isEstimated = serializers.BooleanField()
    link = serializers.CharField(help_text="The list of exactly the rows that are counted.")


class EndedAnswer(Answer):
    """Of the slots since `from`, a full minute."""

    succeeded = NumberAnswer()
    failed = NumberAnswer(help_text="FAILED, TIMED_OUT and LOST.")
    successRate = serializers.FloatField(allow_null=True, help_text="What succeeded among both; 0 to 1.")

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class NextFireAnswer(Answer):
    taskId = serializers.UUIDField()
    taskName = serializers.CharField()
    namespace = serializers.CharField()
    at = serializers.DateTimeField(help_text="Slot and jitter.")


class WorkersAnswer(Answer):
    isHealthy = serializers.BooleanField(help_text="One beats at least.")
    alive = NumberAnswer()
    silent = NumberAnswer(help_text="Heard of within a day, but not for more than 15 s.")
    lastHeartbeatAt = serializers.DateTimeField(allow_null=True)
    slots = serializers.IntegerField(help_text="Executions that those which beat can run at once.")
    missingClasses = serializers.ListField(
        child=serializers.CharField(),
        help_text="Up to ten classes of active tasks that no worker has announced for three minutes, while one beats.",
    )


class SchedulersAnswer(Answer):
    isHealthy = serializers.BooleanField(
        help_text="One beats, and nothing has been due for more than 5 s, unless all is stopped."
    )
    oldestDueAt = serializers.DateTimeField(allow_null=True, help_text="null where nothing is due.")
    alive = NumberAnswer()
    silent = NumberAnswer(help_text="Heard of within a day, but not for more than 15 s.")
    lastHeartbeatAt = serializers.DateTimeField(allow_null=True)


class QueueDepthAnswer(Answer):
    queue = serializers.CharField()
    depth = NumberAnswer()
    oldestQueuedAt = serializers.DateTimeField()
    oldestWaitSeconds = serializers.FloatField()
    oldestUnpublishedAt = serializers.DateTimeField(
        allow_null=True,
        help_text="Since when the first waits that the broker has not taken yet; null if it has all.",
    )
    isServed = serializers.BooleanField(help_text="A worker that beats takes from it.")


class FlowOverviewAnswer(Answer):
    """What is in force of flow control; `GET /flow-control` tells all of it."""

    mode = serializers.ChoiceField([mode.value for mode in FlowMode], help_text="PAUSED: everything is stopped.")
    isLimiting = serializers.BooleanField(help_text="Something is limited or paused, and be it one queue.")
    reason = serializers.CharField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    askedBy = serializers.CharField(allow_null=True)
    nextPlannedAt = serializers.DateTimeField(allow_null=True)


class OverviewAnswer(Answer):
    at = serializers.DateTimeField(help_text="When it was worked out.")
    namespace = serializers.CharField(allow_null=True, help_text="The token's; null is every namespace.")
    tasks: Any = serializers.DictField(child=NumberAnswer(), help_text="By status.")
    late = NumberAnswer(help_text="Tasks due more than 5 s ago and not claimed, or QUEUED for more than 60 s.")
    executions: Any = serializers.DictField(child=NumberAnswer(), help_text="What is open, by status.")
    lastHour = EndedAnswer()
    lastDay = EndedAnswer()
    dueWithinHour = NumberAnswer(help_text="Tasks that fire within the next hour.")
    nextFires: Any = NextFireAnswer(many=True)
    schedulers = SchedulersAnswer()
    workers = WorkersAnswer()
    queues: Any = QueueDepthAnswer(many=True, help_text="Those in which something waits, the deepest first.")
    flowControl = FlowOverviewAnswer()


class IntervalAnswer(Answer):
    counts: Any = serializers.DictField(
        child=serializers.IntegerField(), help_text="Executions by status; a range row counts once."
    )
    coming = serializers.IntegerField(
        allow_null=True, help_text="Tasks that fire next in it; null behind the first 20,000."
    )
    executionsLink = serializers.CharField(help_text="Its executions; &status= leaves those that a number counts.")
    comingLink = serializers.CharField(help_text="The tasks that fire next in it.")

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {"from": serializers.DateTimeField(), "to": serializers.DateTimeField(), **super().get_fields()}


class TimelineAnswer(Answer):
    at = serializers.DateTimeField(help_text="When it was worked out.")
    namespace = serializers.CharField(allow_null=True, help_text="The token's; null is every namespace.")
    window = serializers.CharField()
    intervalSeconds = serializers.IntegerField()
    intervals: Any = IntervalAnswer(many=True, help_text="Oldest first.")


class SlotFaultAnswer(Answer):
    id = serializers.IntegerField()
    taskId = serializers.UUIDField()
    taskName = serializers.CharField()
    namespace = serializers.CharField()
    kind = serializers.ChoiceField([kind.value for kind in SlotFault])
    scheduledFor = serializers.DateTimeField(help_text="The slot.")
    lateSeconds = serializers.FloatField(
        allow_null=True,
        help_text="How late it was recorded, or was when it was found waiting; null where it is not LATE.",
    )
    foundAt = serializers.DateTimeField()


class SlotFaultPage(PageAnswer):
    content = SlotFaultAnswer(many=True)
