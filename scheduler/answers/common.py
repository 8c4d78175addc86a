"""What all answers have in common: objects, pages, problems."""

from typing import Any

from rest_framework import serializers

from scheduler.answers.words import CHANNEL_KINDS


class Answer(serializers.Serializer[Any]):
    """An object of an answer; all its fields are always there."""


class PageAnswer(Answer):
    page = serializers.IntegerField(allow_null=True, help_text="null for what follows a cursor.")
    size = serializers.IntegerField()
    totalElements = serializers.IntegerField()
    totalPages = serializers.IntegerField()
    isTotalEstimated = serializers.BooleanField(help_text="Totals above 10,000 are estimated.")
    nextCursor = serializers.CharField(allow_null=True, help_text="null where nothing follows.")


class ChannelAnswer(serializers.Serializer[Any]):
    """By which people are notified; of `to`, `url` and `webhookId` it has the one that its kind takes."""

    kind = serializers.ChoiceField(CHANNEL_KINDS)
    to = serializers.ListField(child=serializers.CharField(), required=False)
    url: Any = serializers.JSONField(required=False, help_text="A text, or a $secret.")
    webhookId = serializers.UUIDField(required=False)


class FaultAnswer(Answer):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemAnswer(Answer):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors: Any = FaultAnswer(many=True, required=False)
