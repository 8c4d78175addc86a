"""What a dry run says of each record: create, change field by field, unchanged, prune."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from register import bulk, timing
from register.bulk import Key, Result
from register.definition import changes
from register.validating import COMPARED_FOR, slots_of_edit
from scheduler import schedules
from scheduler.engine.changes import Change
from scheduler.engine.difference import Difference
from scheduler.engine.schedules import InvalidSchedule
from scheduler.models import Task
from scheduler.representations import instant

SLOTS_SHOWN = 3
VALUE_LENGTH = 200

_INDENT = " " * 11


def lines_of(result: Result, *, now: datetime) -> Iterator[str]:
    """Yield the lines of the plan for one record that is not bad."""
    if result.task is None:
        return
    key = (result.task.namespace, result.task.name)
    if result.outcome == bulk.CREATED:
        yield _heading("create", key)
        yield f"{_INDENT}next slots: {_slots(result.task, now=now)}"
    elif result.outcome == bulk.UPDATED and result.before is not None:
        yield _heading("change", key)
        for change in changes(result.before, result.task):
            yield _INDENT + _said(change)
        yield from _moved(result.before, result.task, now=now)
    else:
        yield _heading("unchanged", key)


def remark(words: str) -> str:
    """Return a line about the record above it."""
    return _INDENT + words


def prune_line(key: Key) -> str:
    """Return the plan's line for a task that the files no longer name."""
    return _heading("prune", key)


def _heading(verb: str, key: Key) -> str:
    return f"{verb:<9}  {'/'.join(key)}"


def _said(change: Change) -> str:
    return f"{change.field}: {_shown(change.old)} → {_shown(change.new)}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_LENGTH else f"{text[:VALUE_LENGTH]}… ({len(text)} characters)"


def _moved(before: Task, after: Task, *, now: datetime) -> Iterator[str]:
    columns: Sequence[str] = sorted(timing.SCHEDULE_COLUMNS)
    if any(getattr(before, column) != getattr(after, column) for column in columns):
        yield f"{_INDENT}next slots before: {_slots(before, now=now)}"
        yield f"{_INDENT}next slots after:  {_slots(after, now=now)}"
        yield f"{_INDENT}{_counted(slots_of_edit(before, after, now=now))}"


def _counted(slots: Difference) -> str:
    span = f"until {instant(slots.until)}" if slots.is_bounded else f"next {COMPARED_FOR.days} days"
    return f"{span}: {slots.added_count:,} slots added, {slots.removed_count:,} removed"


def _slots(task: Task, *, now: datetime) -> str:
    try:
        coming = schedules.coming(task, after=now, count=SLOTS_SHOWN)
    except InvalidSchedule as refusal:
        return f"none ({refusal})"
    return ", ".join(str(instant(slot)) for slot in coming) or f"none{_otherwise(task)}"


def _otherwise(task: Task) -> str:
    """Return what a task without a schedule waits for."""
    if any(getattr(task, column) is not None for column in timing.KINDS):
        return ""
    asked = [("its dependencies", task.has_dependencies), ("its events", bool(task.listens_to))]
    return ": it has no schedule and waits for " + " and ".join([name for name, has in asked if has] or ["requests"])
