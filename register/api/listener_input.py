"""`listensTo`: the events that start a task."""

from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from register.api.event_fields import EVENT_NAME_MAX_LENGTH, Match
from register.api.fields import Items, Line
from register.api.strict import Strict
from scheduler.engine.changes import same


class ListenerInput(Strict):
    """An event that starts the task: its name, and what its payload has to hold."""

    event = Line(max_length=EVENT_NAME_MAX_LENGTH, required=False)
    match = Match(required=False, help_text="Members that the payload must have; a list stands for any of its values.")

    default_error_messages = {"required": "Say which event: by its name."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        if "event" not in values:
            raise ValidationError({"event": [ErrorDetail(str(self.error_messages["required"]), code="required")]})
        return {"event": values["event"], "match": values.get("match", {})}


class Listeners(Items):
    """Events that start a task, any one of them; naming one twice says no more than naming it once."""

    child = ListenerInput()

    def to_internal_value(self, data: Any) -> list[Any]:
        told: list[Any] = []
        for one in super().to_internal_value(data):
            if not any(same(one, other) for other in told):
                told.append(one)
        return told
