"""The request body of events: which fields there are, of which type and within which bounds."""

from typing import Any

from register.api.event_fields import EVENT_NAME_MAX_LENGTH, Payload
from register.api.fields import Key, Line, RequestKey
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH


class EventInput(Strict):
    """Something that has happened, for the tasks that listen for it."""

    name = Line(max_length=EVENT_NAME_MAX_LENGTH)
    namespace = Key(
        max_length=KEY_MAX_LENGTH, required=False, help_text="Whose tasks hear of it; default: all that the token sees."
    )
    payload = Payload(required=False, help_text="Handed to the handlers, and matched against listensTo.")
    idempotencyKey = RequestKey(max_length=255, required=False, help_text="The same as the header Idempotency-Key.")


def read_event(data: Any) -> Given:
    """Return an event."""
    return EventInput().read(data)
