"""Webhooks by their rules."""

from datetime import timedelta
from uuid import UUID

import pytest

from scheduler.engine import webhooks
from scheduler.engine.states import FINAL
from scheduler.models.choices import AuditVerb

HOOK = UUID("00000000-0000-4000-8000-000000000001")
KEY = "the installation's own key"


@pytest.mark.parametrize(
    ("events", "event", "is_wanted"),
    [
        (["execution.failed"], "execution.failed", True),
        (["execution.failed"], "execution.lost", False),
        (["execution.*"], "execution.lost", True),
        (["execution.*"], "task.created", False),
        (["task.paused", "execution.*"], "task.paused", True),
        (["*"], "webhook.switched_off", True),
        ([], "task.created", False),
    ],
)
def test_it_knows_who_wants_what(events: list[str], event: str, is_wanted: bool) -> None:
    assert webhooks.wants(events, event) is is_wanted


def test_every_end_of_an_execution_is_an_event() -> None:
    assert webhooks.EXECUTION_EVENTS.keys() == FINAL


def test_tasks_are_told_of_by_verbs_of_the_audit() -> None:
    assert webhooks.TASK_EVENTS.keys() <= set(AuditVerb.values)


def test_it_signs_as_standard_webhooks_has_it() -> None:
    """The example of the specification's own libraries."""
    signed = webhooks.signature(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        delivery="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_it_signs_once_a_secret() -> None:
    secrets = [webhooks.secret(KEY, HOOK, version) for version in (2, 1)]
    signed = [webhooks.signature([one], delivery=HOOK, timestamp=5, body=b"{}") for one in secrets]

    assert webhooks.signature(secrets, delivery=HOOK, timestamp=5, body=b"{}") == " ".join(signed)


def test_a_secret_is_the_same_on_every_node_and_nobody_elses() -> None:
    secrets = {
        webhooks.secret(key, hook, version)
        for key in (KEY, "another")
        for hook in (HOOK, UUID(int=2))
        for version in (1, 2)
    }

    assert len(secrets) == 8
    assert webhooks.secret(KEY, HOOK, 1) in secrets
    assert all(one.startswith("whsec_") and len(one) == 50 for one in secrets)


def test_the_id_of_a_delivery_is_worked_out() -> None:
    told = {webhooks.delivery_id(hook, subject) for hook in (HOOK, UUID(int=2)) for subject in ("a", "b")}

    assert len(told) == 4
    assert webhooks.delivery_id(HOOK, "a") in told


def test_it_waits_longer_and_longer_and_then_no_more() -> None:
    waits = [webhooks.wait(tries, delivery=HOOK) for tries in range(1, webhooks.MOST_TRIES)]
    known = [one for one in waits if one is not None]

    assert len(known) == webhooks.MOST_TRIES - 1
    assert known == sorted(known)
    assert timedelta(hours=6) < sum(known, timedelta()) < timedelta(hours=24)
    assert webhooks.wait(webhooks.MOST_TRIES, delivery=HOOK) is None


@pytest.mark.parametrize(
    ("failures", "hours", "is_given_up"), [(19, 100, False), (20, 23, False), (20, 24, True), (500, 48, True)]
)
def test_it_gives_up_after_a_day_of_nothing_else(failures: int, hours: int, is_given_up: bool) -> None:
    assert webhooks.is_given_up(failures=failures, failing_for=timedelta(hours=hours)) is is_given_up


@pytest.mark.parametrize(
    ("status", "has_failed"),
    [(None, True), (500, True), (503, True), (429, True), (200, False), (301, False), (404, False), (410, False)],
)
def test_a_host_has_failed_where_it_is_not_well(status: int | None, has_failed: bool):
    assert webhooks.has_host_failed(status) is has_failed
