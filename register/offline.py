"""A dry run without a database: records are checked against a catalogue in a file, and nothing is looked up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from register import drafting, ownership, plan
from register.api.reading import read_new_task
from register.bulk import CREATED, FAILED, Result, key_of
from register.catalogue_file import Catalogue
from register.formats.record import Record
from register.given import Given
from scheduler.errors import Fault

VALID = "valid"


@dataclass(slots=True, kw_only=True)
class Check:
    """One run. Every record is checked as a new task, for whether it is there already nobody can tell."""

    catalogue: Catalogue
    home: str
    owner: str | None
    now: datetime
    _named: set[Any] = field(default_factory=set)

    def check(self, record: Record) -> Result:
        """Return what would become of a record: created, or failed with its faults."""
        if not isinstance(record.fields, dict):
            return Result(FAILED, record.faults or read_new_task(record.fields, among=self.catalogue).faults)
        fields = ownership.stamped({"namespace": self.home} | record.fields, self.owner, existing=None)
        given = read_new_task(fields, among=self.catalogue)
        known = (*record.faults, *self._name_faults(fields))
        given = Given(
            given.values,
            (*known, *given.faults),
            given.faulty,
            allow_unknown_task_class=given.allow_unknown_task_class,
        )
        draft = drafting.of_new(given, actor=ownership.ACTOR, namespace=None, among=self.catalogue, now=self.now)
        draft.task.has_dependencies = bool(given.values.get("upstreams"))
        return Result(FAILED, tuple(draft.faults)) if draft.faults else Result(CREATED, task=draft.task)

    def lines_of(self, result: Result) -> Iterator[str]:
        """Yield the lines of the plan for a record that is not bad."""
        lines = list(plan.lines_of(result, now=self.now))
        if lines and result.task is not None:
            yield lines[0].replace("create", VALID + " ", 1)
            if result.task.calendar_name is not None:
                yield plan.remark(f"calendar {result.task.calendar_name} is not in the catalogue: not checked")
            yield from lines[1:]

    def _name_faults(self, fields: dict[str, Any]) -> Iterator[Fault]:
        key = key_of(fields)
        if key is not None and key in self._named:
            yield Fault("name", "taken", "An earlier record has this name.")
        self._named.add(key)
