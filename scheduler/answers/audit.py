"""Who did what."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.common import Answer, PageAnswer
from scheduler.models.choices import AuditKind, AuditVerb, Via


class AuditAnswer(Answer):
    id = serializers.IntegerField()
    recordedAt = serializers.DateTimeField(help_text="When the request came in.")
    actor = serializers.CharField(help_text="A token's name, a user of the dashboard, a command, or platform.")
    via = serializers.ChoiceField(Via.values)
    tokenId = serializers.IntegerField(allow_null=True)
    address = serializers.IPAddressField(allow_null=True, help_text="Where from; null where it is not known.")
    verb = serializers.ChoiceField(AuditVerb.values)
    kind = serializers.ChoiceField(AuditKind.values, help_text="What objectId is the id of.")
    objectId = serializers.CharField(help_text="An id, a namespace's name, or the path that was refused.")
    objectName = serializers.CharField(allow_null=True)
    namespace = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(allow_null=True, help_text="The version of a task that this made.")
    before: Any = serializers.JSONField(allow_null=True, help_text="What has changed, as it was.")
    after: Any = serializers.JSONField(allow_null=True, help_text="What has changed, as it became.")
    reason = serializers.CharField(allow_null=True, help_text="What X-Reason said.")


class AuditPage(PageAnswer):
    content = AuditAnswer(many=True)
