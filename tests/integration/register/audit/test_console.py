"""The audit at /admin/."""

from datetime import datetime

import pytest
from django.test import Client

from register import services
from register.api.reading import read_changes
from scheduler.models import AuditRecord, Task
from tests.integration.conftest import Caller

AUDIT = "/admin/scheduler/auditrecord/"


def _page(client: Client, path: str = AUDIT, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def paused(operator: Caller, cleanup: Task) -> AuditRecord:
    """Olaf has paused a task, and said why."""
    operator.send("post", f"tasks/{cleanup.id}/pause", x_reason="Too much <b>.")
    return AuditRecord.objects.get(verb="pause")


def test_it_lists_who_did_what_from_where_and_why(admin_client: Client, paused: AuditRecord) -> None:
    page = _page(admin_client)

    assert all(text in page for text in ("olaf", "pause", "127.0.0.1", "Too much &lt;b&gt;."))


@pytest.mark.parametrize("term", ["olaf", "{task}"])
def test_it_finds_records(admin_client: Client, paused: AuditRecord, term: str) -> None:
    assert "Too much" in _page(admin_client, q=term.format(task=paused.object_id))


@pytest.mark.parametrize("query", [{"q": "ola"}, {"verb": "resume"}, {"kind": "token"}, {"via__exact": "CONSOLE"}])
def test_it_finds_no_others(admin_client: Client, paused: AuditRecord, query: dict[str, str]) -> None:
    assert "Too much" not in _page(admin_client, **query)


def test_it_shows_what_was_before_and_after(admin_client: Client, cleanup: Task, now: datetime) -> None:
    services.change_task(cleanup.id, read_changes({"priority": 9}), namespace=None, now=now)
    record = AuditRecord.objects.get(verb="change")

    page = _page(admin_client, f"{AUDIT}{record.id}/change/")

    assert page.count("&quot;priority&quot;: 3") == 1
    assert page.count("&quot;priority&quot;: 9") == 1


@pytest.mark.parametrize("path", ["add/", "{record}/delete/"])
def test_nobody_writes_it(admin_client: Client, paused: AuditRecord, path: str) -> None:
    assert admin_client.post(AUDIT + path.format(record=paused.id)).status_code == 403
