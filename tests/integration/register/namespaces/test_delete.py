"""DELETE /api/v1/namespaces/{name}."""

from datetime import datetime, timedelta

import pytest

from register.access import create_token
from scheduler.models import ApiToken, Calendar, Namespace, Task, Template, Webhook
from tests.integration.conftest import Caller

pytestmark = pytest.mark.usefixtures("payments")


@pytest.fixture
def calendar() -> Calendar:
    """A calendar of payments."""
    return Calendar.objects.create(name="Paydays", namespace="payments")


@pytest.fixture
def token(now: datetime) -> ApiToken:
    """A token of payments."""
    made, _ = create_token("vera", role="viewer", namespace="payments", now=now)
    return made


def test_it_deletes_an_empty_one(admin: Caller) -> None:
    answer = admin.send("delete", "namespaces/payments")

    assert (answer.status_code, Namespace.objects.exists()) == (204, False)


def test_a_second_time_finds_nothing(admin: Caller) -> None:
    admin.send("delete", "namespaces/payments")

    assert admin.send("delete", "namespaces/payments").status_code == 404


@pytest.fixture
def template(now: datetime) -> Template:
    """A template of payments."""
    return Template.objects.create(
        name="payout",
        namespace="payments",
        parameters={"type": "object"},
        definition={},
        created_at=now,
        updated_at=now,
    )


@pytest.fixture
def hook() -> Webhook:
    """A webhook of payments."""
    return Webhook.objects.create(namespace="payments", url="https://receiver.example/", events=["*"])


@pytest.mark.parametrize(
    ("fixture", "kind"),
    [
        ("payroll", "tasks"),
        ("calendar", "calendars"),
        ("template", "templates"),
        ("hook", "webhooks"),
        ("token", "tokens"),
    ],
)
def test_it_keeps_one_that_is_used(admin: Caller, request: pytest.FixtureRequest, fixture: str, kind: str) -> None:
    request.getfixturevalue(fixture)

    answer = admin.send("delete", "namespaces/payments")

    assert (answer.status_code, answer.json()["detail"]) == (409, f"The namespace still has {kind}.")
    assert Namespace.objects.exists()


def test_it_names_all_that_is_there(admin: Caller, payroll: Task, calendar: Calendar, token: ApiToken) -> None:
    detail = admin.send("delete", "namespaces/payments").json()["detail"]

    assert detail == "The namespace still has tasks, calendars and tokens."


def test_what_is_over_does_not_keep_it(
    admin: Caller, payroll: Task, calendar: Calendar, template: Template, hook: Webhook, token: ApiToken, now: datetime
) -> None:
    Task.objects.update(status="DELETED", claim_at=None)
    Calendar.objects.update(deleted_at=now)
    Template.objects.update(deleted_at=now)
    Webhook.objects.update(deleted_at=now)
    ApiToken.objects.filter(id=token.id).update(revoked_at=now)

    assert admin.send("delete", "namespaces/payments").status_code == 204


def test_an_expired_token_does_not_keep_it(admin: Caller, token: ApiToken, now: datetime) -> None:
    ApiToken.objects.filter(id=token.id).update(expires_at=now - timedelta(days=1))

    assert admin.send("delete", "namespaces/payments").status_code == 204


def test_it_refuses_a_stale_version(admin: Caller) -> None:
    assert admin.send("delete", "namespaces/payments", if_match='"2"').status_code == 412
    assert Namespace.objects.exists()


def test_a_bound_admin_deletes_none(payments_admin: Caller) -> None:
    assert payments_admin.send("delete", "namespaces/payments").status_code == 403
    assert Namespace.objects.exists()
