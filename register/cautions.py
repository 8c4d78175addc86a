"""What somebody should know about a task before trusting it, beyond what its schedule says by itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Final

from register import catalogue
from scheduler import schedules
from scheduler.engine.schedules import Caution, Schedule, cautions, duration_words
from scheduler.engine.states import TaskStatus
from scheduler.engine.suggestions import did_you_mean
from scheduler.models import Task
from scheduler.models.choices import MisfirePolicy, OverlapPolicy

# Slots in a row that a calendar keeps from running: beyond, their number says no more.
MOST_CLOSED: Final = 1_000
MOST_COMPARED: Final = 1_000
LONG_GAP: Final = timedelta(days=1)

_GAPS_ARE_SOUGHT_FOR: Final = timedelta(days=31)


def of_schedule(every: Schedule, running: Schedule, *, after: datetime, spread_seconds: int) -> list[Caution]:
    """Return the warnings for a schedule from `after` on; `running` are those of `every` slot that will run."""
    found = cautions(running, after, jitter_seconds=spread_seconds)
    if not any(caution.code == "never_fires" for caution in found):
        found += _closed(every, running, after=after)
    if spread_seconds:
        words = f"Each slot is due up to {duration_words(spread_seconds)} later; shown are the slots themselves."
        found.append(Caution("jitter", words))
    return found


def of_task(task: Task, *, after: datetime) -> list[Caution]:
    """Return the warnings for a task as it would be stored, from its slots after an instant. Raises InvalidSchedule."""
    found: list[Caution] = []
    if task.status == TaskStatus.COMPLETED:
        found.append(Caution("never_fires", _COMPLETED))
    elif not schedules.is_fixed_delay(task):
        every, running = schedules.of(task), schedules.running(task)
        found = of_schedule(every, running, after=after, spread_seconds=task.jitter_seconds + task.flex_seconds)
        found += [*_misfire(task, after=after), *_overlap(task, after=after)]
    return [*found, *_standing(task)]


_COMPLETED: Final = "No slot is left: the task is COMPLETED, until its schedule or endAt changes."


def _closed(every: Schedule, running: Schedule, *, after: datetime) -> Iterator[Caution]:
    """Yield a warning where the next slot, and perhaps more, will not run because a calendar is closed then."""
    first, opens = every.next_after(after), running.next_after(after)
    if first is None or opens is None or first >= opens:
        return
    count = sum(1 for _ in every.between(first, opens, limit=MOST_CLOSED))
    number = "slot" if count == 1 else f"{count} slots" if count < MOST_CLOSED else f"{MOST_CLOSED:,} slots and more"
    yield Caution("calendar_closed", f"The next {number} will not run: the calendar is closed then.", first)


def _misfire(task: Task, *, after: datetime) -> Iterator[Caution]:
    if task.misfire_policy != MisfirePolicy.SKIP:
        return
    grace = duration_words(task.misfire_grace_seconds) or "0 seconds"
    coming = schedules.coming(task, after=after, count=2)
    if len(coming) == 1:
        words = f"The only slot left is not made up for if it is missed by more than {grace} (misfirePolicy SKIP)."
        yield Caution("misfire_skip", words, coming[0])
    elif coming and coming[1] - coming[0] >= LONG_GAP:
        words = f"A slot that is missed by more than {grace} is left out (misfirePolicy SKIP), and the next one is "
        yield Caution("misfire_skip", f"{words}{_days(coming[1] - coming[0])} later.", coming[0])


def _overlap(task: Task, *, after: datetime) -> Iterator[Caution]:
    """Yield a warning where runs may pile up: one may take longer than it is until the next."""
    if task.overlap_policy != OverlapPolicy.ALLOW:
        return
    slots = islice(schedules.between(task, after, after + _GAPS_ARE_SOUGHT_FOR), MOST_COMPARED)
    gap = min((later - earlier for earlier, later in pairwise(slots)), default=None)
    if gap is not None and gap < timedelta(seconds=task.timeout_seconds):
        words = (
            f"Slots lie {duration_words(max(int(gap.total_seconds()), 1))} apart and a run may take "
            f"{duration_words(task.timeout_seconds)} (timeoutSeconds): runs may overlap (overlapPolicy ALLOW)."
        )
        yield Caution("may_overlap", words)


def _standing(task: Task) -> Iterator[Caution]:
    if task.status == TaskStatus.PAUSED:
        until = " until pausedUntil" if task.paused_until is not None else ""
        yield Caution("paused", f"The task is paused{until}: the slots shown are those of its schedule.")
    if catalogue.find_handler(task.task_class) is None:
        words = f"No worker has announced {task.task_class[:100]!r}: its executions fail until one has."
        yield Caution("unknown_task_class", words)
    queues = catalogue.known_queues()
    if queues and task.queue not in queues:
        words = f"No worker that has announced itself takes the queue {task.queue!r}.{did_you_mean(task.queue, queues)}"
        yield Caution("unknown_queue", words)


def _days(gap: timedelta) -> str:
    return duration_words(gap.days * 86_400) if gap >= timedelta(days=2) else duration_words(int(gap.total_seconds()))
