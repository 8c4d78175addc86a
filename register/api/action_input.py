"""The bodies of bulk actions: what they are about, what is done to it, and with which arguments."""

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from register.api.fields import Flag, Key, Labels, Whole, Word
from register.api.serializers import RESERVED_QUEUES, NothingInput, PauseInput, ResumeInput
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.errors import Fault

MOST_IDS: Final = 10_000


@extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}, "maxItems": MOST_IDS})
class Ids(serializers.Field[list[UUID], Any, list[UUID], Any]):
    """Ids of tasks or executions; one that stands twice is meant once."""

    default_error_messages = {
        "invalid": "This must be a list of ids.",
        "max_count": "There may be {limit:,} ids in one request; use filter, or send them in several.",
        "id": "This must be an id, a UUID.",
    }

    def to_internal_value(self, data: Any) -> list[UUID]:
        if not isinstance(data, list):
            self.fail("invalid")
        if len(data) > MOST_IDS:
            self.fail("max_count", limit=MOST_IDS)
        ids: list[UUID] = []
        refused: dict[Any, Any] = {}
        for index, text in enumerate(data):
            try:
                ids.append(UUID(text))
            except (ValueError, TypeError, AttributeError):
                refused[index] = [ErrorDetail(str(self.error_messages["id"]), code="invalid")]
        if refused:
            raise ValidationError(refused)
        return list(dict.fromkeys(ids))

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "object"})
class JsonObject(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """An object that is read by itself later on."""

    default_error_messages = {"invalid": "This must be a JSON object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class LabelChanges(Labels):
    """Labels to set; null takes one away."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            self.fail("invalid")
        # A label that is taken away is checked by its key alone.
        checked = super().to_internal_value({key: "" if value is None else value for key, value in data.items()})
        return {key: data[key] for key in checked}


class AssignInput(Strict):
    """What is set on each task; at least one of them."""

    priority = Whole(min_value=1, max_value=10, required=False)
    queue = Key(max_length=KEY_MAX_LENGTH, reserved=RESERVED_QUEUES, required=False)
    labels: Any = LabelChanges(required=False, help_text="Added to those that are there; null takes one away.")

    def read(self, data: Any) -> Given:
        """Return what is to be set, and the fault of nothing at all."""
        given = super().read(data)
        if given.values or given.faults:
            return given
        return Given({}, (Fault("", "required", f"Give at least one of {', '.join(self.fields)}."),))


TASK_ACTIONS: Final[dict[str, type[Strict]]] = {
    "pause": PauseInput, "resume": ResumeInput, "trigger": NothingInput, "delete": NothingInput, "set": AssignInput
}  # fmt: skip
EXECUTION_ACTIONS: Final[dict[str, type[Strict]]] = {"cancel": NothingInput, "retry": NothingInput}


class _ActionInput(Strict):
    """Either `ids`, or a `filter` with the names of the list's query parameters."""

    ids = Ids(required=False)
    filter = JsonObject(required=False, help_text="The list's query parameters by name; at least one.")
    arguments = JsonObject(required=False)
    dryRun = Flag(source="dry_run", default=False, help_text="Tell what it would be about, and do nothing.")


class TaskActionInput(_ActionInput):
    """One verb on many tasks."""

    action = Word(list(TASK_ACTIONS))


class ExecutionActionInput(_ActionInput):
    """One verb on many executions."""

    action = Word(list(EXECUTION_ACTIONS))


def read_action(body: Strict, data: Any, actions: dict[str, type[Strict]]) -> Given:
    """Return what is to be done to what; the arguments as they are stored, with the faults under their names."""
    given = body.read(data)
    faults = list(given.faults)
    if ("ids" in given.values) == ("filter" in given.values) and not {"ids", "filter"} & given.faulty:
        faults += [Fault(name, "required", "Give one of ids and filter.") for name in ("ids", "filter")]
    if "action" in given.values:
        arguments = given.values.get("arguments", {})
        read = actions[given.values["action"]]().read(arguments)
        faults += [
            Fault(f"arguments.{fault.field}".rstrip("."), fault.code, fault.message, fault.is_impossible)
            for fault in read.faults
        ]
    return Given(given.values, tuple(faults), given.faulty)
