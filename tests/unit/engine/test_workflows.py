"""Conditions, modes, paces, lines and cycles, without a database."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from scheduler.engine.states import FINAL, Status
from scheduler.engine.workflows import (
    MISSING,
    NEVER_AGAIN,
    PENDING,
    Condition,
    Finding,
    Graph,
    Mode,
    Node,
    Upstream,
    Verdict,
    find_cycle,
    judge,
    pace,
    verdict,
)

A, B, C, D = (UUID(int=number) for number in range(1, 5))
HOUR = timedelta(hours=1)
MET, OPEN, IMPOSSIBLE = Verdict.MET, Verdict.OPEN, Verdict.IMPOSSIBLE

HOLDS = {
    Condition.SUCCESS: {Status.SUCCESS},
    Condition.FAILURE: {Status.FAILED, Status.TIMED_OUT, Status.LOST},
    Condition.DONE: set(FINAL),
}


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_condition_looks_at_the_final_status(condition: Condition, status: Status):
    expected = MET if status in HOLDS[condition] else IMPOSSIBLE
    assert verdict(condition, Finding(True, status)) is expected


@pytest.mark.parametrize("condition", Condition)
def test_a_condition_waits_for_what_is_open(condition: Condition):
    assert verdict(condition, PENDING) is OPEN


@pytest.mark.parametrize("condition", Condition)
def test_no_condition_holds_of_a_slot_that_never_comes(condition: Condition):
    assert verdict(condition, MISSING) is IMPOSSIBLE


@pytest.mark.parametrize(
    ("mode", "verdicts", "expected"),
    [
        (Mode.ALL, [], MET),
        (Mode.ALL, [MET, MET], MET),
        (Mode.ALL, [MET, OPEN], OPEN),
        (Mode.ALL, [IMPOSSIBLE, OPEN], IMPOSSIBLE),
        (Mode.ALL, [MET, IMPOSSIBLE], IMPOSSIBLE),
        (Mode.ANY, [], MET),
        (Mode.ANY, [MET, OPEN], MET),
        (Mode.ANY, [MET, IMPOSSIBLE], MET),
        (Mode.ANY, [IMPOSSIBLE, OPEN], OPEN),
        (Mode.ANY, [IMPOSSIBLE, IMPOSSIBLE], IMPOSSIBLE),
    ],
)
def test_it_judges(mode: Mode, verdicts: list[Verdict], expected: Verdict):
    assert judge(mode, verdicts) is expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((None, 90, None), timedelta(seconds=90)),
        (("0 0 * * * ?", None, None), HOUR),
        (("0 0 0 * * ?", None, None), timedelta(days=1)),
        (("0 0 0 1 1 ? 2020", None, None), NEVER_AGAIN),
        (("no cron", None, None), NEVER_AGAIN),
        ((None, None, datetime(2026, 1, 1, tzinfo=UTC)), NEVER_AGAIN),
        ((None, None, None), None),
    ],
)
def test_a_pace_is_the_mean_time_between_slots(
    columns: tuple[str | None, int | None, datetime | None], expected: object
):
    assert pace(*columns) == expected


def _after(*upstreams: UUID) -> Node:
    return Node(None, tuple(Upstream(one, Condition.SUCCESS) for one in upstreams))


def test_the_slowest_upstream_is_the_one_whose_slots_are_rarest():
    graph = Graph.of({A: Node(HOUR), B: Node(24 * HOUR), C: _after(A, B)})
    assert graph.slowest(C) == B


def test_of_several_with_one_pace_it_is_the_first():
    graph = Graph.of({A: Node(HOUR), B: Node(HOUR), C: _after(B, A)})
    assert graph.slowest(C) == B


def test_what_runs_on_request_is_slower_than_any_schedule():
    graph = Graph.of({A: Node(24 * HOUR), B: Node(), C: _after(A, B)})
    assert graph.slowest(C) == B


def test_a_task_that_follows_another_is_as_slow_as_that():
    graph = Graph.of({A: Node(24 * HOUR), B: _after(A), C: Node(HOUR), D: _after(C, B)})
    assert graph.line(D) == [B, A]


def test_a_schedule_of_its_own_makes_a_task_a_root():
    graph = Graph.of({A: Node(24 * HOUR), B: Node(HOUR, (Upstream(A, Condition.SUCCESS),))})
    assert (graph.slowest(B), graph.line(B)) == (None, [])


def test_a_long_chain_is_followed_to_its_root():
    chain = [UUID(int=number) for number in range(1_000)]
    nodes = {one: _after(before) for before, one in pairwise(chain)}
    assert Graph.of({chain[0]: Node(HOUR)} | nodes).line(chain[-1]) == chain[-2::-1]


@pytest.mark.parametrize(
    ("edges", "path"),
    [
        ({A: [B], B: [C]}, []),
        ({A: [A]}, [A, A]),
        ({A: [B], B: [A]}, [A, B, A]),
        ({A: [B, C], B: [D], D: [C], C: [A]}, [A, C, A]),
        ({A: [B], B: [C], C: [B]}, []),
    ],
)
def test_a_cycle_is_told_by_a_shortest_path(edges: dict[UUID, list[UUID]], path: list[UUID]):
    assert find_cycle(edges, A) == path
