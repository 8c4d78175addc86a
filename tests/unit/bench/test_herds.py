"""What windows do to a herd at a full hour, by the arithmetic that the claim uses."""

import pytest

from bench.herds import hours

TASKS = 10_000


@pytest.mark.parametrize(("herd", "least"), [(5_000, 0.99), (6_000, 0.83), (7_000, 0.71), (8_000, 0.62)])
def test_half_of_the_tasks_with_five_minutes_take_the_peak_down_by_60_percent(herd: int, least: float) -> None:
    before, after = hours(tasks=TASKS, herd=herd, flexible=TASKS // 2, per_second=50)

    assert 1 - after.peak / before.peak >= least


@pytest.mark.parametrize("herd", [1_000, 5_000, 10_000])
def test_of_a_herd_of_which_half_may_move_nothing_but_the_other_half_is_left(herd: int) -> None:
    # No more can be: what may not move is due when it is due.
    _, after = hours(tasks=TASKS, herd=herd, flexible=herd // 2, per_second=50)

    assert after.peak <= herd // 2 + (TASKS - herd) // 3_600 + 1


def test_the_one_that_waits_longest_waits_less() -> None:
    before, after = hours(tasks=TASKS, herd=7_000, flexible=5_000, per_second=50)

    assert after.longest_wait < 0.5 * before.longest_wait
