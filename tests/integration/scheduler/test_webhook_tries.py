"""How the tries of a webhook's messages go, and when it is switched off."""

import json
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import claims, webhooks
from scheduler.engine.webhooks import MOST_TRIES
from scheduler.outgoing import DueDelivery
from scheduler.webhooks import Tried
from tests.hot_paths import MINUTE, SECOND, add_webhook, deliveries, webhook

LEASE = MINUTE


@pytest.fixture
def hook(connection: psycopg.Connection) -> UUID:
    """Wants to be told of everything."""
    return add_webhook(connection)


@pytest.fixture
def waiting(connection: psycopg.Connection, hook: UUID, now: datetime) -> UUID:
    """A message that is to be sent."""
    return webhooks.send_test(connection, hook, None, now=now)


def _take(connection: psycopg.Connection, *, now: datetime) -> list[DueDelivery]:
    return claims.due_deliveries(connection, now=now, until=now + LEASE, of_each=4, limit=16)


def _try(connection: psycopg.Connection, status: int | None, *, now: datetime) -> None:
    (due,) = _take(connection, now=now)
    error = None if status == 200 else "It has failed."
    webhooks.note(connection, Tried(due, now, 5, status, error), now=now)


class TestTries:
    def test_a_success_is_an_end(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        _try(connection, 200, now=now)

        (told,) = deliveries(connection)
        assert (told["status"], told["ended_at"], told["attempt_count"]) == ("DELIVERED", now, 1)
        assert told["attempts"] == [{"at": f"{now:%Y-%m-%dT%H:%M:%S}Z", "status": 200, "error": None, "durationMs": 5}]

    def test_a_failure_is_tried_again_later(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        _try(connection, 500, now=now)

        (told,) = deliveries(connection)
        assert (told["status"], told["tries_left"]) == ("PENDING", MOST_TRIES - 1)
        assert now + 5 * SECOND <= told["next_attempt_at"] <= now + 10 * SECOND
        assert _take(connection, now=now + 4 * SECOND) == []
        assert (webhook(connection, hook)["failure_count"], webhook(connection, hook)["failing_since"]) == (1, now)

    def test_after_the_last_try_it_has_failed(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        at = now
        for _ in range(MOST_TRIES):
            _try(connection, None, now=at)
            at = max(deliveries(connection)[0]["next_attempt_at"], webhook(connection, hook)["not_before"])

        (told,) = deliveries(connection)
        assert (told["status"], told["attempt_count"], len(told["attempts"])) == ("FAILED", MOST_TRIES, MOST_TRIES)
        assert _take(connection, now=now + timedelta(days=9)) == []

    def test_one_success_forgives_all_failures(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        _try(connection, 500, now=now)

        _try(connection, 200, now=now + MINUTE)

        assert (webhook(connection, hook)["failure_count"], webhook(connection, hook)["failing_since"]) == (0, None)

    def test_what_is_being_tried_is_not_taken_again(
        self, connection: psycopg.Connection, waiting: UUID, now: datetime
    ) -> None:
        _take(connection, now=now)

        assert _take(connection, now=now + LEASE - SECOND) == []

    def test_where_the_process_dies_it_is_tried_again_under_the_same_id(
        self, connection: psycopg.Connection, waiting: UUID, now: datetime
    ) -> None:
        _take(connection, now=now)

        assert [due.id for due in _take(connection, now=now + LEASE)] == [waiting]

    def test_whoever_was_overtaken_writes_nothing(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        (slow,) = _take(connection, now=now)
        _try(connection, 200, now=now + LEASE)

        webhooks.note(connection, Tried(slow, now, 5, 500, "no"), now=now + LEASE)

        assert (deliveries(connection)[0]["status"], webhook(connection, hook)["failure_count"]) == ("DELIVERED", 0)

    def test_one_that_does_not_answer_holds_up_no_other(
        self, connection: psycopg.Connection, hook: UUID, now: datetime
    ) -> None:
        other = add_webhook(connection)
        for number in range(20):
            webhooks.send_test(connection, hook, None, now=now + number * SECOND)
        webhooks.send_test(connection, other, None, now=now + MINUTE)

        due = _take(connection, now=now + MINUTE)

        assert sorted(one.webhook_id for one in due) == sorted([hook] * 4 + [other])

    def test_one_that_fails_is_left_in_peace_for_longer_and_longer(
        self, connection: psycopg.Connection, hook: UUID, now: datetime
    ) -> None:
        for number in range(3):
            webhooks.send_test(connection, hook, None, now=now + number * SECOND / 10)
        at = now + SECOND
        peace = []
        for due in _take(connection, now=at):
            webhooks.note(connection, Tried(due, at, 5, None, "no"), now=at)
            peace.append(webhook(connection, hook)["not_before"] - at)

        assert peace == [5 * SECOND, 10 * SECOND, 20 * SECOND]
        webhooks.send_test(connection, hook, None, now=at)
        assert _take(connection, now=at + 19 * SECOND) == []
        assert len(_take(connection, now=at + 40 * SECOND)) == 4

    def test_one_that_answers_again_is_tried_at_once(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        _try(connection, 500, now=now)
        _try(connection, 200, now=now + MINUTE)

        assert webhook(connection, hook)["not_before"] is None

    def test_a_replay_has_as_many_tries_and_the_same_id(
        self, connection: psycopg.Connection, waiting: UUID, now: datetime
    ) -> None:
        _try(connection, 200, now=now)
        webhooks.replay(connection, waiting, now=now + MINUTE)

        (due,) = _take(connection, now=now + MINUTE)

        assert (due.id, due.attempt_count, due.tries_left) == (waiting, 2, MOST_TRIES - 1)

    def test_old_messages_are_forgotten(self, connection: psycopg.Connection, waiting: UUID, now: datetime) -> None:
        assert webhooks.forget(connection, now=now + webhooks.DELIVERIES_KEPT) == 0
        assert webhooks.forget(connection, now=now + webhooks.DELIVERIES_KEPT + SECOND) == 1


class TestSwitchingOff:
    def _fail(self, connection: psycopg.Connection, hook: UUID, *, since: datetime, now: datetime) -> None:
        connection.execute(
            "UPDATE scheduler_webhooks SET failure_count = 19, failing_since = %s WHERE id = %s", (since, hook)
        )
        _try(connection, 503, now=now)

    def test_it_is_switched_off_after_a_day_of_failures(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        self._fail(connection, hook, since=now - timedelta(hours=24), now=now)

        row = webhook(connection, hook)
        assert (row["is_active"], row["switched_off_at"]) == (False, now)
        since = f"{now - timedelta(hours=24):%Y-%m-%d %H:%M:%S} UTC"
        assert row["switched_off_reason"].startswith(f"20 tries in a row have failed since {since}; ")
        assert _take(connection, now=now + timedelta(days=1)) == []

    def test_it_stays_on_for_less_than_a_day(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        self._fail(connection, hook, since=now - timedelta(hours=23), now=now)

        assert webhook(connection, hook)["is_active"]

    def test_it_is_switched_off_at_once_where_nobody_is_any_more(
        self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime
    ) -> None:
        _try(connection, 410, now=now)

        assert not webhook(connection, hook)["is_active"]

    def test_it_gives_notice(self, connection: psycopg.Connection, hook: UUID, waiting: UUID, now: datetime) -> None:
        other = add_webhook(connection, "webhook.*")
        _try(connection, 410, now=now)

        webhooks.fan_out(connection, now=now)

        (notice,) = deliveries(connection, other)
        record = connection.execute("SELECT actor, verb FROM scheduler_audit WHERE kind = 'webhook'").fetchone()
        assert (notice["event"], json.loads(notice["body"])["data"]["webhook"]["id"]) == (
            "webhook.switched_off",
            str(hook),
        )
        assert record == ("platform", "switch_off")
