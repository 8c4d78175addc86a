"""What every body of the write API is: one whose every name is known, and of which all faults are told at once."""

from functools import cached_property
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import SkipField

from register.api.faults import faults_of
from register.given import Given
from scheduler.engine.suggestions import strangers
from scheduler.errors import Fault

READ_ONLY = frozenset(
    "id status version retryCount createdAt createdBy updatedAt lastExecutedAt nextExecutionTime pauseReason "
    "pausedUntil template taskCount pendingTaskCount".split()
)


class Strict(serializers.Serializer[Any]):
    """A body whose every name is known; all faults are told at once, beside what could be read."""

    default_error_messages = {"invalid": "This must be a JSON object."}

    def read(self, data: Any) -> Given:
        """Return what could be read of `data` and all that is wrong with it."""
        if not isinstance(data, dict):
            return Given({}, (Fault("", "invalid", str(self.error_messages["invalid"])),))
        values: dict[str, Any] = {}
        faults = [_unknown(name, hint) for name, hint in strangers(data, self.fields)]
        faulty: set[str] = set()
        for name, field in self._asked(data):
            column = str(field.source)
            try:
                values[column] = self._read_field(name, field, data.get(name, serializers.empty))
            except SkipField:
                continue
            except ValidationError as refusal:
                faults += faults_of(refusal.detail, path=name)
                faulty.add(column)
        return Given(values, tuple(faults), frozenset(faulty))

    def _read_field(self, name: str, field: Any, value: Any) -> Any:
        return field.run_validation(value)

    def _asked(self, data: dict[str, Any]) -> list[tuple[str, Any]]:
        """Return the fields that have something to say, in order: those given, and those that may not be left out."""
        return [(name, field) for name, field, is_asked in self._in_order if is_asked or name in data]

    @cached_property
    def _in_order(self) -> list[tuple[str, Any, bool]]:
        is_partial = bool(self.partial)
        return [
            (name, field, not is_partial and (field.required or field.default is not serializers.empty))
            for name, field in self.fields.items()
        ]

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the values of a body inside another one. Raises ValidationError with all faults, by field."""
        given = self.read(data)
        if not given.faults:
            return given.values
        detail: dict[str, list[ErrorDetail]] = {}
        for fault in given.faults:
            detail.setdefault(fault.field, []).append(ErrorDetail(fault.message, code=fault.code))
        raise ValidationError(detail if "" not in detail else detail[""])


def _unknown(name: str, hint: str) -> Fault:
    if name in READ_ONLY:
        return Fault(name, "read_only", "This is the platform's to say: leave it out.")
    return Fault(name[:100], "unknown", f"There is no such field.{hint}")
