"""Backoff: how failures in a row, of a task or of a whole task class, slow down what is tried again.

A retry policy knows one slot. What fails slot after slot, or in task after task, is broken for a reason that another
try does not mend, and each try costs a worker: so the waits grow beyond the policy's own, up to its maximum.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from scheduler.engine.states import Reason, Status

# So many executions fail in a row before anything is slowed down; each doubling of them doubles the waits.
FIRST: Final = 10
MOST_TIMES: Final = 32
# Nothing is slowed down beyond this, whatever the policy allows: what works again is to be found within the hour.
LONGEST: Final = timedelta(hours=1)

FAILURES: Final = frozenset({Status.FAILED, Status.TIMED_OUT, Status.LOST})

_LEAST: Final = timedelta(seconds=1)


class Streak(NamedTuple):
    """Executions failed in a row, the last of `task_id`; `is_shared` where they were of more than one task."""

    failures: int
    task_id: UUID
    is_shared: bool = False


def follow(streak: Streak | None, ended: Iterable[tuple[UUID, Status]]) -> Streak | None:
    """Return the streak after these ends, of tasks, in their order; None after a success. Others say nothing."""
    for task_id, status in ended:
        if status is Status.SUCCESS:
            streak = None
        elif status in FAILURES:
            before = streak or Streak(0, task_id)
            is_shared = before.is_shared or before.task_id != task_id
            streak = Streak(before.failures + 1, task_id, is_shared)
    return streak


def times(failures: int) -> int:
    """Return how many times longer waits are after so many failures in a row: 2 from 10 on, 4 from 20, 8 from 40 on."""
    if failures < FIRST:
        return 1
    return min(1 << (failures // FIRST).bit_length(), MOST_TIMES)


class Wait(NamedTuple):
    """How long a retry waits, and why it is held."""

    delay: timedelta
    reason: Reason


def slowed(delay: timedelta, *, longest: timedelta, of_task: Streak | None, of_class: Streak | None) -> Wait:
    """Return how long a retry waits whose policy says `delay`, and `longest` at most.

    The streak of a class counts where it is of more than one task; of both the stronger one does.
    """
    by_task = times(of_task.failures) if of_task is not None else 1
    by_class = times(of_class.failures) if of_class is not None and of_class.is_shared else 1
    if max(by_task, by_class) == 1:
        return Wait(delay, Reason.RETRY)
    wait = max(delay, min(max(delay, _LEAST) * max(by_task, by_class), longest, LONGEST))
    if wait == delay:
        return Wait(delay, Reason.RETRY)
    return Wait(wait, Reason.CLASS_BACKOFF if by_class > by_task else Reason.TASK_BACKOFF)
