"""The request body of flow control: modes, rates and concurrency, of all and of single keys."""

from collections.abc import Callable, Iterator
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from register.api.faults import faults_of
from register.api.fields import Instant, Key, Line, Number, Text, Whole, Word
from register.api.serializers import RESERVED_QUEUES
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.engine.flow import FlowMode
from scheduler.errors import Fault

SLOWEST_PER_SECOND = 0.001
FASTEST_PER_SECOND = 1_000_000
MOST_AT_ONCE = 1_000_000
MOST_KEYS = 1_000
REASON_MAX_LENGTH = 1_000
CLASS_MAX_LENGTH = 255

_MODES = [mode.value for mode in FlowMode]
_NUMBERS = ("maxDispatchPerSecond", "maxConcurrency")
_KEYS = ("queues", "taskClasses", "namespaces")

_NEEDS_NUMBER = "THROTTLED slows something down: send maxDispatchPerSecond or maxConcurrency with it."
_LIMITS_NOTHING = "NORMAL limits nothing: send THROTTLED, or leave maxDispatchPerSecond and maxConcurrency out."


class _Limits(Strict):
    """The limits of one key."""

    maxDispatchPerSecond = Number(
        min_value=SLOWEST_PER_SECOND, max_value=FASTEST_PER_SECOND, allow_null=True, required=False
    )
    maxConcurrency = Whole(min_value=1, max_value=MOST_AT_ONCE, allow_null=True, required=False)


class FlowLimitInput(_Limits):
    """What one queue, task class or namespace is limited to."""

    mode = Word(_MODES, required=False, help_text="Default: THROTTLED where a number is sent, else NORMAL.")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        limits = {name: values.get(name) for name in _NUMBERS}
        has_number = any(value is not None for value in limits.values())
        mode = values.get("mode") or (FlowMode.THROTTLED if has_number else FlowMode.NORMAL)
        if fault := _contradiction(mode, has_number):
            raise ValidationError({"mode": [fault]})
        return {"mode": FlowMode(mode).value, **limits}


class Keys(serializers.DictField):
    """Limits by name; what is wrong is told of each."""

    child = FlowLimitInput()

    def __init__(self, name: Callable[[], Any], **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.name = name

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise ValidationError("This must be a JSON object: limits by name.", code="invalid")
        if len(data) > MOST_KEYS:
            raise ValidationError(f"There may be {MOST_KEYS:,} at most.", code="max_length")
        field, values, faults = self.name(), {}, {}
        for name, entry in data.items():
            try:
                values[field.run_validation(name)] = self.child.run_validation(entry)
            except ValidationError as refusal:
                faults[name[:100]] = refusal.detail
        if faults:
            raise ValidationError(faults)
        return values


class FlowControlInput(_Limits):
    """The whole of flow control; a limit that is left out is none."""

    mode = Word(_MODES)
    queues = Keys(lambda: Key(max_length=KEY_MAX_LENGTH, reserved=RESERVED_QUEUES))
    taskClasses = Keys(lambda: Line(max_length=CLASS_MAX_LENGTH))
    namespaces = Keys(lambda: Key(max_length=KEY_MAX_LENGTH))
    reason = Text(max_length=REASON_MAX_LENGTH, allow_null=True, allow_blank=True, required=False)
    startsAt = Instant(
        source="starts_at", allow_null=True, required=False, help_text="Later than now: it is planned. Default: now."
    )
    expiresAt = Instant(
        source="expires_at", allow_null=True, required=False, help_text="What was in force before is so again then."
    )


def read_flow_control(data: Any) -> Given:
    """Return the settings, with `document` as they are stored, and all that is wrong with them."""
    given = FlowControlInput().read(data)
    document = {
        "mode": given.values.get("mode"),
        **{name: given.values.get(name) for name in _NUMBERS},
        **{name: given.values.get(name, {}) for name in _KEYS},
    }
    others = {name: given.values.get(name) for name in ("reason", "starts_at", "expires_at")}
    faults = given.faults or tuple(_contradictions(document))
    return Given({"document": document, **others}, faults, given.faulty)


def _contradictions(document: dict[str, Any]) -> Iterator[Fault]:
    has_number = any(document[name] is not None for name in _NUMBERS)
    limits_some = any(entry["mode"] != FlowMode.NORMAL for name in _KEYS for entry in document[name].values())
    if fault := _contradiction(document["mode"], has_number or (limits_some and document["mode"] != FlowMode.NORMAL)):
        yield from faults_of([fault], path="mode")


def _contradiction(mode: str, has_number: bool) -> ErrorDetail | None:
    if mode == FlowMode.THROTTLED and not has_number:
        return ErrorDetail(_NEEDS_NUMBER, code="impossible")
    if mode == FlowMode.NORMAL and has_number:
        return ErrorDetail(_LIMITS_NOTHING, code="impossible")
    return None
