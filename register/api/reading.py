"""Reads the bodies of the write API, and records of files, into what the services take."""

from functools import lru_cache
from typing import Any

from register.api.serializers import (
    BackfillInput,
    BulkInput,
    CloneInput,
    NothingInput,
    PauseInput,
    PreviewInput,
    RecordInput,
    RestoreInput,
    ResumeInput,
    SkipInput,
    TaskInput,
    ThrottleInput,
    TriggerInput,
)
from register.given import Given
from register.stored import Stored
from register.surroundings import Surroundings
from scheduler.engine.presets import PRESETTABLE
from scheduler.errors import InvalidInput


def read_new_task(data: Any, *, among: Surroundings | None = None) -> Given:
    """Return a new task; what it leaves out and its handler presets is taken from there."""
    return _read_task(_body(), _with_presets(data, among or Stored()))


def read_changes(data: Any) -> Given:
    """Return the fields to change; the others keep what they have."""
    return _read_task(_body(is_partial=True), data)


def read_bulk(data: Any) -> Given:
    """Return many records, and how they are to be registered; the records themselves are not read yet."""
    return BulkInput().read(data)


def read_clone(data: Any) -> Given:
    """Return the name of a copy and what is to be different in it."""
    return _read_task(CloneInput(), data)


def read_preview(data: Any) -> Given:
    """Return a schedule to look at."""
    return PreviewInput().read(data)


def read_pause(data: Any) -> Given:
    """Return why a task is paused, and until when."""
    return PauseInput().read(data)


def read_resume(data: Any) -> Given:
    """Return whether a pause is caught up."""
    return ResumeInput().read(data)


def read_skip(data: Any) -> Given:
    """Return the slot to leave out."""
    return SkipInput().read(data)


def read_backfill(data: Any) -> Given:
    """Return which slots are to run, and how."""
    return BackfillInput().read(data)


def read_throttle(data: Any) -> Given:
    """Return the rate in a request."""
    return ThrottleInput().read(data)


def read_nothing(data: Any) -> None:
    """Refuse whatever a request brings along that takes nothing. Raises InvalidInput."""
    if faults := NothingInput().read(data).faults:
        raise InvalidInput(faults)


def read_restore(data: Any) -> Given:
    """Return what a request to restore a revision brings along."""
    return RestoreInput().read(data)


def read_trigger(data: Any) -> Given:
    """Return what a request to run a task now brings along."""
    return TriggerInput(partial=True).read(data)


@lru_cache
def _body(*, is_partial: bool = False) -> RecordInput:
    """Return what reads a task: it takes ten times as long to make as to read with, and reading leaves it as it is."""
    return RecordInput(partial=is_partial)


def _read_task(body: TaskInput, data: Any) -> Given:
    given = body.read(data)
    allows_unknown = bool(given.values.pop("allow_unknown_task_class", False))
    return Given(given.values, given.faults, given.faulty, allow_unknown_task_class=allows_unknown)


def _with_presets(data: Any, among: Surroundings) -> Any:
    task_class = data.get("taskClass") if isinstance(data, dict) else None
    if not isinstance(task_class, str) or "\0" in task_class:
        return data
    handler = among.handler(task_class.strip())
    presets = handler.defaults if handler else {}
    return {name: value for name, value in presets.items() if name in PRESETTABLE} | data
