"""Fields of events: what comes with one, and what a task that listens asks of it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field

from register.api.documents import Document
from register.api.fields import TaskData

EVENT_NAME_MAX_LENGTH = 255
MATCH_MAX_BYTES = 4 * 1024


@extend_schema_field({"type": "object"})
class Payload(TaskData):
    """The JSON object that an event brings along; kept as text."""

    default_error_messages = {"invalid": "This must be a JSON object."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, dict):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "object"})
class Match(Document):
    """What the payload of an event must hold; it is looked up by the database."""

    max_bytes = MATCH_MAX_BYTES
