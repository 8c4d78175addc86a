"""A key whose request runs, whose process has died, or whose day is over."""

import pytest

from scheduler import clock, housekeeping, idempotency
from scheduler.connections import current
from scheduler.idempotency import Standing, Use
from scheduler.models import ApiToken, Execution, IdempotencyKey, Task
from tests.integration.conftest import Caller
from tests.integration.register.idempotency.repeating import DAY, KEY, MINUTE, SECOND, age, let_die, trigger

# In progress


def test_it_asks_for_patience_while_the_first_runs(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    let_die()

    answer = trigger(operator, cleanup)

    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert answer.json()["type"] == "urn:platform-scheduler:problem:in-progress"
    assert not Execution.objects.exists()


def test_it_runs_what_a_dead_process_has_left(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    let_die()
    age(MINUTE)

    answers = [trigger(operator, cleanup), trigger(operator, cleanup)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert str(Execution.objects.get().id) == answers[1].json()["id"]


def test_it_waits_a_minute_for_a_silent_process(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    let_die()
    age(MINUTE - 10 * SECOND)

    assert trigger(operator, cleanup).status_code == 409


@pytest.fixture
def use(operator: Caller) -> Use:
    """A use of a key by olaf."""
    return Use(ApiToken.objects.get().id, "/api/v1/tasks", KEY, b"\0" * 32)


GIVEN = idempotency.Answer(201, {"Location": "/x"}, b"{}")


def test_a_request_whose_key_was_taken_over_does_not_answer(use: Use) -> None:
    now = clock.now()
    idempotency.take(current(), use, now=now)

    assert idempotency.take(current(), use, now=now + MINUTE) is Standing.TAKEN
    assert idempotency.answer(current(), use, GIVEN, taken_at=now) is False
    assert idempotency.answer(current(), use, GIVEN, taken_at=now + MINUTE) is True


def test_a_request_whose_key_was_taken_over_gives_nothing_back(use: Use) -> None:
    now = clock.now()
    idempotency.take(current(), use, now=now)
    idempotency.take(current(), use, now=now + MINUTE)

    idempotency.release(current(), use, taken_at=now)

    assert idempotency.take(current(), use, now=now + MINUTE) is Standing.IN_PROGRESS


def test_an_answer_is_not_given_back(use: Use) -> None:
    now = clock.now()
    idempotency.take(current(), use, now=now)
    idempotency.answer(current(), use, GIVEN, taken_at=now)

    idempotency.release(current(), use, taken_at=now)

    assert idempotency.take(current(), use, now=now + MINUTE) == GIVEN


# A day


def test_it_remembers_for_a_day(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    age(DAY - MINUTE)

    assert trigger(operator, cleanup)["Idempotency-Replayed"] == "true"


def test_it_forgets_after_a_day(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    age(DAY)

    assert trigger(operator, cleanup, {"taskData": {"retentionDays": 1}}).status_code == 202
    assert Execution.objects.count() == 2


def test_the_chore_deletes_what_has_expired(operator: Caller, cleanup: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "KEYS_AT_ONCE", 1)
    trigger(operator, cleanup, key="old")
    trigger(operator, cleanup, key="older")
    IdempotencyKey.objects.update(expires_at=clock.now())
    trigger(operator, cleanup, key="new")

    housekeeping.forget_idempotency_keys()

    assert IdempotencyKey.objects.get().key == "new"
