"""The request bodies of webhooks: which fields there are, of which type and within which bounds."""

from typing import Any

from register.api.address_fields import WebAddress
from register.api.fields import Flag, Instant, Items, Key, Text, Word
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.engine.webhooks import EVENTS, FAMILIES, NOTIFICATION, TEST
from scheduler.errors import Fault, InvalidInput
from scheduler.models.webhook import DeliveryStatus
from scheduler.webhooks import Which

DESCRIPTION_MAX_LENGTH = 1_000


class Events(Items):
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


class BulkReplayInput(Strict):
    """Which deliveries are sent again; all that have FAILED where nothing is said."""

    status = Word((DeliveryStatus.FAILED.value, DeliveryStatus.DELIVERED.value), default=DeliveryStatus.FAILED.value)
    event = Word((*EVENTS, TEST, NOTIFICATION), allow_null=True, default=None)
    to = Instant(source="end", allow_null=True, default=None, help_text="Made before this instant.")

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        begin = Instant(source="begin", allow_null=True, default=None, help_text="Made at this instant or later.")
        return {**super().get_fields(), "from": begin}


def read_bulk_replay(data: Any) -> Which:
    """Return which deliveries are to be sent again. Raises InvalidInput."""
    given = BulkReplayInput().read(data)
    if given.faults:
        raise InvalidInput(given.faults)
    which = Which(**given.values)
    if which.begin is not None and which.end is not None and which.begin >= which.end:
        raise InvalidInput([Fault("to", "impossible", "This must be later than from.", is_impossible=True)])
    return which


def read_new_webhook(data: Any) -> Given:
    """Return a new webhook."""
    return WebhookInput().read(data)


def read_webhook_changes(data: Any) -> Given:
    """Return the fields to change; the others keep what they have."""
    return WebhookInput(partial=True).read(data)
