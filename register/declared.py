"""Schedules that handlers declare beside themselves in code, as records to register."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from register.formats.record import Record, misspelt
from scheduler.models import Handler

# Whose tasks they are, unless said otherwise: pruning reaches what this owner has registered, and nothing else.
OWNER = "code"


@dataclass(frozen=True, slots=True)
class Declared:
    """The declared schedules of a catalogue; each is a record whose task class is its handler's."""

    handlers: Sequence[Handler]

    def records(self) -> Iterator[Record]:
        """Yield the records, by task class."""
        for handler in sorted(self.handlers, key=lambda one: one.task_class):
            for index, schedule in enumerate(handler.schedules):
                place = f"{handler.task_class}: schedules[{index}]"
                if not isinstance(schedule, dict):
                    yield Record(None, misspelt("This must be an object.").faults, place)
                    continue
                yield Record(schedule | {"taskClass": handler.task_class}, place=place)

    def count(self) -> int:
        """Return how many there are."""
        return sum(len(handler.schedules) for handler in self.handlers)
