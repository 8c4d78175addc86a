"""What `platform.celery` may send to, before anything is sent."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.handler_cast import a_context
from workers import registry
from workers.handlers import celery
from workers.handlers.celery import NotSent, TargetRefused, read_targets, send

BILLING = {"broker": "redis://:hidden@127.0.0.1:1/0", "tasks": ["billing.*", "ping"], "queues": ["billing", "bulk-?"]}


@pytest.fixture(autouse=True)
def targets(settings):
    settings.CELERY_TARGETS = {"billing": BILLING}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"target": "biling", "task": "ping"}, r"no Celery application 'biling'. Did you mean 'billing'\?"),
        (
            {"target": "billing", "task": "os.system"},
            r"may not send 'os.system' to billing: allowed are billing.\*, ping",
        ),
        ({"target": "billing", "task": "Billing.close"}, "may not send"),
        ({"target": "billing", "task": "billing"}, "may not send"),
        ({"target": "billing", "task": "ping", "queue": "other"}, "may not use the queue 'other'"),
        ({"target": "billing", "task": "ping", "waitSeconds": 1}, "has no resultBackend"),
    ],
)
def test_it_refuses_what_is_not_allowed(data, why):
    with pytest.raises(TargetRefused, match=why):
        send(data, a_context())


def test_it_knows_no_application_by_itself(settings):
    settings.CELERY_TARGETS = {}
    with pytest.raises(TargetRefused):
        send({"target": "billing", "task": "ping"}, a_context())


def test_it_says_that_the_broker_is_away_and_no_password():
    with pytest.raises(NotSent, match="The broker of billing did not take ping") as failure:
        send({"target": "billing", "task": "ping", "queue": "bulk-1"}, a_context())
    assert "hidden" not in str(failure.value)


@pytest.mark.parametrize(
    "setting",
    [
        {"billing": {"tasks": ["x"]}},
        {"billing": {"broker": "redis://h/0"}},
        {"billing": {"broker": "redis://h/0", "tasks": "billing.*"}},
        {"billing": {"broker": "redis://h/0", "tasks": []}},
        {"billing": {"broker": "redis://h/0", "tasks": ["x"], "resultbackend": "redis://h/0"}},
        {"billing": "redis://h/0"},
    ],
)
def test_it_stops_a_worker_whose_setting_cannot_be_read(setting):
    with pytest.raises(ImproperlyConfigured, match="CELERY_TARGETS: billing") as refusal:
        read_targets(setting)
    assert "redis://" not in str(refusal.value)


@pytest.mark.parametrize(
    "data",
    [
        {"task": "ping"},
        {"target": "billing"},
        {"target": "billing", "task": "ping", "args": {}},
        {"target": "billing", "task": "ping", "kwargs": []},
        {"target": "billing", "task": "ping", "waitSeconds": 0},
        {"target": "billing", "task": "ping", "countdown": 5},
    ],
)
def test_its_schema_refuses_what_it_does_not_understand(data):
    assert registry.find("platform.celery").faults(data) != []


def test_it_shares_nothing_with_the_platform_s_own_application():
    from celery import current_app

    with celery._application() as app:
        assert (app.main, current_app.main) == ("platform.celery", "platform_scheduler")
        assert list(app.conf.accept_content) == ["json"]
        assert app.conf.include == ()
