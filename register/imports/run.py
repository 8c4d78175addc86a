"""Runs an import: reads the source once to see that it can be read, then registers or plans, record by record."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from register import files
from register.batch import Batch
from register.formats import yaml_file
from register.formats.record import Record
from register.imports.findings import Findings
from register.imports.item import Item, Read

Reader = Callable[[], Iterator[Read]]


@dataclass(slots=True)
class Import:
    """One run; `reader` begins anew with each call. Every method raises UnreadableFile."""

    reader: Reader
    findings: Findings

    def count(self) -> int:
        """Return how many jobs are to be registered; what cannot be read to its end is refused here."""
        return sum(isinstance(each, Item) for each in self.reader())

    def register(self, batch: Batch) -> None:
        """Register or plan every job, as the batch wishes."""
        batch.run([self], is_complete=True)

    def records(self) -> Iterator[Record]:
        """Yield the jobs as records, and note what there is to say of them."""
        for each in self.reader():
            if isinstance(each, Item):
                self.findings.examine(each)
                yield each.record
            else:
                self.findings.add(each)

    def write(self, path: Path) -> int:
        """Write the records that could be carried over as YAML for register_tasks, and return how many they are.

        Raises OSError.
        """
        written = 0

        def counted() -> Iterator[dict[str, Any]]:
            nonlocal written
            for each in self.reader():
                if isinstance(each, Item) and not each.record.faults:
                    written += 1
                    yield each.record.fields

        with files.replacing(path) as out:
            yaml_file.write(counted(), out)
        return written
