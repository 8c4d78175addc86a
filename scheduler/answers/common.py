"""What all answers have in common: objects, pages, problems."""

from typing import Any

from rest_framework import serializers


class Answer(serializers.Serializer[Any]):
    """An object of an answer; all its fields are always there."""


class PageAnswer(Answer):
    page = serializers.IntegerField(allow_null=True, help_text="null for what follows a cursor.")
    size = serializers.IntegerField()
    totalElements = serializers.IntegerField()
    totalPages = serializers.IntegerField()
    isTotalEstimated = serializers.BooleanField(help_text="Totals above 10,000 are estimated.")
    nextCursor = serializers.CharField(allow_null=True, help_text="null where nothing follows.")


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
