"""The refusal of a calendar document, with every fault in it."""

from dataclasses import dataclass
from typing import Literal

Code = Literal["invalid", "required", "unknown"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of a document, and what to write there instead.

    `path` counts list items from 0 and is empty for the document itself: `holidays[0].country`.
    """

    path: str
    code: Code
    message: str


class InvalidCalendar(ValueError):
    """Name every fault of a calendar document."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(" ".join(f"{fault.path or 'calendar'}: {fault.message}" for fault in faults))
        self.faults = faults

    def __reduce__(self) -> tuple[type["InvalidCalendar"], tuple[tuple[Fault, ...]]]:
        # BaseException would rebuild it from its text when it crosses a process boundary.
        return type(self), (self.faults,)
