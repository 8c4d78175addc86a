"""Short executions that travel together: faults meet them as they meet single ones, and a long one delays none."""

import re
from datetime import datetime, timedelta
from itertools import count
from random import Random
from uuid import UUID

import pytest

from drill.definitions import Definition, Work
from drill.faults import FAULTS
from drill.platform import Platform
from tests.acceptance.conftest import Watch
from tests.acceptance.struck import Watched, run_sql

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

# Two workers of three children: what is due together goes to them in bundles of twenty.
HERD = 60
PERIOD_SECONDS = 5
LASTS_SECONDS = 16

_numbers = count(1)


class Herd:
    """Tasks that are due at the same instants, and whose runs are known to be short."""

    def __init__(self, platform: Platform, watch: Watch, *, seconds: float = 0.002) -> None:
        self.platform = platform
        now = platform.now().replace(microsecond=0)
        self.watched: Watched = watch(*[_recurring(now, seconds) for _ in range(HERD)])
        platform.believe_short(self.watched.tasks)
        self._before = self._counted()

    def running(self) -> set[UUID]:
        """Return the tasks that run at this moment."""
        return {row.task_id for row in self.watched.rows() if row.status == "RUNNING"}

    def messages_for_each(self) -> float:
        """Return how many messages an execution took, of those dispatched since."""
        executions, messages = (now - before for now, before in zip(self._counted(), self._before, strict=True))
        return messages / executions

    def _counted(self) -> tuple[float, float]:
        texts = [self.platform.metrics(name) for name in self.platform.schedulers]
        dispatched, sent = (
            sum(float(re.findall(rf"^platform_scheduler_{name}_total (.*)$", text, re.M)[0]) for text in texts)
            for name in ("executions_dispatched", "messages_sent")
        )
        return dispatched, sent


def _recurring(now: datetime, seconds: float) -> Definition:
    return Definition(
        name=f"herd {next(_numbers)}",
        interval_seconds=PERIOD_SECONDS,
        start_at=now,
        end_at=now + timedelta(seconds=LASTS_SECONDS),
        timeout_seconds=30,
        work=Work(seconds=seconds),
    )


def test_it_runs_each_once_when_a_child_is_killed(platform: Platform, watch: Watch) -> None:
    herd = Herd(platform, watch, seconds=0.03)
    herd.watched.wait_for_rows(10, "SUCCESS")

    fault = FAULTS["kill-child"](platform, random=Random(1))
    fault.begin()
    fault.end()

    verdict = herd.watched.judged(may_lose=True)
    assert [str(finding) for finding in verdict.findings] == []
    assert herd.messages_for_each() < 0.95  # until it is known that they are not that short
    assert verdict.expected > HERD


def test_a_long_one_among_short_ones_delays_none(platform: Platform, watch: Watch) -> None:
    """Their runs were short each time before; now those of one take as long as three periods."""
    herd = Herd(platform, watch)
    herd.watched.wait_for_rows(HERD // 2, "SUCCESS")
    slowed = herd.watched.ids[0]
    run_sql(platform, _slowed(slowed))
    herd.watched.wait_for(lambda: slowed in herd.running(), "a long one runs")

    herd.watched.wait_for_rows(HERD // 2, "SUCCESS")

    assert (slowed in herd.running(), herd.messages_for_each() < 0.9) == (True, True)
    assert [str(finding) for finding in herd.watched.judged().findings] == []


def _slowed(task_id: UUID) -> str:
    return f"UPDATE scheduler_tasks SET task_data = '{{\"seconds\": 15}}' WHERE id = '{task_id}'"  # noqa: S608 - ours
