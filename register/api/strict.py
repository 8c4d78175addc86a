"""What every body of the write API is: one whose every name is known, and of which all faults are told at once."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import SkipField

from register.api.faults import faults_of
from register.given import Given
from scheduler.engine.suggestions import did_you_mean
from scheduler.errors import Fault

READ_ONLY = frozenset(
    "id status version retryCount createdAt createdBy updatedAt lastExecutedAt nextExecutionTime pauseReason "
    "pausedUntil template taskCount pendingTaskCount".split()
)
# Of the contract, and refused until something honours them: an accepted field that does nothing would be a lie.
NOT_YET = frozenset("flexSeconds uses circuitPolicy retentionDays".split())


class Strict(serializers.Serializer[Any]):
    """A body whose every name is known; all faults are told at once, beside what could be read."""

    default_error_messages = {"invalid": "This must be a JSON object."}

    def read(self, data: Any) -> Given:
        """Return what could be read of `data` and all that is wrong with it."""
        if not isinstance(data, dict):
            return Given({}, (Fault("", "invalid", str(self.error_messages["invalid"])),))
        values: dict[str, Any] = {}
        faults = [self._unknown(name) for name in data if name not in self.fields]
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

    def _asked(self, data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield the fields that have something to say, in order: those given, and those that may not be left out."""
        for name, field, speaks_when_absent in self._in_order:
            if speaks_when_absent or name in data:
                yield name, field

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

    def _unknown(self, name: str) -> Fault:
        shown = name[:100]
        if name in READ_ONLY:
            return Fault(shown, "read_only", "This is the platform's to say: leave it out.")
        if name in NOT_YET:
            return Fault(shown, "unavailable", "This field is not available in this version.")
        return Fault(shown, "unknown", f"There is no such field.{did_you_mean(name, self.fields)}")
