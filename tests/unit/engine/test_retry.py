"""Whether an attempt is tried again, and after how long."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.retry import BACKOFFS, RetryPolicy, should_retry
from scheduler.engine.states import Status
from tests.unit.engine.schedules.cases import steady

EXECUTION = UUID("01990000-0000-7000-8000-000000000001")
ALL = ["FAILED", "TIMED_OUT", "LOST"]

policies = st.builds(
    RetryPolicy,
    backoff=st.sampled_from(BACKOFFS),
    delay_seconds=st.integers(0, 86_400),
    max_delay_seconds=st.integers(0, 86_400),
    jitter=st.booleans(),
)


def seconds(policy: RetryPolicy, attempt: int) -> float:
    return policy.delay(attempt=attempt, execution=EXECUTION).total_seconds()


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [("FIXED", [10, 10, 10, 10]), ("LINEAR", [10, 20, 30, 40]), ("EXPONENTIAL", [10, 20, 40, 80])],
)
def test_it_waits_by_the_backoff(backoff: str, expected: list[float]):
    policy = RetryPolicy(backoff=backoff, jitter=False)
    assert [seconds(policy, attempt) for attempt in (1, 2, 3, 4)] == expected


def test_it_waits_ten_seconds_doubling_to_an_hour_by_default():
    policy = RetryPolicy.from_json({"jitter": False})
    assert [seconds(policy, attempt) for attempt in (1, 2, 9, 10, 1_000)] == [10, 20, 2560, 3600, 3600]


def test_it_reads_every_field_of_the_stored_policy():
    stored = {"backoff": "LINEAR", "delaySeconds": 5, "maxDelaySeconds": 12, "jitter": False}
    assert RetryPolicy.from_json(stored) == RetryPolicy("LINEAR", 5, 12, jitter=False)


@steady
@given(policies)
def test_it_reads_what_it_has_written(policy: RetryPolicy):
    assert RetryPolicy.from_json(policy.as_json()) == policy


@steady
@given(policies, st.integers(1, 10_000), st.uuids())
def test_it_never_waits_longer_than_the_maximum(policy: RetryPolicy, attempt: int, execution: UUID):
    wait = policy.delay(attempt=attempt, execution=execution)
    assert timedelta(0) <= wait <= timedelta(seconds=policy.max_delay_seconds)


@steady
@given(policies, st.integers(1, 50), st.uuids())
def test_it_takes_off_at_most_half_by_jitter(policy: RetryPolicy, attempt: int, execution: UUID):
    plain = RetryPolicy(policy.backoff, policy.delay_seconds, policy.max_delay_seconds, jitter=False)
    assert policy.delay(attempt=attempt, execution=execution) >= plain.delay(attempt=attempt, execution=execution) / 2


def test_it_spreads_executions_by_jitter():
    waits = {RetryPolicy().delay(attempt=1, execution=UUID(int=number)) for number in range(100)}
    assert len(waits) == 100


def test_it_waits_equally_long_on_every_node():
    assert seconds(RetryPolicy(), 1) == seconds(RetryPolicy(), 1)


@pytest.mark.parametrize("outcome", [Status.FAILED, Status.TIMED_OUT, Status.LOST])
def test_it_retries_each_kind_of_failure(outcome: Status):
    assert should_retry(outcome, attempt=1, max_retry_count=3, retry_on=ALL)


@pytest.mark.parametrize("outcome", sorted(frozenset(Status) - {Status.FAILED, Status.TIMED_OUT, Status.LOST}))
def test_it_retries_nothing_else_even_where_it_is_listed(outcome: Status):
    assert not should_retry(outcome, attempt=1, max_retry_count=3, retry_on=[*ALL, outcome.value])


def test_it_does_not_retry_what_the_task_leaves_out():
    assert not should_retry(Status.LOST, attempt=1, max_retry_count=3, retry_on=["FAILED"])


@pytest.mark.parametrize(("attempt", "is_retried"), [(1, True), (3, True), (4, False), (5, False)])
def test_it_makes_one_attempt_more_than_retries(attempt: int, is_retried: bool):
    assert should_retry(Status.FAILED, attempt=attempt, max_retry_count=3, retry_on=ALL) is is_retried


def test_it_never_retries_without_retries():
    assert not should_retry(Status.FAILED, attempt=1, max_retry_count=0, retry_on=ALL)
