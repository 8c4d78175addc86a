"""The request bodies of webhooks: which fields there are, of which type and within which bounds."""

from typing import Any

from rest_framework import serializers

from register.api.fields import Flag, Key, Line, Text, Word
from register.api.serializers import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.engine import urls
from scheduler.engine.webhooks import EVENTS, FAMILIES

URL_MAX_LENGTH = 2_048
DESCRIPTION_MAX_LENGTH = 1_000


class WebAddress(Line):
    """A URL of a web service; whether its address may be connected to, the worker decides that sends."""

    default_error_messages = {"url": "{refusal}"}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return urls.read_url(text).text
        except urls.InvalidUrl as refusal:
            self.fail("url", refusal=refusal)


class Events(serializers.ListField):
    """Events, families of them, or *; naming one twice says no more than naming it once."""

    child = Word((*EVENTS, *FAMILIES))

    def to_internal_value(self, data: Any) -> list[Any]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class WebhookInput(Strict):
    """Who wants to be told, and of what."""

    url = WebAddress(max_length=URL_MAX_LENGTH)
    events = Events(min_length=1, max_length=len(EVENTS) + len(FAMILIES))
    namespace = Key(max_length=KEY_MAX_LENGTH, allow_null=True, required=False)
    description = Text(max_length=DESCRIPTION_MAX_LENGTH, allow_null=True, allow_blank=True, required=False)
    isActive = Flag(source="is_active", required=False)


def read_new_webhook(data: Any) -> Given:
    """Return a new webhook."""
    return WebhookInput().read(data)


def read_webhook_changes(data: Any) -> Given:
    """Return the fields to change; the others keep what they have."""
    return WebhookInput(partial=True).read(data)
