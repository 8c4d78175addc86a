"""The simulation: who waits how long for a free child, what is late, skipped, broken; the same for the same seed."""

from collections.abc import Iterable
from typing import Any

import pytest

from scheduler.engine.retry import RetryPolicy
from scheduler.engine.simulation import Durations, Outcome, Simulated, Simulation, Slot, TooMany
from scheduler.engine.workflows import Condition

END = 100_000.0


def task(slots: Iterable[float], *, took: float = 10, queue: str = "default", **others: object) -> Simulated:
    columns = {"priority": 5} | others
    arrivals = (slot if isinstance(slot, Slot) else Slot(slot) for slot in slots)
    return Simulated("t", queue, slots=arrivals, durations=Durations.of({took: 1}), **columns)  # type: ignore[arg-type]


def play(*tasks: Simulated, children: int = 1, seed: int = 0, most: int = 1_000) -> Outcome:
    counts = dict.fromkeys({one.queue for one in tasks}, children)
    return Simulation(tasks, children=counts, end=END, seed=seed, most=most).run()[0]


def test_what_finds_a_free_child_does_not_wait() -> None:
    outcome = play(task([0, 0]), children=2)

    assert (list(outcome.waits), outcome.executions, outcome.busy_seconds, outcome.depth_max) == ([0, 0], 2, 20, 0)


def test_what_finds_none_waits_until_one_ends() -> None:
    outcome = play(task([0]), task([0]), task([5]))

    assert sorted(outcome.waits) == [0, 10, 15]
    assert (outcome.depth_max, outcome.depth_max_at) == (2, 5)


def test_what_is_more_urgent_goes_first() -> None:
    low, high = task([0, 1], max_lateness=8), task([2], priority=9, max_lateness=8)

    # The second of `low` waits for both; the urgent one for what runs, no longer than it may.
    assert (list(play(low, high).waits), play(task([0, 1], max_lateness=8), high).breaches) == ([0, 8, 19], 1)


def test_it_is_late_after_more_than_a_minute() -> None:
    assert (play(task([0, 0], took=60)).late, play(task([0, 0], took=61)).late) == (0, 1)


@pytest.mark.parametrize(
    ("promise", "slot", "breaches"),
    [
        ({"max_lateness": 9}, 0, 1), ({"max_lateness": 10}, 0, 0), ({"max_duration": 9}, 0, 2),
        ({"max_duration": 10}, 0, 0), ({}, Slot(0, deadline=19), 1), ({}, Slot(0, deadline=20), 0),
    ],
)  # fmt: skip
def test_it_counts_what_is_broken(promise: dict[str, Any], slot: float, breaches: int) -> None:
    assert play(task([slot, slot], **promise)).breaches == breaches


def test_a_run_takes_no_longer_than_its_timeout() -> None:
    assert play(task([0], took=100, longest=30.0)).busy_seconds == 30


def test_an_overlap_is_skipped_where_the_task_says_so() -> None:
    outcome = play(task([0, 5, 10], overlap="SKIP"), children=5)

    assert (outcome.executions, outcome.skipped) == (2, 1)


def test_a_fixed_delay_counts_from_the_end() -> None:
    outcome = play(task([END - 100], every=30.0))

    # It begins at 0, 40 and 80 of the last hundred seconds.
    assert outcome.executions == 3


def test_nothing_arrives_after_the_end() -> None:
    assert play(task([0, END])).executions == 1


def test_queues_have_their_own_children() -> None:
    tasks = [task([0, 0], queue="a"), task([0, 0], queue="b")]
    a, b = Simulation(tasks, children={"a": 1, "b": 2}, end=END, seed=0, most=10).run()

    assert (max(a.waits), max(b.waits)) == (10, 0)


def test_the_same_seed_draws_the_same() -> None:
    def drawn(seed: int) -> float:
        spread = Simulated("t", "default", 5, iter([Slot(at) for at in range(50)]), Durations((1, 9), (1, 2)))
        return play(spread, seed=seed).busy_seconds

    assert drawn(1) == drawn(1) != drawn(2)


def test_too_many_are_refused() -> None:
    with pytest.raises(TooMany):
        play(task(range(11)), most=10)


def test_quantiles_of_waits_are_nearest_ranks() -> None:
    outcome = play(task([0] * 10))

    assert [outcome.wait(share) for share in (0.1, 0.5, 0.95)] == [0, 40, 90]
    assert Outcome("empty", 1).wait(0.5) == 0


# What holds it


def test_of_a_task_that_queues_one_waits_and_others_are_skipped() -> None:
    outcome = play(task([0, 2, 4], overlap="QUEUE"), children=5)

    assert (list(outcome.waits), outcome.skipped) == ([0, 8], 1)


def test_a_newcomer_takes_the_place_of_what_runs() -> None:
    outcome = play(task([0, 4], overlap="CANCEL_RUNNING"), task([5]), children=1)

    # The second begins at once, ends at 14, and then the other one goes.
    assert list(outcome.waits) == [0, 0, 9]


def test_a_newcomer_takes_the_place_of_what_waits() -> None:
    outcome = play(task([0], took=20, priority=9), task([1, 3], overlap="CANCEL_RUNNING"), children=1)

    assert (list(outcome.waits), outcome.executions, outcome.skipped) == ([0, 17], 2, 1)


def test_a_limit_holds_what_has_no_place() -> None:
    slow = task([0, 0, 0], limits=("task:a", "class:b"))
    outcome = Simulation([slow], children={"default": 9}, end=END, seed=0, most=9, places={"class:b": 2}).run()[0]

    assert list(outcome.waits) == [0, 0, 10]


def test_of_what_a_limit_holds_the_most_urgent_goes_first() -> None:
    low, high = task([0, 1], limits=("all",)), task([2], priority=9, limits=("all",))
    outcome = Simulation([low, high], children={"default": 9}, end=END, seed=0, most=9, places={"all": 1}).run()[0]

    assert list(outcome.waits) == [0, 8, 19]


# Failures


def test_what_fails_is_tried_again_after_its_delay() -> None:
    fixed = RetryPolicy("FIXED", delay_seconds=30, jitter=False)
    outcome = play(task([0], failing=1.0, retrying=1.0, most_retries=2, backoff=fixed), task([35], took=100))

    # Its second attempt at 40 waits for the other one until 135, its third goes at once.
    assert (outcome.retries, outcome.executions, list(outcome.waits)) == (2, 4, [0, 0, 95, 0])


@pytest.mark.parametrize("columns", [{"retrying": 0.0}, {"retrying": 1.0, "most_retries": 0}])
def test_what_is_not_tried_again_ends(columns: dict[str, Any]) -> None:
    assert play(task([0], **({"failing": 1.0, "most_retries": 3} | columns))).retries == 0


def test_a_retry_keeps_its_task_busy() -> None:
    fixed = RetryPolicy("FIXED", delay_seconds=30, jitter=False)
    once = task([0, 20], overlap="SKIP", failing=1.0, retrying=1.0, most_retries=1, backoff=fixed)

    assert play(once, children=5).skipped == 1


# Dependencies


def after(*upstreams: int, condition: Condition = Condition.SUCCESS, **columns: Any) -> Simulated:
    follows = None if columns.get("slots") else upstreams[0]
    arrows = tuple((number, condition) for number in upstreams)
    return task(columns.pop("slots", []), upstreams=arrows, follows=follows, depth=1, **columns)


def test_a_task_follows_the_one_that_it_depends_on() -> None:
    outcome = play(task([0, 100]), after(0), children=5)

    assert (outcome.executions, list(outcome.waits)) == (4, [0, 0, 0, 0])


def test_a_task_waits_for_its_other_upstreams() -> None:
    every = Simulation(
        [task([0]), task([0], took=50), after(0, 1, queue="last", took=1), task([40], queue="last", took=15)],
        children={"default": 2, "last": 1}, end=END, seed=0, most=9,
    ).run()  # fmt: skip
    # Both have ended at 50, and the one of its own queue does at 55.
    assert sorted(every[1].waits) == [0, 5]


@pytest.mark.parametrize(
    ("condition", "failing", "skipped"),
    [(Condition.SUCCESS, 1.0, 2), (Condition.FAILURE, 0.0, 2), (Condition.DONE, 1.0, 0)],
)
def test_what_cannot_go_any_more_is_skipped_with_all_behind_it(
    condition: Condition, failing: float, skipped: int
) -> None:
    assert play(task([0], failing=failing), after(0, condition=condition), after(1)).skipped == skipped


def test_a_task_with_slots_of_its_own_waits_at_them() -> None:
    outcome = play(task([0], took=30), after(0, slots=[0], took=1), children=5)

    assert (outcome.executions, outcome.busy_seconds) == (2, 31)
