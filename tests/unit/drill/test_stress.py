"""What a stress asks for, and what counts as a broken promise."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from drill.platform import Platform
from drill.stress.demand import CRITICAL, SERVICE, Demand
from drill.stress.findings import Stressed
from drill.stress.report import document, lines
from drill.stress.run import Plan, await_calm
from drill.stress.watch import Seen, Watch
from scheduler import clock
from scheduler.engine.protection import Level

KEPT = Stressed(
    expected=100, missed=0, doubled=0, strayed=0, outcomes={"SUCCESS": 60, "SKIPPED/shed": 40},
    lateness=[0.1] * 9 + [0.9], unstarted=0, levels={"NORMAL": 3, "CRITICAL": 2}, most_open={"QUEUED": 7},
    memory={"web": (100, 110)}, answers={("GET", 200): 5, ("POST", 503): 2}, slowest={"GET": 0.1, "POST": 0.2},
    bare_refusals=0, open_after_load=50, open_at_end={}, patience=300.0, calm_after=12.0,
)  # fmt: skip


@pytest.fixture
def demand() -> Demand:
    begin = datetime(2026, 11, 26, tzinfo=UTC)
    return Demand(begin=begin, seconds=10, per_second=400, work_seconds=0.2, dead_url="http://127.0.0.1:1/")


def test_it_asks_for_ten_times_what_the_workers_can_do(demand: Demand) -> None:
    ordinary = [offset for body, offset in demand.bodies() if body["name"].startswith("stress ordinary")]

    assert Plan(workers=2, children=4).per_second == 400
    assert sum(demand.slots(offset) for offset in ordinary) == 400 * 10


def test_what_is_critical_and_what_calls_the_dead_service_are_few(demand: Demand) -> None:
    bodies = [body for body, _ in demand.bodies()]

    assert sum(body["priority"] == CRITICAL for body in bodies) == 8
    assert sum(body.get("uses") == [SERVICE] for body in bodies) == 8


def test_what_keeps_every_promise_says_so() -> None:
    assert KEPT.broken() == []
    assert document(KEPT)["criticalLatenessSeconds"] == {
        "count": 10,
        "unstarted": 0,
        "p50": 0.1,
        "p99": 0.9,
        "p100": 0.9,
    }
    assert not [line for line in lines(KEPT) if "✗" in line]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"missed": 1}, "1 slots were missed"), ({"doubled": 1}, "1 slots were doubled"),
        ({"lateness": [1.0]}, "up to 1.00 s late"), ({"unstarted": 1}, "up to inf s late"),
        ({"strayed": 2}, "2 executions took places"), ({"answers": {("GET", 0): 1}}, "1 requests were not answered"),
        ({"answers": {("GET", 500): 1}}, "an error of ours"), ({"bare_refusals": 1}, "when to try again"),
        ({"memory": {"web": (100, 126)}}, "memory grew: ['web']"),
        ({"calm_after": None, "open_at_end": {"QUEUED": 1}}, "it did not recover within 300 s"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_told(change: dict[str, Any], words: str) -> None:
    (said,) = replace(KEPT, **change).broken()

    assert words in said
    assert words in lines(replace(KEPT, **change))[-1]


def test_it_says_what_was_left_open() -> None:
    left = replace(KEPT, calm_after=None, open_at_end={"QUEUED": 1_049, "RUNNING": 8})

    assert any("not within 300 s; open: QUEUED 1,049, RUNNING 8" in line for line in lines(left))
    assert document(left)["openAtEnd"] == {"QUEUED": 1_049, "RUNNING": 8}


def test_it_says_how_long_it_took() -> None:
    assert any("12 s, of 300 at most" in line for line in lines(KEPT))


# Recovery, by a clock that only the pauses move on; each pause brings the next look


NOTHING = Seen(at=0.0, level=Level.NORMAL, open={}, unrecorded=0, memory={})
RUNNING = replace(NOTHING, open={"RUNNING": 1})


class Recovery(Watch):
    """Looks that are made in advance: the first while the load lasted, one more at each pause, the last for good."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: Sequence[Seen]) -> None:
        super().__init__(Platform.__new__(Platform))
        first, *self.coming = looks
        self.seen.append(first)
        self.second = 1_000.0
        monkeypatch.setattr(clock, "monotonic", lambda: self.second)

    def pause(self, seconds: float) -> None:
        """Move the clock on."""
        self.second += seconds
        self.seen.append(self.coming.pop(0) if self.coming else self.seen[-1])


@pytest.mark.parametrize(
    "still",
    [
        RUNNING,
        replace(NOTHING, open={"SCHEDULED/throttle": 3}),
        replace(NOTHING, level=Level.THROTTLED),
        replace(NOTHING, unrecorded=1),
    ],
    ids=["runs", "is held", "is throttled", "has slots that are not recorded"],
)
def test_it_waits_for_whatever_is_not_as_before(monkeypatch: pytest.MonkeyPatch, still: Seen) -> None:
    recovery = Recovery(monkeypatch, [RUNNING, still, still, NOTHING])

    assert await_calm(recovery, patience=60, say=print, pause=recovery.pause) == 1.5


def test_it_does_not_take_the_load_s_last_look_for_the_end_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    recovery = Recovery(monkeypatch, [NOTHING, RUNNING, NOTHING])

    assert await_calm(recovery, patience=60, say=print, pause=recovery.pause) == 1.0


def test_it_waits_no_longer_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    recovery = Recovery(monkeypatch, [RUNNING])

    assert await_calm(recovery, patience=60, say=said.append, pause=recovery.pause) is None
    assert recovery.second == 1_060.0
    assert said == ["What is open now has to end by itself, within 60 s."]


def test_less_than_after_the_load_is_not_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    recovery = Recovery(monkeypatch, [replace(NOTHING, open={"QUEUED": 50}), replace(NOTHING, open={"QUEUED": 1})])

    assert await_calm(recovery, patience=60, say=print, pause=recovery.pause) is None
