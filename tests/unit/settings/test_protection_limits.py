"""PROTECTION_LIMITS."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from platform_scheduler.settings.environment import protection_limits
from scheduler.engine.protection import DEFAULT_LIMITS, Limit

NAME = "PROTECTION_LIMITS"


def test_without_it_the_defaults_hold(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(NAME, raising=False)
    assert protection_limits(NAME) == DEFAULT_LIMITS


def test_it_changes_what_it_names(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(NAME, "memoryPercent=80:92; oldestTransactionSeconds=600:3600; queued=off")
    limits = protection_limits(NAME)
    assert (limits["memoryPercent"], limits["oldestTransactionSeconds"]) == (Limit(80, 92), Limit(600, 3600))
    assert "queued" not in limits
    assert limits["brokerMemoryPercent"] == DEFAULT_LIMITS["brokerMemoryPercent"]


@pytest.mark.parametrize(
    "text", ["disk=1:2", "queued", "queued=", "queued=5", "queued=5:4", "queued=a:b", "queued=0:1"]
)
def test_it_refuses_what_it_does_not_understand(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        protection_limits(NAME)
