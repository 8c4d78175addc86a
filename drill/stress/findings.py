"""What came of a stress: how late what is critical began, whether anything was lost, what the API and memory did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Final
from uuid import UUID

from drill.platform import Platform
from drill.stress.asking import NO_ANSWER, Asking
from drill.stress.demand import CRITICAL
from drill.stress.watch import Watch

MOST_LATE: Final = 1.0
# Of what a role's processes have in memory a fifth into the load, so much more at its end is no leak.
FLAT: Final = 1.25
SETTLED: Final = 0.2

_RECORDED = """
SELECT task_id, sum(coalesce(slot_count, 1)), count(*) - count(DISTINCT scheduled_for)
FROM task_execution_history WHERE attempt = 1 AND task_id = ANY(%s) GROUP BY task_id
"""
_LATENESS = """
SELECT extract(epoch FROM h.start_time - h.due_at)::float8, h.status
FROM task_execution_history h JOIN scheduler_tasks t ON t.id = h.task_id
WHERE t.priority = %s AND h.attempt = 1 AND h.scheduled_for <= %s
"""
# What a worker has run that was to take nothing but what is critical.
_STRAYED = """
SELECT count(*) FROM task_execution_history h JOIN scheduler_nodes n ON n.id::text = h.node_id
WHERE h.priority < %s AND (n.load ->> 'criticalOnly')::boolean
"""
_ENDED = "SELECT status || coalesce('/' || reason, ''), count(*) FROM task_execution_history GROUP BY 1 ORDER BY 1"


@dataclass(frozen=True, slots=True)
class Stressed:
    """The figures; seconds, and bytes by role: a fifth into the load, and the most later on."""

    expected: int
    missed: int
    doubled: int
    strayed: int
    outcomes: Mapping[str, int]
    lateness: Sequence[float]
    unstarted: int
    levels: Mapping[str, int]
    most_open: Mapping[str, int]
    memory: Mapping[str, tuple[int, int]]
    answers: Mapping[tuple[str, int], int]
    slowest: Mapping[str, float]
    bare_refusals: int
    open_after_load: int
    open_at_end: Mapping[str, int]
    patience: float
    calm_after: float | None

    def late(self, share: float) -> float:
        """Return how late this share of what is critical began at most; infinite where some never began."""
        ordered = [*self.lateness, *[float("inf")] * self.unstarted]
        return ordered[max(ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0

    def broken(self, *, most_late: float = MOST_LATE) -> list[str]:
        """Return which promises were broken, in words; what is critical may begin so late."""
        unanswered = sum(count for (_, status), count in self.answers.items() if status == NO_ANSWER)
        faulty = sum(count for (_, status), count in self.answers.items() if status >= 500 and status != 503)
        promises = {
            f"{self.missed} slots were missed": self.missed,
            f"{self.doubled} slots were doubled": self.doubled,
            f"{self.strayed} executions took places kept for what is critical": self.strayed,
            f"what is critical began up to {self.late(1):.2f} s late": self.late(1) >= most_late,
            f"{unanswered} requests were not answered": unanswered,
            f"{faulty} requests were answered with an error of ours": faulty,
            f"{self.bare_refusals} refusals did not say when to try again": self.bare_refusals,
            f"memory grew: {self._grown()}": self._grown(),
            f"it did not recover within {self.patience:.0f} s": self.calm_after is None,
        }
        return [words for words, is_broken in promises.items() if is_broken]

    def _grown(self) -> list[str]:
        return [role for role, (settled, most) in self.memory.items() if most > FLAT * settled]


def judge(
    platform: Platform,
    expected: Mapping[UUID, int],
    *,
    asking: Asking,
    watch: Watch,
    ended: datetime,
    patience: float,
    calm_after: float | None,
) -> Stressed:
    """Hold what is in the tables against what was asked for; return what came of it."""
    with platform.engines.connect() as connection:
        recorded = {row[0]: row[1:] for row in connection.execute(_RECORDED, (list(expected),))}
        started = connection.execute(_LATENESS, (CRITICAL, ended)).fetchall()
        (strayed,) = connection.execute(_STRAYED, (CRITICAL,)).fetchone() or (0,)
        outcomes: dict[str, int] = dict(connection.execute(_ENDED).fetchall())
    counts = {task: recorded.get(task, (0, 0)) for task in expected}
    return Stressed(
        expected=sum(expected.values()),
        missed=sum(max(slots - counts[task][0], 0) for task, slots in expected.items()),
        doubled=sum(max(int(counts[task][0]) - slots, 0) + counts[task][1] for task, slots in expected.items()),
        strayed=strayed,
        outcomes=outcomes,
        lateness=sorted(late for late, _ in started if late is not None),
        unstarted=sum(late is None for late, _ in started),
        levels={str(level): count for level, count in watch.levels().items()},
        most_open=_most_open(watch),
        memory=_memory(watch),
        answers=asking.statuses,
        slowest=asking.slowest,
        bare_refusals=asking.bare_refusals,
        open_after_load=watch.under_load[-1].open_count,
        open_at_end=watch.seen[-1].open,
        patience=patience,
        calm_after=calm_after,
    )


def _most_open(watch: Watch) -> dict[str, int]:
    most: Counter[str] = Counter()
    for one in watch.seen:
        most |= Counter(one.open)
    return dict(most)


def _memory(watch: Watch) -> dict[str, tuple[int, int]]:
    looks = watch.under_load
    settled = looks[int(len(looks) * SETTLED)].memory
    return {role: (held, max(one.memory[role] for one in looks[-3:])) for role, held in settled.items()}
