"""What fails in a row is tried again more slowly: by task, and by class where it fails in more than one task."""

from datetime import timedelta
from uuid import UUID

import pytest

from scheduler.engine.backoff import Streak, follow, slowed, times
from scheduler.engine.states import Reason, Status

ONE, OTHER = UUID(int=1), UUID(int=2)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
FAILED, SUCCESS = Status.FAILED, Status.SUCCESS


@pytest.mark.parametrize(
    ("failures", "longer"), [(0, 1), (9, 1), (10, 2), (19, 2), (20, 4), (39, 4), (40, 8), (160, 32), (10**6, 32)]
)
def test_waits_double_with_each_doubling_of_failures(failures: int, longer: int) -> None:
    assert times(failures) == longer


@pytest.mark.parametrize("failure", [Status.FAILED, Status.TIMED_OUT, Status.LOST])
def test_each_failure_counts(failure: Status) -> None:
    assert follow(Streak(4, ONE), [(ONE, failure)]) == Streak(5, ONE)


def test_a_success_ends_it() -> None:
    assert follow(Streak(40, ONE), [(ONE, SUCCESS)]) is None
    assert follow(Streak(40, ONE), [(ONE, FAILED), (ONE, SUCCESS), (ONE, FAILED)]) == Streak(1, ONE)


def test_what_was_cancelled_says_nothing() -> None:
    assert follow(Streak(4, ONE), [(ONE, Status.CANCELLED)]) == Streak(4, ONE)
    assert follow(None, [(ONE, Status.CANCELLED)]) is None


def test_it_is_shared_once_a_second_task_has_failed() -> None:
    assert follow(None, [(ONE, FAILED), (OTHER, FAILED), (OTHER, FAILED)]) == Streak(3, OTHER, is_shared=True)


def wait(delay: timedelta = 10 * SECOND, *, longest: timedelta = HOUR, task: int = 0, of_class: Streak | None = None):
    return slowed(delay, longest=longest, of_task=Streak(task, ONE) if task else None, of_class=of_class)


def test_what_has_not_failed_often_waits_as_its_policy_says() -> None:
    assert wait() == (10 * SECOND, Reason.RETRY)
    assert wait(task=9, of_class=Streak(9, ONE, is_shared=True)) == (10 * SECOND, Reason.RETRY)


def test_a_task_that_fails_again_and_again_waits_longer() -> None:
    assert wait(task=20) == (40 * SECOND, Reason.TASK_BACKOFF)


def test_a_class_counts_where_more_than_one_of_its_tasks_fails() -> None:
    assert wait(of_class=Streak(40, ONE)) == (10 * SECOND, Reason.RETRY)
    assert wait(of_class=Streak(40, ONE, is_shared=True)) == (80 * SECOND, Reason.CLASS_BACKOFF)
    assert wait(task=40, of_class=Streak(20, ONE, is_shared=True)) == (80 * SECOND, Reason.TASK_BACKOFF)


def test_the_policys_maximum_and_an_hour_are_not_exceeded() -> None:
    assert wait(longest=15 * SECOND, task=40) == (15 * SECOND, Reason.TASK_BACKOFF)
    assert wait(longest=10 * SECOND, task=40) == (10 * SECOND, Reason.RETRY)
    assert wait(timedelta(minutes=30), longest=24 * HOUR, task=40) == (HOUR, Reason.TASK_BACKOFF)
    assert wait(2 * HOUR, longest=24 * HOUR, task=40) == (2 * HOUR, Reason.RETRY)


def test_what_would_be_tried_at_once_waits_as_well() -> None:
    assert wait(timedelta(), task=10) == (2 * SECOND, Reason.TASK_BACKOFF)
