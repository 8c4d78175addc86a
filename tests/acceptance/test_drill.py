"""A short drill in every run: a load from a seed, schedulers and workers killed, the broker emptied, history judged."""

import pytest

from drill.faults import EmptyBroker, Fault, KillChild, KillScheduler, KillWorker
from drill.findings import Kind
from drill.run import Done, Plan, drill

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

SEED = 20_261
FAULTS: list[type[Fault]] = [KillScheduler, KillChild, EmptyBroker, KillWorker]


@pytest.fixture(scope="module")
def done() -> Done:
    """What came of it."""
    plan = Plan(seconds=16, seed=SEED, faults=FAULTS, tasks=24, pauses=(1.0, 3.0))
    return drill(plan, say=print)


def test_it_records_every_slot_once(done: Done) -> None:
    assert done.verdict.expected > 60
    assert (done.verdict.count(Kind.MISSED), done.verdict.count(Kind.DOUBLED)) == (0, 0)


def test_it_starts_no_attempt_twice(done: Done) -> None:
    assert done.verdict.starts > 50
    assert done.verdict.count(Kind.STARTED_TWICE) == 0


def test_it_leaves_nothing_open(done: Done) -> None:
    assert done.calm_after is not None
    assert done.verdict.count(Kind.OPEN) == 0


def test_it_keeps_every_other_promise(done: Done) -> None:
    assert [str(finding) for finding in done.verdict.findings] == []


def test_it_has_struck_each_kind_of_fault(done: Done) -> None:
    assert {fault.name for fault in done.faults} == {fault.name for fault in FAULTS}
