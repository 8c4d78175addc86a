"""From where, and why: which headers are believed, and which refused."""

from typing import Any

import pytest
from django.test import Client

from platform_scheduler.settings.environment import networks
from scheduler import acting
from scheduler.models import AuditRecord, Task
from tests.integration.conftest import Caller

GATEWAY = "10.0.0.1"


@pytest.fixture
def behind_gateways(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways live in 10.0.0.0/8 and at fd00::1."""
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, fd00::1")
    settings.TRUSTED_PROXIES = networks("TRUSTED_PROXIES")


def _address(caller: Caller, task: Task, peer: str, forwarded: str | None = None) -> str | None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    caller.post(f"/api/v1/tasks/{task.id}/pause", content_type="application/json", REMOTE_ADDR=peer, headers=headers)
    return AuditRecord.objects.get(verb="pause").address


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unix:", None),
    ],
)
def test_it_is_the_address_of_whoever_has_connected(
    operator: Caller, cleanup: Task, peer: str, shown: str | None
) -> None:
    assert _address(operator, cleanup, peer) == shown


def test_a_header_that_anybody_can_send_is_not_believed(operator: Caller, cleanup: Task) -> None:
    assert _address(operator, cleanup, "203.0.113.7", "198.51.100.1") == "203.0.113.7"


@pytest.mark.parametrize(
    ("forwarded", "shown"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("203.0.113.7, fd00::1", "203.0.113.7"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("unknown", GATEWAY),
        ("203.0.113.7, ", GATEWAY),
        ("", GATEWAY),
        (None, GATEWAY),
    ],
)
@pytest.mark.usefixtures("behind_gateways")
def test_a_gateway_is_believed_as_far_as_gateways_wrote(
    operator: Caller, cleanup: Task, forwarded: str | None, shown: str
) -> None:
    assert _address(operator, cleanup, GATEWAY, forwarded) == shown


@pytest.mark.usefixtures("behind_gateways")
def test_who_comes_past_the_gateway_is_not_believed(operator: Caller, cleanup: Task) -> None:
    assert _address(operator, cleanup, "203.0.113.7", "198.51.100.1") == "203.0.113.7"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("x" * 1000, "x" * 1000),
        ("Gr%C3%B6%C3%9Fer %F0%9F%95%B0", "Größer 🕰"),
        ("50% more, 100%25", "50% more, 100%"),
        (" trimmed ", "trimmed"),
    ],
)
def test_a_reason_is_kept(operator: Caller, cleanup: Task, header: str, reason: str) -> None:
    operator.send("post", f"tasks/{cleanup.id}/pause", x_reason=header)

    assert AuditRecord.objects.get(verb="pause").reason == reason


def test_without_one_there_is_none(operator: Caller, cleanup: Task) -> None:
    operator.send("post", f"tasks/{cleanup.id}/pause")

    assert AuditRecord.objects.get(verb="pause").reason is None


@pytest.mark.parametrize("header", ["", "   ", "x" * 1001, "Gr\xf6n", "Gr%F6n", "a%00b", "a%E2%80%A8b", "a\tb"])
def test_one_that_cannot_be_kept_is_refused_and_nothing_done(operator: Caller, cleanup: Task, header: str) -> None:
    refused = operator.send("post", f"tasks/{cleanup.id}/pause", x_reason=header)

    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == ["X-Reason"]
    assert Task.objects.get().status == "ACTIVE"


def test_a_read_takes_no_notice_of_it(viewer: Caller) -> None:
    assert viewer.send("get", "tasks", x_reason="\xff").status_code == 200


def test_nobody_acts_once_the_request_is_answered(operator: Caller, cleanup: Task) -> None:
    operator.send("post", f"tasks/{cleanup.id}/pause")

    assert acting.current() is acting.PLATFORM


def test_a_token_comes_before_a_session(admin_client: Client, operator: Caller, cleanup: Task) -> None:
    operator.cookies = admin_client.cookies

    operator.send("post", f"tasks/{cleanup.id}/pause")

    record = AuditRecord.objects.get(verb="pause")
    assert (record.actor, record.via) == ("olaf", "API")


def test_an_answer_of_the_api_does_not_vary_by_cookies(operator: Caller, cleanup: Task) -> None:
    assert "Cookie" not in operator.send("post", f"tasks/{cleanup.id}/pause").headers.get("Vary", "")
