"""Calendars and the days that they close."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.answers.words import TASK_STATUSES


class CalendarAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField(allow_null=True, help_text="null is shared by all.")
    description = serializers.CharField(allow_null=True)
    rules: Any = serializers.JSONField(help_text="What it excludes, sorted, as it is stored.")
    version = serializers.IntegerField(help_text="Grows with each change of the rules; the ETag.")
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField(allow_null=True)
    updatedAt = serializers.DateTimeField()
    taskCount = serializers.IntegerField(help_text="Tasks that use it and are not deleted, those of the caller.")
    pendingTaskCount = serializers.IntegerField(help_text="Those of them that its latest rules have not moved yet.")


class ClosedDayAnswer(Answer):
    date = serializers.DateField()
    reason = serializers.CharField()


class RangeAnswer(Answer):
    """Both ends as they are written; of times the second one is not included."""

    def get_fields(self) -> Any:
        """Return `from`, which is a word of Python, and `to`."""
        return {"from": serializers.CharField(), "to": serializers.CharField()}


class ClosedDaysAnswer(RangeAnswer):
    """Days from one to the other, both included."""

    def get_fields(self) -> Any:
        """Return the fields."""
        days = {"from": serializers.DateField(), "to": serializers.DateField()}
        return days | {
            "timeZone": serializers.CharField(help_text="Whose days they are."),
            "openTimes": RangeAnswer(many=True, help_text="What is open on the other days."),
            "closed": ClosedDayAnswer(many=True),
        }


class CalendarMoveAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField()
    status = serializers.ChoiceField(TASK_STATUSES)
    before = serializers.DateTimeField(allow_null=True, help_text="When it fires next.")
    after = serializers.DateTimeField(allow_null=True, help_text="When it would fire next.")


class CalendarEffectAnswer(Answer):
    """What a change would do; nothing was stored."""

    id = serializers.UUIDField()
    version = serializers.IntegerField()
    changesRules = serializers.BooleanField()
    taskCount = serializers.IntegerField()
    tasks = CalendarMoveAnswer(many=True, help_text="Up to 20 of them, the next first.")


class CalendarPage(PageAnswer):
    content = CalendarAnswer(many=True)
