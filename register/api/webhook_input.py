"""The request bodies of webhooks: which fields there are, of which type and within which bounds."""

from typing import Any

from rest_framework import serializers

from register.api.address_fields import WebAddress
from register.api.fields import Flag, Key, Text, Word
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.engine.webhooks import EVENTS, FAMILIES

DESCRIPTION_MAX_LENGTH = 1_000


class Events(serializers.ListField):
    """Events, families of them, or *; naming one twice says no more than naming it once."""

    child = Word((*EVENTS, *FAMILIES))

    def to_internal_value(self, data: Any) -> list[Any]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class WebhookInput(Strict):
    """Who wants to be told, and of what."""

    url = WebAddress()
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
