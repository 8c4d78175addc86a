"""What a run of an import finds besides its plan: differing slots, what is left out, and what to know."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from register.imports.comparison import Comparison, compare
from register.imports.item import Item, LeftOut, Remark
from register.imports.slots import HORIZON_YEARS

NAME_LENGTH = 80
LEFT_OUT_SHOWN = 100


@dataclass(slots=True, kw_only=True)
class Findings:
    """All of one run; `slots` is how many are compared for each job, 0 for none."""

    now: datetime
    slots: int
    compared: int = 0
    same: int = 0
    short: int = 0
    system: str = ""
    differing: list[tuple[str, Comparison]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)

    def add(self, found: LeftOut | Remark) -> None:
        """Keep what is no task; the same remark is told once."""
        if isinstance(found, LeftOut):
            self.left_out.append(found)
        else:
            self.remarks[found.text] += 1

    def examine(self, item: Item) -> None:
        """Keep an item's notes, and how its slots compare."""
        title = _title(item)
        self.notes += [(title, note) for note in item.notes]
        if not self.slots or item.was is None or item.record.faults:
            return
        comparison = compare(item.was, item.record.fields, after=self.now, count=self.slots)
        if comparison is None:
            return
        self.system = item.was.system
        self.compared += 1
        self.short += comparison.count < self.slots
        if comparison.is_same:
            self.same += 1
        else:
            self.differing.append((title, comparison))

    def lines(self) -> Iterator[str]:
        """Yield all of it in sections, each with a heading and an empty line before."""
        yield from self._slots()
        if self.notes:
            yield from ("", "Different here:")
            for title, note in self.notes:
                yield from (f"  {title}", f"      {note}")
        if self.left_out:
            yield from ("", "Left out:")
            yield from (f"  {each.place}  {each.reason}" for each in self.left_out[:LEFT_OUT_SHOWN])
            if len(self.left_out) > LEFT_OUT_SHOWN:
                yield f"  and {len(self.left_out) - LEFT_OUT_SHOWN} more"
        if self.remarks:
            yield from ("", "To know:")
            for text, count in self.remarks.items():
                yield f"  - {text}" + (f" ({count} jobs)" if count > 1 else "")

    def _slots(self) -> Iterator[str]:
        if not self.compared:
            return
        fewer = f", or all within {HORIZON_YEARS} years" if self.short else ""
        yield ""
        yield f"Slots compared with {self.system}, the next {self.slots:,}{fewer}, and the coming year's clock changes:"
        yield f"  {self.same} of {self.compared} tasks: the same"
        for title, comparison in self.differing:
            first, *rest = comparison.lines()
            yield from (f"  {title}", f"      {first}")
            yield from (f"        {line}" for line in rest)


def _title(item: Item) -> str:
    name = str(item.record.fields.get("name", "")) if isinstance(item.record.fields, dict) else ""
    shown = name if len(name) <= NAME_LENGTH else f"{name[:NAME_LENGTH]}…"
    place = item.record.place
    return place if place.endswith(name) else f"{place}  {shown}"
