"""The versions of a task's definition."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.answers.tasks import DefinitionAnswer, FieldChangeAnswer


class RevisionAnswer(Answer):
    version = serializers.IntegerField(help_text="The task's version; an execution's revision names it.")
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField(allow_null=True, help_text="null where it is not known any more.")
    reason = serializers.CharField(allow_null=True, help_text="What X-Reason said.")
    restoredFrom = serializers.IntegerField(allow_null=True, help_text="The version whose definition came back.")
    changes: Any = FieldChangeAnswer(many=True, help_text="Against the version before it, unless asked otherwise.")


class WholeRevisionAnswer(RevisionAnswer):
    definition = DefinitionAnswer(help_text="All fields that a registration takes.")


class RevisionPage(PageAnswer):
    content = RevisionAnswer(many=True)
