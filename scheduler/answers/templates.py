"""Templates, and the tasks made of them."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, FaultAnswer, PageAnswer
from scheduler.answers.tasks import FieldChangeAnswer, TaskAnswer


class TemplateAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField(allow_null=True, help_text="null is shared by all.")
    description = serializers.CharField(allow_null=True)
    parameters: Any = serializers.JSONField(help_text="JSON schema of the parameters.")
    definition: Any = serializers.JSONField(help_text="Fields of a task; ${name} stands for a parameter.")
    version = serializers.IntegerField(help_text="Grows with each change of the two; the ETag.")
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField(allow_null=True)
    updatedAt = serializers.DateTimeField()
    taskCount = serializers.IntegerField(help_text="Tasks made of it that are not deleted, those of the caller.")
    pendingTaskCount = serializers.IntegerField(help_text="Those of them that have not got the latest version.")


class TemplateRevisionAnswer(Answer):
    version = serializers.IntegerField()
    parameters: Any = serializers.JSONField()
    definition: Any = serializers.JSONField()
    createdAt = serializers.DateTimeField()
    createdBy = serializers.CharField()
    reason = serializers.CharField(allow_null=True, help_text="What X-Reason said.")


class InstancesAnswer(Answer):
    tasks = TaskAnswer(many=True, help_text="In the order in which they were asked for.")


class InstanceEffectAnswer(Answer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    namespace = serializers.CharField()
    changes: Any = FieldChangeAnswer(many=True)
    errors: Any = FaultAnswer(many=True, help_text="Why it cannot have this version; it keeps what it has.")


class TemplateEffectAnswer(Answer):
    id = serializers.UUIDField()
    version = serializers.IntegerField(help_text="The version that would be changed, for If-Match.")
    makesVersion = serializers.BooleanField()
    taskCount = serializers.IntegerField()
    tasks = InstanceEffectAnswer(many=True, help_text="The first 20.")


class TemplateAppliedAnswer(Answer):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    tasks = InstanceEffectAnswer(many=True)
    nextAfter = serializers.UUIDField(allow_null=True, help_text="Send it as `after`; null where no more follow.")
    pendingTaskCount = serializers.IntegerField(help_text="Tasks that have not got this version.")


class TemplatePage(PageAnswer):
    content = TemplateAnswer(many=True)


class TemplateRevisionPage(PageAnswer):
    content = TemplateRevisionAnswer(many=True)
