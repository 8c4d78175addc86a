"""What somebody has sent of a task, read field by field, with all that is wrong with it so far."""

from dataclasses import dataclass, field
from typing import Any

from scheduler.errors import Fault


@dataclass(frozen=True, slots=True)
class Given:
    """`values` are the fields that could be read, by column; `faulty` the columns that could not.

    Rules over several fields still run on what could be read, so that all faults are told at once.
    """

    values: dict[str, Any]
    faults: tuple[Fault, ...] = ()
    faulty: frozenset[str] = frozenset()
    allow_unknown_task_class: bool = field(default=False, kw_only=True)
